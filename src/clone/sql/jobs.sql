-- Reads: whether row security hides jobs of pg_cron's from this role; no row where it keeps none in this
-- database. Serves 15 to 18.
select row_security_active(c.oid)
from pg_class c
where c.oid = to_regclass('cron.job')
