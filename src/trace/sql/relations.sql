-- Reads: the relations of the database that a lock can be about, by OID. A TOAST table is locked with
-- its own table and says nothing more. Serves 15 to 18.
select c.oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
       pg_relation_size(c.oid) as bytes, i.indrelid as index_of
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
left join pg_index i on i.indexrelid = c.oid
where c.oid >= 16384 and c.relkind in ('r', 'p', 'm', 'i', 'I', 'v', 'S', 'f')
  and n.nspname not in ('pgrehearse_trace', 'pg_toast')
