-- Reads: whether pg_cron keeps jobs in this database that this role may not see or switch off, all of them or
-- some; no row where there is no such table. Serves 15 to 18.
select not may.use_them as is_shut, row_security_active(c.oid) as is_partly
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (
    select has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
        and has_table_privilege(c.oid, 'update') as use_them
) may
where n.nspname = 'cron' and c.relname = 'job'
