-- Reads: whether there are large objects, and whether the connecting role may read all of them.
-- Serves 15 to 18.
select count(*) > 0 as are_there,
       current_setting('lo_compat_privileges') = 'on'
       or coalesce(bool_and(pg_has_role(m.lomowner, 'usage') or exists (
           select from aclexplode(m.lomacl) a
           where a.privilege_type = 'SELECT'
             and (a.grantee = 0 or pg_has_role(a.grantee, 'usage')))), true) as are_readable
from pg_largeobject_metadata m
