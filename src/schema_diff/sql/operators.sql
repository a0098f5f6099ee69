-- Reads: operators, their classes and families, casts, access methods, conversions, languages and
-- transforms. Serves 15 to 18.
select 'operator', n.nspname::text, null::text, o.oprname::text,
       concat_ws(', ', case when o.oprleft = 0 then 'none' else format_type(o.oprleft, null) end,
                 case when o.oprright = 0 then 'none' else format_type(o.oprright, null) end),
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(o.oprowner),
           'comment', obj_description(o.oid, 'pg_operator'),
           'definition', concat_ws(', ', 'function = ' || o.oprcode::regprocedure,
               case when o.oprcom <> 0 then 'commutator = ' || o.oprcom::regoperator end,
               case when o.oprnegate <> 0 then 'negator = ' || o.oprnegate::regoperator end,
               case when o.oprrest <> 0 then 'restrict = ' || o.oprrest::regproc end,
               case when o.oprjoin <> 0 then 'join = ' || o.oprjoin::regproc end,
               case when o.oprcanhash then 'hashes' end,
               case when o.oprcanmerge then 'merges' end)))::text
from pg_operator o
join space n on n.oid = o.oprnamespace
where (2617::oid, o.oid) not in (select classid, objid from member)
union all
select 'operator class', n.nspname, null, o.opcname, 'using ' || am.amname,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(o.opcowner),
           'comment', obj_description(o.oid, 'pg_opclass'),
           'definition', concat_ws(', ', case when o.opcdefault then 'default' end,
               'for type ' || format_type(o.opcintype, null),
               'family ' || quote_ident(fn.nspname) || '.' || quote_ident(f.opfname),
               case when o.opckeytype <> 0 then 'storage ' || format_type(o.opckeytype, null) end)))::text
from pg_opclass o
join space n on n.oid = o.opcnamespace
join pg_am am on am.oid = o.opcmethod
join pg_opfamily f on f.oid = o.opcfamily
join pg_namespace fn on fn.oid = f.opfnamespace
where (2616::oid, o.oid) not in (select classid, objid from member)
union all
select 'operator family', n.nspname, null, f.opfname, 'using ' || am.amname,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(f.opfowner),
           'comment', obj_description(f.oid, 'pg_opfamily'),
           'members', to_jsonb(array(
               select concat('operator ', a.amopstrategy, ' ', a.amopopr::regoperator,
                             case when a.amopsortfamily <> 0 then ' for order by' end)
               from pg_amop a where a.amopfamily = f.oid
               union all
               select concat('function ', a.amprocnum, ' (',
                             format_type(a.amproclefttype, null), ', ',
                             format_type(a.amprocrighttype, null), ') ', a.amproc::regprocedure)
               from pg_amproc a where a.amprocfamily = f.oid))))::text
from pg_opfamily f
join space n on n.oid = f.opfnamespace
join pg_am am on am.oid = f.opfmethod
where (2753::oid, f.oid) not in (select classid, objid from member)
union all
select 'cast', null, null, format_type(c.castsource, null) || ' as ' || format_type(c.casttarget, null),
       null,
       jsonb_strip_nulls(jsonb_build_object(
           'comment', obj_description(c.oid, 'pg_cast'),
           'definition', concat_ws(', ',
               case c.castmethod when 'f' then 'with function ' || c.castfunc::regprocedure
                                 when 'i' then 'with inout' else 'without function' end,
               case c.castcontext when 'i' then 'as implicit' when 'a' then 'as assignment' end)))::text
from pg_cast c
where c.oid >= 16384 and (2605::oid, c.oid) not in (select classid, objid from member)
  -- That of a range type to its multirange type is PostgreSQL's own.
  and not exists (
      select from pg_depend i
      where i.classid = 'pg_cast'::regclass and i.objid = c.oid and i.deptype = 'i')
union all
select 'access method', null, null, a.amname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'comment', obj_description(a.oid, 'pg_am'),
           'definition', concat('type ', a.amtype, ', handler ', a.amhandler::regproc)))::text
from pg_am a
where a.oid >= 16384 and (2601::oid, a.oid) not in (select classid, objid from member)
union all
select 'conversion', n.nspname, null, c.conname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(c.conowner),
           'comment', obj_description(c.oid, 'pg_conversion'),
           'definition', concat(pg_encoding_to_char(c.conforencoding), ' to ',
               pg_encoding_to_char(c.contoencoding), ' from ', c.conproc::regproc,
               case when c.condefault then ', default' end)))::text
from pg_conversion c
join space n on n.oid = c.connamespace
where (2607::oid, c.oid) not in (select classid, objid from member)
union all
select 'language', null, null, l.lanname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(l.lanowner),
           'privileges', coalesce(l.lanacl, acldefault('l', l.lanowner))::text[],
           'comment', obj_description(l.oid, 'pg_language'),
           'definition', concat_ws(', ', case when l.lanpltrusted then 'trusted' end,
               'handler ' || l.lanplcallfoid::regproc, 'inline ' || l.laninline::regproc,
               'validator ' || l.lanvalidator::regproc)))::text
from pg_language l
where l.lanispl and (2612::oid, l.oid) not in (select classid, objid from member)
union all
select 'transform', null, null, format_type(t.trftype, null) || ' language ' || l.lanname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'comment', obj_description(t.oid, 'pg_transform'),
           'definition', concat('from sql ', t.trffromsql::regproc, ', to sql ', t.trftosql::regproc)))::text
from pg_transform t
join pg_language l on l.oid = t.trflang
where (3576::oid, t.oid) not in (select classid, objid from member)
