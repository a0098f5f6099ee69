-- Reads: enum, composite, range and base types, and domains without their constraints. Row types of
-- tables, array and multirange types are made by PostgreSQL itself. Serves 15 to 18.
select case t.typtype when 'e' then 'enum type' when 'd' then 'domain' when 'c' then 'composite type'
                      when 'r' then 'range type' else 'base type' end,
       n.nspname::text, null::text, t.typname::text, null::text,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(t.typowner),
           'privileges', coalesce(t.typacl, acldefault('T', t.typowner))::text[],
           'comment', d.description)
       || case t.typtype
           when 'e' then jsonb_build_object('labels', (
               select jsonb_agg(e.enumlabel order by e.enumsortorder)
               from pg_enum e where e.enumtypid = t.oid))
           when 'd' then jsonb_build_object(
               'base_type', format_type(t.typbasetype, t.typtypmod),
               'collation', case when t.typcollation <> b.typcollation
                                 then t.typcollation::regcollation::text end,
               'default', t.typdefault,
               'nullability', case when t.typnotnull then 'not null' else 'null' end)
           when 'c' then jsonb_build_object('attributes', (
               select jsonb_agg(concat(quote_ident(a.attname), ' ',
                                       format_type(a.atttypid, a.atttypmod),
                                       case when a.attcollation <> y.typcollation
                                            then ' collate ' || a.attcollation::regcollation end)
                                order by a.attnum)
               from pg_attribute a
               join pg_type y on y.oid = a.atttypid
               where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped))
           when 'r' then jsonb_build_object('definition', (
               select concat_ws(', ',
                   'subtype = ' || format_type(r.rngsubtype, null),
                   'subtype_opclass = ' || (
                       select quote_ident(s.nspname) || '.' || quote_ident(o.opcname)
                       from pg_opclass o join pg_namespace s on s.oid = o.opcnamespace
                       where o.oid = r.rngsubopc),
                   case when r.rngcollation <> 0 then 'collation = ' || r.rngcollation::regcollation end,
                   case when r.rngcanonical <> 0 then 'canonical = ' || r.rngcanonical::regproc end,
                   case when r.rngsubdiff <> 0 then 'subtype_diff = ' || r.rngsubdiff::regproc end,
                   'multirange_type_name = ' || format_type(r.rngmultitypid, null))
               from pg_range r where r.rngtypid = t.oid))
           else jsonb_build_object('definition', case when not t.typisdefined then 'shell type'
               else concat_ws(', ',
                   'input = ' || t.typinput::regproc, 'output = ' || t.typoutput::regproc,
                   'receive = ' || t.typreceive::regproc, 'send = ' || t.typsend::regproc,
                   'typmod_in = ' || t.typmodin::regproc, 'typmod_out = ' || t.typmodout::regproc,
                   'analyze = ' || t.typanalyze::regproc, 'length = ' || t.typlen,
                   'by value = ' || t.typbyval, 'alignment = ' || t.typalign::text,
                   'storage = ' || t.typstorage::text, 'category = ' || t.typcategory::text,
                   'preferred = ' || t.typispreferred, 'delimiter = ' || t.typdelim::text,
                   'element = ' || format_type(nullif(t.typelem, 0), null),
                   'default = ' || t.typdefault) end) end)::text
from pg_type t
join space n on n.oid = t.typnamespace
left join pg_type b on b.oid = t.typbasetype
left join pg_class c on c.oid = t.typrelid
left join pg_description d
    on d.classoid = 'pg_type'::regclass and d.objoid = t.oid and d.objsubid = 0
where (1247::oid, t.oid) not in (select classid, objid from member)
  and t.typtype in ('e', 'd', 'c', 'r', 'b')
  and (t.typrelid = 0 or c.relkind = 'c')
  and not exists (select from pg_type e where e.typarray = t.oid)
