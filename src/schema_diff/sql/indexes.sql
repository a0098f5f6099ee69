-- Reads: indexes that neither belong to a constraint nor to a partitioned table's index. The
-- definition has no name in it. Serves 15 to 18.
select 'index', c.nspname::text, c.relname::text, x.relname::text, null::text,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', case when i.indisunique then 'CREATE UNIQUE INDEX' else 'CREATE INDEX' end
               || substr(pg_get_indexdef(x.oid), length(
                   case when i.indisunique then 'CREATE UNIQUE INDEX ' else 'CREATE INDEX ' end
                   || quote_ident(x.relname)) + 1),
           'validity', case when i.indisvalid and i.indisready then 'valid' else 'invalid' end,
           'clustered', case when i.indisclustered then 'clustered' end,
           'replica_identity_index', case when i.indisreplident then 'replica identity' end,
           'statistics_target', (
               select string_agg(concat(a.attnum, ':', a.attstattarget), ' ' order by a.attnum)
               from pg_attribute a where a.attrelid = x.oid and a.attstattarget >= 0),
           'columns', (
               select jsonb_agg(coalesce(a.attname, e.attname) order by e.attnum)
               from pg_attribute e
               left join pg_attribute a
                   on a.attrelid = i.indrelid and a.attnum = i.indkey[e.attnum - 1] and a.attnum > 0
               where e.attrelid = x.oid and e.attnum > 0),
           'partitioned', case when c.relkind = 'p' then 'partitioned' end,
           'comment', d.description))::text
from pg_index i
join pg_class x on x.oid = i.indexrelid and not x.relispartition
join relation c on c.oid = i.indrelid
left join pg_description d
    on d.classoid = 'pg_class'::regclass and d.objoid = x.oid and d.objsubid = 0
where not exists (
    select from pg_constraint k
    where k.conindid = x.oid and k.contype in ('p', 'u', 'x') and k.conrelid = c.oid)
