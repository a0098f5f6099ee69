-- Makes: the extension's view, where the clone has none. It goes with the schema, which the migration
-- may have dropped. Serves 15 to 18.
create schema if not exists pgrehearse_trace;
create extension if not exists pg_stat_statements schema pgrehearse_trace
