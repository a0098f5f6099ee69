-- add a check
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders add constraint orders_quantity check (quantity >= 0);
