-- Makes: the event triggers that tell of every DDL statement, from inside the session and the
-- transaction that runs it, as a line of JSON in the server's log. Such a line stays when the
-- transaction is rolled back, and needs nothing of the tool that migrates. A schema of its own, so that
-- nothing of it is left when the schema is dropped. Serves 15 to 18.
--
-- `security definer`: the migrating role need not see its locks. The settings: no client sees the lines,
-- and the log always has them, whatever the session has set. Relations below 16384 are the catalogue.
create schema pgrehearse_trace;

-- What the session has scanned so far: a delta says which tables a statement has read from end to end.
-- The tables that have rows now are written into it: to look for them each time costs four times as much.
do $make$
begin
    execute format(
        $sql$
        create function pgrehearse_trace.scans() returns json
        language sql stable
        return (
            select json_agg(json_build_array(oid::int8, pg_stat_get_xact_numscans(oid), pg_stat_get_xact_tuples_returned(oid)))
            from unnest(%L::oid[]) as oid
            where pg_stat_get_xact_numscans(oid) > 0
        )
        $sql$,
        (
            select coalesce(array_agg(oid), '{}')
            from pg_class
            where relkind in ('r', 'm') and oid >= 16384 and pg_relation_size(oid) > 0
        ));
end
$make$;

create function pgrehearse_trace.tell() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog set client_min_messages = warning set log_min_messages = log
set log_min_error_statement = panic
as $$
declare
    moment numeric := extract(epoch from clock_timestamp());
    sent text := coalesce(md5(current_query()), '');
    -- A tool may send a whole file as one text: it is told once, not with each of its statements. A
    -- rollback takes the setting back, and then it is told again.
    is_new bool := current_setting('pgrehearse_trace.sent', true) is distinct from sent;
    told json;
begin
    if is_new and tg_event in ('ddl_command_start', 'ddl_command_end') then
        perform set_config('pgrehearse_trace.sent', sent, false);
    end if;
    case tg_event
    when 'ddl_command_start' then
        told := json_build_object(
            'event', 'started',
            'tag', tg_tag,
            'sent', sent,
            'text', case when is_new then current_query() end,
            'scans', pgrehearse_trace.scans(),
            -- After the scans, whose cost is not the statement's.
            'at', extract(epoch from clock_timestamp()));
    when 'ddl_command_end' then
        told := json_build_object(
            'event', 'ended',
            'tag', tg_tag,
            'sent', sent,
            'text', case when is_new then current_query() end,
            'at', moment,
            'transaction', extract(epoch from transaction_timestamp()),
            'locks', (
                select json_agg(json_build_array(relation::int8, mode))
                from pg_locks
                where pid = pg_backend_pid() and locktype = 'relation' and relation >= 16384 and granted),
            'scans', pgrehearse_trace.scans(),
            'made', (
                select json_agg(json_build_array(objid::int8, object_type, object_identity))
                from pg_event_trigger_ddl_commands()
                where classid = 'pg_class'::regclass),
            'lock_timeout', extract(epoch from current_setting('lock_timeout')::interval),
            'statement_timeout', extract(epoch from current_setting('statement_timeout')::interval));
    when 'sql_drop' then
        told := json_build_object(
            'event', 'dropped',
            'objects', (
                select json_agg(json_build_array(
                    case when classid = 'pg_class'::regclass and objsubid = 0 then objid::int8 end,
                    object_type, object_identity, original))
                from pg_event_trigger_dropped_objects()
                where not is_temporary));
    when 'table_rewrite' then
        told := json_build_object(
            'event', 'rewriting',
            'relation', pg_event_trigger_table_rewrite_oid()::int8,
            'reason', pg_event_trigger_table_rewrite_reason(),
            'bytes', pg_table_size(pg_event_trigger_table_rewrite_oid()));
    end case;
    raise log 'pgrehearse trace: %', told;
end
$$;

create event trigger pgrehearse_trace_started on ddl_command_start execute function pgrehearse_trace.tell();
create event trigger pgrehearse_trace_ended on ddl_command_end execute function pgrehearse_trace.tell();
create event trigger pgrehearse_trace_dropped on sql_drop execute function pgrehearse_trace.tell();
create event trigger pgrehearse_trace_rewriting on table_rewrite execute function pgrehearse_trace.tell();
-- A tool that sets `session_replication_role` is seen as well.
alter event trigger pgrehearse_trace_started enable always;
alter event trigger pgrehearse_trace_ended enable always;
alter event trigger pgrehearse_trace_dropped enable always;
alter event trigger pgrehearse_trace_rewriting enable always;
