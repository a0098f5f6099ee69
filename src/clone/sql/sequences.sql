-- Reads: every sequence; where it stands is read from itself, since the view `pg_sequences` hides
-- the position of one that `setval` has set and nobody has used. Serves 15 to 18.
select n.nspname as schema, c.relname as name
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'S'
  and c.relpersistence <> 't'
  and n.nspname !~ '^pg_(toast|temp)'
  and not exists (
      select from pg_depend d
      where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
order by 1, 2
