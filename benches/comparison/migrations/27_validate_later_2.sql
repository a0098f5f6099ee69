-- NOT VALID, and VALIDATE in a second transaction
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders validate constraint orders_customer;
