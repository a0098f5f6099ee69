-- Reads: the database in which pg_cron keeps its jobs, where it is loaded and the role may see that.
-- Serves 15 to 18.
select setting from pg_settings where name = 'cron.database_name'
