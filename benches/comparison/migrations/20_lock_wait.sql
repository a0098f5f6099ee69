-- a harmless change that waits for a report that reads the table
-- beside: select count(*) from orders; select pg_sleep(3)
alter table orders add column gift boolean;
