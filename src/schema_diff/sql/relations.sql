-- Reads: tables, partitioned and foreign tables, views and materialized views, without what hangs
-- on them. Serves 15 to 18.
select case c.relkind when 'f' then 'foreign table' when 'v' then 'view'
                      when 'm' then 'materialized view' else 'table' end,
       c.nspname::text, null::text, c.relname::text, null::text,
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(c.relowner),
           'privileges', coalesce(c.relacl, acldefault('r', c.relowner))::text[],
           'comment', d.description,
           'table_kind', case c.relkind when 'r' then 'ordinary' when 'p' then 'partitioned' end,
           'persistence', case when c.relkind in ('v', 'f') then null
                               when c.relpersistence = 'u' then 'unlogged' else 'permanent' end,
           'access_method', am.amname,
           'row_security', case when c.relkind not in ('r', 'p') then null
                                when c.relrowsecurity then 'enabled' else 'disabled' end,
           'forced_row_security', case when c.relkind not in ('r', 'p') then null
                                       when c.relforcerowsecurity then 'enabled' else 'disabled' end,
           'replica_identity', case when c.relkind not in ('r', 'p') then null
                                    when c.relreplident = 'd' then 'default'
                                    when c.relreplident = 'n' then 'nothing'
                                    when c.relreplident = 'f' then 'full' else 'using index' end,
           case when c.relkind = 'v' then 'view_options' else 'storage_parameters' end,
           nullif(coalesce(c.reloptions, '{}') || coalesce(
               (select array_agg('toast.' || o) from unnest(t.reloptions) o), '{}'), '{}'),
           'row_type', case when c.reloftype <> 0 then c.reloftype::regtype::text end,
           'inherits', case when not c.relispartition then i.parents end,
           'partition_of', case when c.relispartition then i.parents ->> 0 end,
           'detachment', case when i.pending then 'pending' end,
           'partition_bound', pg_get_expr(c.relpartbound, c.oid),
           'partition_key', case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end,
           'definition', case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
           'columns', case when c.relkind in ('v', 'm') then (
               select jsonb_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
                                order by a.attnum)
               from pg_attribute a where a.attrelid = c.oid and a.attnum > 0) end,
           'populated', case when c.relkind = 'm' then
               case when c.relispopulated then 'populated' else 'not populated' end end,
           'foreign_server', s.srvname,
           'foreign_options', f.ftoptions))::text
from relation c
left join pg_class t on t.oid = c.reltoastrelid
left join pg_am am on am.oid = c.relam
left join pg_foreign_table f on f.ftrelid = c.oid
left join pg_foreign_server s on s.oid = f.ftserver
left join pg_description d
    on d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = 0
left join (
    select inhrelid, jsonb_agg(inhparent::regclass::text order by inhseqno) as parents,
           bool_or(inhdetachpending) as pending
    from pg_inherits group by inhrelid
) i on i.inhrelid = c.oid
