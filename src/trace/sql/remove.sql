-- Removes: everything that objects.sql has made, whatever is left of it. The event triggers go first:
-- they would tell of their own end. Serves 15 to 18.
drop event trigger if exists pgrehearse_trace_started;
drop event trigger if exists pgrehearse_trace_ended;
drop event trigger if exists pgrehearse_trace_dropped;
drop event trigger if exists pgrehearse_trace_rewriting;
drop schema if exists pgrehearse_trace cascade;
