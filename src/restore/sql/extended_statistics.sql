-- Reads: the tables with statistics objects (CREATE STATISTICS), which only ANALYZE can fill.
-- Serves 15 to 18.
select distinct format('%I.%I', n.nspname, c.relname)
from pg_statistic_ext s
join pg_class c on c.oid = s.stxrelid
join pg_namespace n on n.oid = c.relnamespace
order by 1
