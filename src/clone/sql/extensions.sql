-- Reads: extensions and their versions. Serves 15 to 18.
select extname::text, extversion from pg_extension where extname <> 'plpgsql' order by 1
