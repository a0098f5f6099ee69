-- create an index
set local lock_timeout = '2s';
set local statement_timeout = '10min';
create index orders_customer_idx on orders (customer_id);
