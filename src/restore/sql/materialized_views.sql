-- Reads: a REFRESH for every materialised view that holds data, ordered so that a view comes after
-- those it reads. Serves 15 to 18.
with recursive reads as (
    select distinct r.ev_class as view, d.refobjid as read
    from pg_rewrite r
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
    where d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
), depth as (
    select c.oid, 0 as depth from pg_class c where c.relkind in ('m', 'v')
    union
    select r.view, depth.depth + 1
    from depth join reads r on r.read = depth.oid
    -- Views can't form a circle; the bound is for a catalogue that says otherwise.
    where depth.depth < 100
)
select format('refresh materialized view %I.%I', n.nspname, c.relname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join (select oid, max(depth) as depth from depth group by oid) d on d.oid = c.oid
where c.relkind = 'm' and c.relispopulated
order by d.depth, 1
