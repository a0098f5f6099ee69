-- Reads: the open transactions of the database's other sessions, and every lock on a relation that each
-- holds or waits for. Ours beside this one have none open while a migration runs. One row per lock; one with nulls for a transaction without any. Serves 15 to 18.
select a.pid,
       extract(epoch from a.xact_start)::float8 as began,
       extract(epoch from clock_timestamp())::float8 as now,
       l.relation,
       l.mode,
       coalesce(l.granted, true) as granted,
       extract(epoch from l.waitstart)::float8 as waiting_since
from pg_stat_activity a
left join pg_locks l on l.pid = a.pid and l.locktype = 'relation' and l.relation >= 16384
where a.datname = current_database()
  and a.backend_type = 'client backend'
  and a.xact_start is not null
  and a.pid <> pg_backend_pid()
