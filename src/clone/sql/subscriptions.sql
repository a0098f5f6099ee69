-- Reads: the server's subscriptions that take in another server's changes, with the database that each is of
-- and the statement that ends it there. Serves 15 to 18.
select d.datname::text as database, s.subname::text as name,
       format('alter subscription %I disable', s.subname) as statement
from pg_subscription s
join pg_database d on d.oid = s.subdbid
where s.subenabled
order by 1, 2
