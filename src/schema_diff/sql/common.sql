-- Begins every query of this folder: what is the user's own, and what extensions brought.
-- Serves 15 to 18.
with member as materialized (
    select classid, objid from pg_depend where deptype = 'e'
), space as materialized (
    select n.oid, n.nspname
    from pg_namespace n
    where n.nspname not in ('pg_catalog', 'information_schema')
      and n.nspname !~ '^pg_(toast|temp)'
), relation as materialized (
    select c.*, n.nspname
    from pg_class c
    join space n on n.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'f', 'v', 'm')
      and c.relpersistence <> 't'
      and (1259::oid, c.oid) not in (select classid, objid from member)
)
