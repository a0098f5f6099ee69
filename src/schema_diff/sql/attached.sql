-- Reads: triggers, rules and policies. A partition's copy of its parent's trigger is read because it
-- can be switched on or off by itself. Serves 15 to 18.
select 'trigger', c.nspname::text, c.relname::text, t.tgname::text, null::text,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', pg_get_triggerdef(t.oid),
           'enabled', case t.tgenabled when 'O' then 'enabled' when 'D' then 'disabled'
                                       when 'R' then 'enabled replica' else 'enabled always' end,
           'inherited', case when t.tgparentid <> 0 then 'inherited' end,
           'comment', obj_description(t.oid, 'pg_trigger')))::text
from pg_trigger t
join relation c on c.oid = t.tgrelid
where not t.tgisinternal
union all
select 'rule', c.nspname, c.relname, r.rulename, null,
       jsonb_strip_nulls(jsonb_build_object(
           'definition', pg_get_ruledef(r.oid),
           'enabled', case r.ev_enabled when 'O' then 'enabled' when 'D' then 'disabled'
                                        when 'R' then 'enabled replica' else 'enabled always' end,
           'comment', obj_description(r.oid, 'pg_rewrite')))::text
from pg_rewrite r
join relation c on c.oid = r.ev_class
where r.rulename <> '_RETURN'
union all
select 'policy', c.nspname, c.relname, p.polname, null,
       jsonb_strip_nulls(jsonb_build_object(
           'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert'
               when 'w' then 'update' when 'd' then 'delete' else 'all' end,
           'permissiveness', case when p.polpermissive then 'permissive' else 'restrictive' end,
           'roles', (select jsonb_agg(case when u.role = 0 then 'public'
                                           else quote_ident(pg_get_userbyid(u.role)) end)
                     from unnest(p.polroles) u (role)),
           'using_expression', pg_get_expr(p.polqual, p.polrelid),
           'check_expression', pg_get_expr(p.polwithcheck, p.polrelid),
           'comment', obj_description(p.oid, 'pg_policy')))::text
from pg_policy p
join relation c on c.oid = p.polrelid
