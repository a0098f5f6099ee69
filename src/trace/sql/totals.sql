-- Reads: every statement that role $1 has run in this database, with its executions, its rows and its
-- time. `track = all`, so what functions ran is counted on its own. Serves 15 to 18.
select s.query, s.calls, s.rows, s.total_exec_time / 1000 as seconds
from {schema}.pg_stat_statements s
join pg_roles r on r.oid = s.userid
join pg_database d on d.oid = s.dbid
where r.rolname = $1 and d.datname = current_database() and s.query is not null
