-- Reads: what in this database could act on the world outside it: what it is, its name, and the
-- statement that disarms it. Serves 15 to 18.
with calls_out as (
    -- A function calls out if its language is untrusted, or its text names a way to another server.
    select p.oid
    from pg_proc p
    join pg_language l on l.oid = p.prolang
    where p.pronamespace <> 'pg_catalog'::regnamespace
      and (l.lanname in ('plpython3u', 'plpythonu', 'plperlu', 'pltclu', 'plsh')
           or p.prosrc ~* '\m(dblink(_\w+)?|http(_\w+)?|net\.http_\w+|aws_lambda\.invoke|aws_s3\.\w+|pg_net|lo_export|pg_notify_http)\s*\('
           or p.prosrc ~* '\mcopy\M.*\mprogram\M')
)
select 'event trigger' as kind,
       '' as schema, '' as relation,
       e.evtname::text as name,
       format('alter event trigger %I disable', e.evtname) as statement
from pg_event_trigger e
where e.evtfoid in (select oid from calls_out) and e.evtenabled <> 'D'
union all
select 'trigger', n.nspname, c.relname, t.tgname::text,
       format('alter table %I.%I disable trigger %I', n.nspname, c.relname, t.tgname)
from pg_trigger t
join pg_class c on c.oid = t.tgrelid
join pg_namespace n on n.oid = c.relnamespace
where t.tgfoid in (select oid from calls_out) and not t.tgisinternal and t.tgenabled <> 'D'
  and t.tgparentid = 0
union all
select 'user mapping', '', '', format('%s for %s', m.srvname, m.usename),
       format('drop user mapping for %s server %I',
              case when m.umuser = 0 then 'public' else quote_ident(m.usename) end, m.srvname)
from pg_user_mappings m
union all
select 'subscription', '', '', s.subname::text,
       format('alter subscription %1$I disable; alter subscription %1$I set (slot_name = none); '
              'alter subscription %1$I connection ''host=127.0.0.1 port=1 connect_timeout=1''', s.subname)
from pg_subscription s
where s.subdbid = (select oid from pg_database where datname = current_database())
union all
select 'cron jobs', 'cron', 'job', 'cron.job', 'update cron.job set active = false'
where to_regclass('cron.job') is not null
order by 1, 2, 3, 4
