-- Reads: the database's other sessions, the open transaction of each, and every lock on a relation that
-- it holds or waits for, with who is in its way. The canaries are left out; ours have no transaction
-- open while a migration runs, and on a server that is not ours they bear the same name as `psql`. One
-- row per lock; one with nulls for a session without any. Serves 15 to 18.
select a.pid,
       a.usename <> current_user or a.application_name <> 'pgrehearse' as is_the_migrations,
       extract(epoch from a.xact_start)::float8 as began,
       extract(epoch from clock_timestamp())::float8 as now,
       l.relation,
       l.mode,
       coalesce(l.granted, true) as granted,
       extract(epoch from l.waitstart)::float8 as waiting_since,
       case when not l.granted then pg_blocking_pids(l.pid) end as blocking
from pg_stat_activity a
left join pg_locks l on l.pid = a.pid and l.locktype = 'relation' and l.relation >= 16384
where a.datname = current_database()
  and a.backend_type = 'client backend'
  and a.pid <> pg_backend_pid()
  and not (a.usename = current_user and a.application_name = 'pgrehearse canary')
