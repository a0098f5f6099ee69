-- Reads: version and size of the source. Serves 15 to 18.
select current_setting('server_version_num')::int,
       current_setting('server_version'),
       pg_database_size(current_database())
