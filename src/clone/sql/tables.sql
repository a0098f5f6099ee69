-- Reads: every table with rows of its own (partitions, not their parents; configuration tables of
-- extensions that ask to be dumped), the columns COPY can write, and whether the binary form of all
-- their types means the same on another server. `regclass` and its kin are sent as OIDs, which are
-- others there; rows inside rows may hold such. Largest first, so that the longest copy starts
-- first. Serves 15 to 18.
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
           bool_and(t.typsend <> 0 and t.typreceive <> 0
                    and t.typsend::regproc::text !~ '^(pg_catalog\.)?(reg\w+send|record_send)$'
                    and coalesce(e.typsend <> 0 and e.typreceive <> 0
                                 and e.typsend::regproc::text !~ '^(pg_catalog\.)?(reg\w+send|record_send)$', true)
           ) as has_binary_form
    from pg_attribute a
    join pg_type t on t.oid = a.atttypid
    left join pg_type base on base.oid = t.typbasetype
    left join pg_type e on e.oid = coalesce(nullif(t.typelem, 0), base.typelem) and e.oid <> 0
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
) a on true
where c.relkind = 'r'
  and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
  -- What AWS keeps for itself in a user's database.
  and not (pg_get_userbyid(n.nspowner) = 'rdsadmin' and not has_schema_privilege(n.oid, 'usage'))
  and (not exists (
          select from pg_depend d
          where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
       or exists (select from pg_extension x where c.oid = any (x.extconfig)))
order by pg_table_size(c.oid) desc, 2, 3
