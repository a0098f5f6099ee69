-- Reads: tables and sequences that the connecting role may not read, and tables of which row
-- security hides rows from it. `pg_dump` would refuse each of them. Serves 15 to 18.
select n.nspname, c.relname, p.readable as is_hidden, c.relkind = 'S' as is_sequence
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (
    select has_schema_privilege(n.oid, 'usage') and case c.relkind
        when 'S' then has_sequence_privilege(c.oid, 'select')
        else has_table_privilege(c.oid, 'select') end as readable
) p
where c.relkind in ('r', 'p', 'S')
  and c.relpersistence <> 't'
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
  -- What AWS keeps for itself in a user's database.
  and not (pg_get_userbyid(n.nspowner) = 'rdsadmin' and not has_schema_privilege(n.oid, 'usage'))
  and not exists (
      select from pg_depend d
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
  and (not p.readable or c.relkind <> 'S' and row_security_active(c.oid))
order by 1, 2
