-- Reads: the constraints of tables and domains. Not those that a partition or a child has from its
-- parent, and not 18's NOT NULL ones, which are their column's. Serves 15 to 18.
select 'constraint', coalesce(c.nspname, ts.nspname)::text, coalesce(c.relname, t.typname)::text,
       k.conname::text, null::text,
       jsonb_strip_nulls(jsonb_build_object(
           'constraint_type', case k.contype when 'c' then 'check' when 'f' then 'foreign key'
               when 'p' then 'primary key' when 'u' then 'unique' else 'exclusion' end,
           'definition', regexp_replace(p.text,
               '( DEFERRABLE)?( INITIALLY DEFERRED)?( NOT VALID| NOT ENFORCED)?$', ''),
           'validated', case when p.text like '% NOT ENFORCED' then null
                             when k.convalidated then 'validated' else 'not validated' end,
           'enforcement', case when p.text like '% NOT ENFORCED' then 'not enforced' else 'enforced' end,
           'deferrability', case when k.condeferred then 'deferrable initially deferred'
               when k.condeferrable then 'deferrable' else 'not deferrable' end,
           'validity', case when i.indexrelid is null then null
               when i.indisvalid and i.indisready then 'valid' else 'invalid' end,
           'clustered', case when i.indisclustered then 'clustered' end,
           'replica_identity_index', case when i.indisreplident then 'replica identity' end,
           'storage_parameters', x.reloptions,
           'columns', (select jsonb_agg(a.attname order by u.place)
                       from unnest(k.conkey) with ordinality u (number, place)
                       join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number),
           'on_domain', case when k.contypid <> 0 then 'domain' end,
           'partitioned', case when c.relkind = 'p' then 'partitioned' end,
           'comment', d.description))::text
from pg_constraint k
left join relation c on c.oid = k.conrelid
left join pg_type t on t.oid = k.contypid
    and (1247::oid, t.oid) not in (select classid, objid from member)
left join space ts on ts.oid = t.typnamespace
left join pg_class x on x.oid = k.conindid and k.contype in ('p', 'u', 'x')
left join pg_index i on i.indexrelid = x.oid
cross join lateral (select pg_get_constraintdef(k.oid) as text) p
left join pg_description d
    on d.classoid = 'pg_constraint'::regclass and d.objoid = k.oid and d.objsubid = 0
where k.contype in ('c', 'f', 'p', 'u', 'x')
  and k.coninhcount = 0 and k.conparentid = 0
  and (c.oid is not null or ts.oid is not null)
