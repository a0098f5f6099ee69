-- Reads: schema and name of the table that is called $1 in a statement, or $2 in a message, or has
-- the constraint $3. Serves 15 to 18.
select n.nspname::text, c.relname::text
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm')
  and n.nspname not in ('pg_catalog', 'information_schema')
  and (c.oid = to_regclass($1::text)
       or ($2::text is not null and c.relname = $2::text)
       or ($3::text is not null and exists (
           select from pg_constraint k where k.conrelid = c.oid and k.conname = $3::text)))
order by (c.oid = to_regclass($1::text)) desc nulls last, (c.relname = $2::text) desc nulls last, n.nspname
limit 1
