-- Reads: the schema that the extension's view is in. Serves 15 to 18.
select quote_ident(nspname)
from pg_extension
join pg_namespace n on n.oid = extnamespace
where extname = 'pg_stat_statements'
