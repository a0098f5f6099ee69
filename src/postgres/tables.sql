-- Reads: every table of the user's: OID, name, whether it is partitioned, size, and the table that
-- it is a partition of in the end, else itself. Largest first.
-- Serves 15 to 18.
select c.oid, n.nspname, c.relname, c.relkind = 'p', pg_table_size(c.oid),
       coalesce(pg_partition_root(c.oid)::oid, c.oid)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
  and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
  -- What AWS keeps for itself in a user's database.
  and not (pg_get_userbyid(n.nspowner) = 'rdsadmin' and not has_schema_privilege(n.oid, 'usage'))
  and not exists (
      select from pg_depend d
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 5 desc, 2, 3
