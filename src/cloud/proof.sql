-- Reads: for how many seconds this server has been up, by its own clock, and whether it is a replica.
-- Serves 15 to 18.
select
  extract(epoch from clock_timestamp() - pg_postmaster_start_time())::float8 as up,
  pg_is_in_recovery() as is_in_recovery
