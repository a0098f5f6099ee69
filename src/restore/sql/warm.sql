-- Reads: what holds blocks of the database's tables and materialised views, with the statement that reads
-- all blocks of it; null where this role has no way to. Tables come before their TOAST, and indexes last;
-- of one kind the smallest first. Serves 15 to 18.
with own as (
    select c.oid, c.reltoastrelid as toast, n.nspname, c.relname, c.relkind
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'm')
      and c.relpersistence <> 't'
      and n.nspname not in ('pg_catalog', 'information_schema')
      and n.nspname !~ '^pg_(toast|temp)'
      -- What AWS keeps for itself in a user's database.
      and not (pg_get_userbyid(n.nspowner) = 'rdsadmin' and not has_schema_privilege(n.oid, 'usage'))
      and not exists (
          select from pg_depend d
          where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
), prewarm as (
    select format('%I.pg_prewarm', n.nspname) as function
    from pg_extension e
    join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_prewarm' and has_schema_privilege(n.oid, 'usage')
), part as (
    select 1 as rank, 'table' as kind, o.oid, o.oid as of,
           case when o.relkind = 'r' then o.nspname end as schema,
           case when o.relkind = 'r' then o.relname end as name,
           format('select count(*) from only %I.%I', o.nspname, o.relname) as plain
    from own o
    union all
    select 2, 'toast', o.toast, o.oid, null, null, format('select count(*) from %s', o.toast::regclass)
    from own o
    where o.toast <> 0
    union all
    -- An index alone can't be read by plain SQL.
    select 3, 'index', i.indexrelid, o.oid, null, null, null
    from own o
    join pg_index i on i.indrelid = o.oid or i.indrelid = o.toast and pg_relation_size(o.toast) > 0
)
select p.kind, p.schema::text, p.name::text, s.bytes,
       case when has_table_privilege(p.of, 'select')
            then coalesce(
                case when has_schema_privilege(c.relnamespace, 'usage') then p.plain end,
                (select format('select %s(%s::oid::regclass, ''read'')', function, p.oid) from prewarm))
       end as read
from part p
join pg_class c on c.oid = p.oid
cross join lateral (select pg_relation_size(p.oid) as bytes) s
-- An index of one block has nothing in it.
where s.bytes > case p.kind when 'index' then current_setting('block_size')::int else 0 end
order by p.rank, s.bytes
