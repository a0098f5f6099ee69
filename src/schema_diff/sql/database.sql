-- Reads: schemas, extensions, event triggers, publications, extended statistics, foreign-data
-- wrappers, servers, user mappings (their names only), collations, default privileges.
-- Serves 15 to 18.
select 'schema', null::text, null::text, n.nspname::text, null::text,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(n.nspowner),
           'privileges', coalesce(n.nspacl, acldefault('n', n.nspowner))::text[],
           'comment', obj_description(n.oid, 'pg_namespace')))::text
from pg_namespace n
join space s on s.oid = n.oid
where (2615::oid, n.oid) not in (select classid, objid from member)
union all
select 'extension', null, null, e.extname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'schema', n.nspname, 'version', e.extversion,
           'comment', obj_description(e.oid, 'pg_extension')))::text
from pg_extension e
join pg_namespace n on n.oid = e.extnamespace
union all
select 'event trigger', null, null, e.evtname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(e.evtowner),
           'event', e.evtevent,
           'trigger_function', e.evtfoid::regproc::text,
           'tags', e.evttags,
           'enabled', case e.evtenabled when 'O' then 'enabled' when 'D' then 'disabled'
                                        when 'R' then 'enabled replica' else 'enabled always' end,
           'comment', obj_description(e.oid, 'pg_event_trigger')))::text
from pg_event_trigger e
where (3466::oid, e.oid) not in (select classid, objid from member)
union all
select 'publication', null, null, p.pubname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(p.pubowner),
           'definition', concat_ws(', ', case when p.puballtables then 'all tables' end,
               case when p.pubinsert then 'insert' end, case when p.pubupdate then 'update' end,
               case when p.pubdelete then 'delete' end, case when p.pubtruncate then 'truncate' end,
               case when p.pubviaroot then 'via partition root' end,
               case when to_jsonb(p) ->> 'pubgencols' = 's' then 'generated columns stored' end),
           'members', to_jsonb(array(
               select concat('table ', r.prrelid::regclass,
                   (select ' (' || string_agg(quote_ident(a.attname), ', ' order by a.attnum) || ')'
                    from pg_attribute a
                    where a.attrelid = r.prrelid and a.attnum = any (r.prattrs)),
                   ' where ' || pg_get_expr(r.prqual, r.prrelid))
               from pg_publication_rel r where r.prpubid = p.oid
               union all
               select 'schema ' || quote_ident(n.nspname)
               from pg_publication_namespace s
               join pg_namespace n on n.oid = s.pnnspid
               where s.pnpubid = p.oid)),
           'comment', obj_description(p.oid, 'pg_publication')))::text
from pg_publication p
union all
select 'statistics', n.nspname, null, s.stxname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(s.stxowner),
           'owner_follows', 'table',
           'definition', 'CREATE STATISTICS' || substr(pg_get_statisticsobjdef(s.oid), length(
               'CREATE STATISTICS ' || quote_ident(n.nspname) || '.' || quote_ident(s.stxname)) + 1),
           'statistics_target', nullif((to_jsonb(s) ->> 'stxstattarget')::int, -1)::text,
           'columns', (select jsonb_agg(a.attname order by u.place)
                       from unnest(s.stxkeys) with ordinality u (number, place)
                       join pg_attribute a on a.attrelid = s.stxrelid and a.attnum = u.number),
           'parent', jsonb_build_array(c.nspname, c.relname),
           'comment', obj_description(s.oid, 'pg_statistic_ext')))::text
from pg_statistic_ext s
join space n on n.oid = s.stxnamespace
join relation c on c.oid = s.stxrelid
union all
select 'foreign-data wrapper', null, null, w.fdwname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(w.fdwowner),
           'privileges', coalesce(w.fdwacl, acldefault('F', w.fdwowner))::text[],
           'definition', concat_ws(', ',
               case when w.fdwhandler <> 0 then 'handler ' || w.fdwhandler::regproc end,
               case when w.fdwvalidator <> 0 then 'validator ' || w.fdwvalidator::regproc end),
           'foreign_options', w.fdwoptions,
           'comment', obj_description(w.oid, 'pg_foreign_data_wrapper')))::text
from pg_foreign_data_wrapper w
where (2328::oid, w.oid) not in (select classid, objid from member)
union all
select 'foreign server', null, null, s.srvname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(s.srvowner),
           'privileges', coalesce(s.srvacl, acldefault('S', s.srvowner))::text[],
           'definition', concat_ws(', ', 'wrapper ' || quote_ident(w.fdwname),
               'type ' || quote_literal(s.srvtype), 'version ' || quote_literal(s.srvversion)),
           'foreign_options', s.srvoptions,
           'comment', obj_description(s.oid, 'pg_foreign_server')))::text
from pg_foreign_server s
join pg_foreign_data_wrapper w on w.oid = s.srvfdw
where (1417::oid, s.oid) not in (select classid, objid from member)
union all
select 'user mapping', null, null, m.usename, 'server ' || quote_ident(m.srvname), '{}'
from pg_user_mappings m
union all
select 'collation', n.nspname, null, c.collname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(c.collowner),
           'definition', concat_ws(', ', 'provider ' || c.collprovider::text,
               'locale ' || coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'),
               'collate ' || c.collcollate, 'ctype ' || c.collctype,
               'rules ' || (to_jsonb(c) ->> 'collicurules'),
               case when not c.collisdeterministic then 'not deterministic' end),
           'comment', obj_description(c.oid, 'pg_collation')))::text
from pg_collation c
join space n on n.oid = c.collnamespace
where (3456::oid, c.oid) not in (select classid, objid from member)
union all
select 'default privileges', null, null, quote_ident(pg_get_userbyid(a.defaclrole)),
       concat_ws(' ', case a.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences'
                          when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas'
                          else 'large objects' end,
                 'in schema ' || quote_ident(n.nspname)),
       jsonb_build_object('owner', pg_get_userbyid(a.defaclrole),
                          'privileges', a.defaclacl::text[])::text
from pg_default_acl a
left join pg_namespace n on n.oid = a.defaclnamespace
