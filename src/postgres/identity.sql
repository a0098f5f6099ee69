-- Reads: when and where this server started. Serves 15 to 18.
select pg_postmaster_start_time()::text, inet_server_port()
