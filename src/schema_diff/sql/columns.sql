-- Reads: the columns of tables, foreign tables and views. Of a view's columns only what the view's
-- definition does not say. Positions are ranks: dropped columns leave no trace. Serves 15 to 18.
, owned as materialized (
    select d.refobjid, d.refobjsubid, d.objid, d.deptype, s.*, c.relacl, c.relowner
    from pg_depend d
    join pg_sequence s on s.seqrelid = d.objid
    join pg_class c on c.oid = d.objid
    where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
      and d.deptype in ('a', 'i') and d.refobjsubid > 0
)
select 'column', c.nspname::text, c.relname::text, a.attname::text, null::text,
       jsonb_strip_nulls(case when c.relkind in ('v', 'm') then '{}' else jsonb_build_object(
           'column_type', format_type(a.atttypid, a.atttypmod),
           'collation', case when a.attcollation <> t.typcollation
                             then a.attcollation::regcollation::text end,
           'nullability', case when not a.attnotnull then 'null' else 'not null'
               || case when n.connoinherit then ' no inherit' else '' end
               || case when not n.convalidated then ' not valid' else '' end end,
           'generated', case a.attgenerated when 's' then e.text || ' stored'
                                            when 'v' then e.text || ' virtual' end,
           'identity', case a.attidentity when 'a' then 'always' when 'd' then 'by default' end,
           'identity_options', case when a.attidentity <> '' then concat(
               'start ', q.seqstart, ' increment ', q.seqincrement, ' minvalue ', q.seqmin,
               ' maxvalue ', q.seqmax, ' cache ', q.seqcache,
               case when q.seqcycle then ' cycle' else ' no cycle' end) end,
           'identity_privileges', case when a.attidentity <> '' then
               coalesce(q.relacl, acldefault('s', q.relowner))::text[] end,
           'position', row_number() over (partition by c.oid order by a.attnum),
           'inherited', case when a.attinhcount > 0 then 'inherited' end,
           'foreign_options', a.attfdwoptions) end
       || jsonb_build_object(
           'default', case when a.attgenerated <> '' then null
               when q.deptype = 'a' and e.text = format('nextval(%L::regclass)', q.objid::regclass)
               then 'nextval of the column''s own sequence' else e.text end,
           'own_storage', case when a.attstorage = t.typstorage then 'own' end,
           'storage', case when a.attstorage = 'p' then 'plain' when a.attstorage = 'e' then 'external'
                           when a.attstorage = 'm' then 'main' else 'extended' end,
           'compression', case a.attcompression when 'p' then 'pglz' when 'l' then 'lz4' end,
           'statistics_target', nullif(a.attstattarget, -1)::text,
           -- The server's own version of the column (17.12, 15.20) differs everywhere; pg_dump
           -- leaves it out too.
           'column_options', case when a.attoptions is not null then (
               select array_agg(o.text order by o.text) from unnest(a.attoptions) as o (text)
               where not starts_with(o.text, 'pg_attver=')) end,
           'privileges', a.attacl::text[],
           'owner', pg_get_userbyid(c.relowner),
           'owner_follows', 'table',
           'comment', d.description))::text
from relation c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_type t on t.oid = a.atttypid
-- Deparsed once a column: `offset 0` keeps the planner from doing it at every use.
left join (select adrelid, adnum, pg_get_expr(adbin, adrelid) as text from pg_attrdef offset 0) e
    on e.adrelid = a.attrelid and e.adnum = a.attnum
left join owned q on q.refobjid = a.attrelid and q.refobjsubid = a.attnum
    -- A column may own several sequences; the one of its default or identity counts.
    and (q.deptype = 'i' or e.text = format('nextval(%L::regclass)', q.objid::regclass))
left join pg_constraint n
    on n.conrelid = a.attrelid and n.contype = 'n' and n.conkey[1] = a.attnum
left join pg_description d
    on d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = a.attnum
