-- Reads: sequences but those of identity columns, never their current value. Serves 15 to 18.
select 'sequence', n.nspname::text, null::text, c.relname::text, null::text,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(c.relowner),
           'owner_follows', case when o.refobjid is not null then 'table' end,
           'privileges', coalesce(c.relacl, acldefault('s', c.relowner))::text[],
           'comment', d.description,
           'persistence', case c.relpersistence when 'u' then 'unlogged' else 'permanent' end,
           'data_type', format_type(s.seqtypid, null),
           'start_value', s.seqstart::text,
           'increment', s.seqincrement::text,
           'minimum', s.seqmin::text,
           'maximum', s.seqmax::text,
           'cache', s.seqcache::text,
           'cycle', case when s.seqcycle then 'cycle' else 'no cycle' end,
           'owned_by', o.refobjid::regclass::text || '.' || quote_ident(o.attname),
           'parent', o.names))::text
from pg_sequence s
join pg_class c on c.oid = s.seqrelid and c.relpersistence <> 't'
join space n on n.oid = c.relnamespace
left join pg_description d
    on d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = 0
left join (
    select p.objid, p.deptype, p.refobjid, a.attname,
           jsonb_build_array(n.nspname, t.relname, a.attname) as names
    from pg_depend p
    join pg_attribute a on a.attrelid = p.refobjid and a.attnum = p.refobjsubid
    join pg_class t on t.oid = p.refobjid
    join pg_namespace n on n.oid = t.relnamespace
    where p.classid = 'pg_class'::regclass and p.refclassid = 'pg_class'::regclass
      and p.deptype in ('a', 'i')
) o on o.objid = c.oid
where coalesce(o.deptype, 'a') <> 'i'
  and (1259::oid, c.oid) not in (select classid, objid from member)
