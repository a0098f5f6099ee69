-- Reads: the schemas that AWS keeps for itself in a user's database: the connecting role may use none of
-- them. Those that an extension was installed into are not among them. Serves 15 to 18.
select n.nspname::text
from pg_namespace n
where pg_get_userbyid(n.nspowner) = 'rdsadmin'
  and not has_schema_privilege(n.oid, 'usage')
  and not exists (select from pg_extension e where e.extnamespace = n.oid)
  and n.nspname !~ '^pg_(toast|temp)'
order by 1
