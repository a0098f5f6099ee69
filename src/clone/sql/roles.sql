-- Reads: roles without their passwords: what they may do, their settings for this database, and
-- what they are members of. Superuser and replication stay behind. Serves 15 to 18.
select r.rolname::text as name,
       array_remove(array[
           case when not r.rolinherit then 'noinherit' end,
           case when r.rolcreaterole then 'createrole' end,
           case when r.rolcreatedb then 'createdb' end,
           case when r.rolbypassrls then 'bypassrls' end], null)::text[] as attributes,
       coalesce((
           select array_agg(setting order by d.setdatabase, setting)
           from pg_db_role_setting d, unnest(d.setconfig) as setting
           where d.setrole = r.oid
             and d.setdatabase in (0, (select oid from pg_database where datname = current_database()))
       ), '{}')::text[] as settings,
       coalesce((
           select array_agg(distinct g.rolname::text)
           from pg_auth_members m
           join pg_roles g on g.oid = m.roleid
           where m.member = r.oid
       ), '{}')::text[] as member_of
from pg_roles r
where r.rolname !~ '^pg_'
order by 1
