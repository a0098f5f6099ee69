-- Makes: the event triggers that tell of every DDL statement, from inside the session and the
-- transaction that runs it, as a line of JSON in the server's log. Such a line stays when the
-- transaction is rolled back, and needs nothing of the tool that migrates. A schema of its own, so that
-- nothing of it is left when the schema is dropped. Serves 15 to 18.
--
-- A statement is told of once, when it ends. What is known before is kept in settings of the session,
-- which a statement that fails takes back: `open` (a line for each statement under way, the innermost
-- first), `parts` (what it has dropped and rewritten), `sent` (the message whose text was told). Every
-- microsecond here is paid by each statement, so: no SQL function (it is planned at each call), nothing
-- of relations that the migration itself has made, and a text that holds many statements but once.
-- `security definer`: the migrating role need not see the schema, nor its locks.
create schema pgrehearse_trace;

-- What the session has scanned so far: a delta says which tables a statement has read from end to end.
-- The tables that have rows now are written into it (bounds.sql): to look for them each time costs four
-- times as much.
create function pgrehearse_trace.scans() returns json
language plpgsql stable as $$
begin
    return (
        select json_agg(json_build_array(oid::int8, pg_stat_get_xact_numscans(oid), pg_stat_get_xact_tuples_returned(oid)))
        from unnest({filled}::oid[]) as oid
        where pg_stat_get_xact_numscans(oid) > 0);
end
$$;

create function pgrehearse_trace.start() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog
as $$
begin
    perform set_config(
        'pgrehearse_trace.open',
        concat_ws(
            E'\n',
            -- The moment comes after the scans, whose cost is not the statement's.
            json_build_object('scans', pgrehearse_trace.scans(), 'at', extract(epoch from clock_timestamp())),
            nullif(current_setting('pgrehearse_trace.open', true), '')),
        false);
end
$$;

create function pgrehearse_trace.note() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog
as $$
declare
    part json;
begin
    case tg_event
    when 'sql_drop' then
        select json_build_object(
            'part', 'dropped',
            'objects', json_agg(json_build_array(
                case when classid = 'pg_class'::regclass and objsubid = 0 then objid::int8 end,
                object_type, object_identity, original)))
        from pg_event_trigger_dropped_objects()
        where not is_temporary and (original or classid = 'pg_class'::regclass)
        into part;
    when 'table_rewrite' then
        part := json_build_object(
            'part', 'rewritten',
            'relation', pg_event_trigger_table_rewrite_oid()::int8,
            'reason', pg_event_trigger_table_rewrite_reason(),
            'bytes', pg_table_size(pg_event_trigger_table_rewrite_oid()));
    end case;
    perform set_config(
        'pgrehearse_trace.parts',
        concat_ws(',', nullif(current_setting('pgrehearse_trace.parts', true), ''), part),
        false);
end
$$;

-- The settings: no client sees the lines, and the log always has them, whatever the session has set. Relations below 16384 are the catalogue;
-- those above the last that is there now are new, and nobody else waits for them.
create function pgrehearse_trace.tell() returns event_trigger
language plpgsql security definer
set search_path = pg_catalog set client_min_messages = warning set log_min_messages = log
set log_min_error_statement = panic
as $$
declare
    moment numeric := extract(epoch from clock_timestamp());
    open text[] := string_to_array(current_setting('pgrehearse_trace.open', true), E'\n');
    parts text := nullif(current_setting('pgrehearse_trace.parts', true), '');
    received text := extract(epoch from statement_timestamp());
    -- A rollback takes the setting back, and then it is told again.
    is_new bool := current_setting('pgrehearse_trace.sent', true) is distinct from received;
begin
    raise log 'pgrehearse trace: %', json_build_object(
        'tag', tg_tag,
        'received', received::numeric,
        'text', case when is_new then current_query() end,
        'open', open[1]::json,
        'at', moment,
        'transaction', extract(epoch from transaction_timestamp()),
        'locks', (
            select json_agg(json_build_array(relation::int8, mode))
            from pg_locks
            where pid = pg_backend_pid() and locktype = 'relation' and granted
              and relation between 16384 and {newest}),
        'scans', pgrehearse_trace.scans(),
        'parts', ('[' || parts || ']')::json,
        'lock_timeout', extract(epoch from current_setting('lock_timeout')::interval),
        'statement_timeout', extract(epoch from current_setting('statement_timeout')::interval));
    perform set_config('pgrehearse_trace.open', array_to_string(open[2:], E'\n'), false);
    if is_new then
        perform set_config('pgrehearse_trace.sent', received, false);
    end if;
    if parts is not null then
        perform set_config('pgrehearse_trace.parts', '', false);
    end if;
end
$$;

create event trigger pgrehearse_trace_started on ddl_command_start execute function pgrehearse_trace.start();
create event trigger pgrehearse_trace_ended on ddl_command_end execute function pgrehearse_trace.tell();
create event trigger pgrehearse_trace_dropped on sql_drop execute function pgrehearse_trace.note();
create event trigger pgrehearse_trace_rewriting on table_rewrite execute function pgrehearse_trace.note();
-- A tool that sets `session_replication_role` is seen as well.
alter event trigger pgrehearse_trace_started enable always;
alter event trigger pgrehearse_trace_ended enable always;
alter event trigger pgrehearse_trace_dropped enable always;
alter event trigger pgrehearse_trace_rewriting enable always;
