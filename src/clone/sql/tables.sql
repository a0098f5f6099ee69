-- Reads: every table with rows of its own (partitions, not their parents; configuration tables of
-- extensions that ask to be dumped), the columns COPY can write, and whether all their types have a
-- binary form. Largest first, so that the longest copy starts first. Serves 15 to 18.
select c.oid,
       n.nspname as schema,
       c.relname as name,
       pg_table_size(c.oid) as bytes,
       coalesce(a.columns, '{}') as columns,
       coalesce(a.has_binary_form, true) as has_binary_form
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join lateral (
    select array_agg(a.attname::text order by a.attnum) as columns,
           bool_and(t.typsend <> 0 and t.typreceive <> 0 and t.typname <> 'aclitem'
                    and coalesce(e.typname <> 'aclitem', true)) as has_binary_form
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join pg_type e on e.oid = t.typelem
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
) a on true
where c.relkind = 'r'
  and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
  and (not exists (
          select from pg_depend d
          where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
       or exists (select from pg_extension x where c.oid = any (x.extconfig)))
order by pg_table_size(c.oid) desc, 2, 3
