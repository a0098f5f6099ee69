-- Ends the sessions of the migrating role in this database and says how many there were. Reads
-- pg_stat_activity; PostgreSQL 15 to 18.
select count(pg_terminate_backend(pid))
from pg_stat_activity
where datname = current_database()
  and usename = $1
  and pid <> pg_backend_pid()
