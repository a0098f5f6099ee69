-- Reads: text search configurations, dictionaries, parsers and templates. Serves 15 to 18.
select 'text search configuration', n.nspname::text, null::text, c.cfgname::text, null::text,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(c.cfgowner),
           'definition', 'parser ' || quote_ident(pn.nspname) || '.' || quote_ident(p.prsname),
           'members', to_jsonb(array(
               select k.alias || ' with ' || string_agg(m.mapdict::regdictionary::text, ', '
                                                        order by m.mapseqno)
               from pg_ts_config_map m
               join ts_token_type(c.cfgparser) k on k.tokid = m.maptokentype
               where m.mapcfg = c.oid group by k.alias)),
           'comment', obj_description(c.oid, 'pg_ts_config')))::text
from pg_ts_config c
join space n on n.oid = c.cfgnamespace
join pg_ts_parser p on p.oid = c.cfgparser
join pg_namespace pn on pn.oid = p.prsnamespace
where (3602::oid, c.oid) not in (select classid, objid from member)
union all
select 'text search dictionary', n.nspname, null, d.dictname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(d.dictowner),
           'definition', concat_ws(', ',
               'template ' || quote_ident(tn.nspname) || '.' || quote_ident(t.tmplname),
               d.dictinitoption),
           'comment', obj_description(d.oid, 'pg_ts_dict')))::text
from pg_ts_dict d
join space n on n.oid = d.dictnamespace
join pg_ts_template t on t.oid = d.dicttemplate
join pg_namespace tn on tn.oid = t.tmplnamespace
where (3600::oid, d.oid) not in (select classid, objid from member)
union all
select 'text search parser', n.nspname, null, p.prsname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', concat_ws(', ', p.prsstart::regproc, p.prstoken::regproc, p.prsend::regproc,
                                   p.prsheadline::regproc, p.prslextype::regproc),
           'comment', obj_description(p.oid, 'pg_ts_parser')))::text
from pg_ts_parser p
join space n on n.oid = p.prsnamespace
where (3601::oid, p.oid) not in (select classid, objid from member)
union all
select 'text search template', n.nspname, null, t.tmplname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', concat_ws(', ', t.tmplinit::regproc, t.tmpllexize::regproc),
           'comment', obj_description(t.oid, 'pg_ts_template')))::text
from pg_ts_template t
join space n on n.oid = t.tmplnamespace
where (3764::oid, t.oid) not in (select classid, objid from member)
