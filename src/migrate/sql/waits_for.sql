-- Reads: whether a session of this database waits for the one with process $1, or behind somebody who
-- does. The canaries feel, and do not count. Serves 15 to 18.
select exists (
    select from pg_stat_activity a
    join pg_locks l on l.pid = a.pid and not l.granted
    where a.datname = current_database()
      and a.application_name <> 'pgrehearse canary'
      and $1 = any (pg_blocking_pids(a.pid))
)
