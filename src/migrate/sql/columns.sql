-- Reads: one text that is another when a table or column of the database is another. Partitions are
-- left out: production makes them by itself. Serves 15 to 18.
select md5(coalesce(string_agg(concat_ws(' ', c.oid, c.relname, a.attnum, a.attname, a.atttypid, a.atttypmod,
                                         a.attnotnull, a.atthasdef, a.attisdropped),
                               ',' order by c.oid, a.attnum), ''))
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
where c.relkind in ('r', 'p', 'v', 'm')
  and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
