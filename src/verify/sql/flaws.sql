-- Reads: constraints that are not validated (18 also has NOT NULL ones; NOT ENFORCED ones are meant
-- so), and indexes that are not valid or not ready. Serves 15 to 18.
select case when k.contypid <> 0 then 'domain' else 'constraint' end as kind, k.oid, n.nspname as schema,
       coalesce(c.relname, t.typname) as "table", k.conname::text as name, pg_get_constraintdef(k.oid) as definition
from pg_constraint k
left join pg_class c on c.oid = k.conrelid
left join pg_type t on t.oid = k.contypid
join pg_namespace n on n.oid = coalesce(c.relnamespace, t.typnamespace)
where not k.convalidated
  and coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true)
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_(toast|temp)'
union all
select 'index', i.indexrelid, n.nspname, c.relname, x.relname::text, pg_get_indexdef(i.indexrelid)
from pg_index i
join pg_class x on x.oid = i.indexrelid
join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready)
  and c.relkind in ('r', 'p', 'm')
  and n.nspname not in ('pg_catalog', 'information_schema')
  and n.nspname !~ '^pg_temp'
order by 3, 4, 5
