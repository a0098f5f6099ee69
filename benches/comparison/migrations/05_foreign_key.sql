-- add a foreign key
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders add constraint orders_customer foreign key (customer_id) references customers (id);
