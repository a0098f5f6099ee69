-- Reads: the planner's statistics of `{tables}` (OIDs), of their indexes' expressions, and of
-- partitioned tables, in a form that means the same on another server: names instead of OIDs, values
-- as text. The type of the values is written in the array itself and nowhere else. An index has no
-- dropped columns, so its columns go by number. Serves 15 to 18.
select format('%I.%I', n.nspname, c.relname) as relation,
       case when c.relkind in ('i', 'I') then null else a.attname end as column_name,
       s.staattnum, s.stainherit, s.stanullfrac, s.stawidth, s.stadistinct,
       array[s.stakind1, s.stakind2, s.stakind3, s.stakind4, s.stakind5] as kinds,
       array[s.staop1::regoperator::text, s.staop2::regoperator::text, s.staop3::regoperator::text,
             s.staop4::regoperator::text, s.staop5::regoperator::text] as operators,
       array[s.stacoll1::regcollation::text, s.stacoll2::regcollation::text, s.stacoll3::regcollation::text,
             s.stacoll4::regcollation::text, s.stacoll5::regcollation::text] as collations,
       array[s.stanumbers1::text, s.stanumbers2::text, s.stanumbers3::text, s.stanumbers4::text,
             s.stanumbers5::text] as numbers,
       array[format_type(('x' || encode(substr(array_send(s.stavalues1), 9, 4), 'hex'))::bit(32)::bigint::oid, null),
             format_type(('x' || encode(substr(array_send(s.stavalues2), 9, 4), 'hex'))::bit(32)::bigint::oid, null),
             format_type(('x' || encode(substr(array_send(s.stavalues3), 9, 4), 'hex'))::bit(32)::bigint::oid, null),
             format_type(('x' || encode(substr(array_send(s.stavalues4), 9, 4), 'hex'))::bit(32)::bigint::oid, null),
             format_type(('x' || encode(substr(array_send(s.stavalues5), 9, 4), 'hex'))::bit(32)::bigint::oid, null)
       ] as types,
       array[s.stavalues1::text, s.stavalues2::text, s.stavalues3::text, s.stavalues4::text,
             s.stavalues5::text] as value_lists
from pg_statistic s
join pg_class c on c.oid = s.starelid
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = s.starelid and a.attnum = s.staattnum
left join pg_index i on i.indexrelid = s.starelid
where coalesce(i.indrelid, s.starelid) = any ('{tables}'::oid[])
   or c.relkind = 'p' and n.nspname not in ('pg_catalog', 'information_schema')
