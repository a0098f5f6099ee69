-- Reads: the owner of most tables, else of the database, else $1. Extensions' tables do not count.
-- Serves 15 to 18.
select coalesce(
    (select r.rolname::text
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     join pg_roles r on r.oid = c.relowner
     where c.relkind in ('r', 'p')
       and c.relpersistence <> 't'
       and n.nspname not in ('pg_catalog', 'information_schema')
       and not exists (
           select from pg_depend d
           where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
       -- The bootstrap superuser can't be demoted.
       and r.oid <> 10
     group by r.rolname
     order by count(*) desc, r.rolname
     limit 1),
    $1::text)
