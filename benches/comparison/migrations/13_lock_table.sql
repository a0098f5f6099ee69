-- LOCK TABLE, and then slow work
set local lock_timeout = '2s';
set local statement_timeout = '10min';
lock table customers in share row exclusive mode;
create table order_totals as select customer_id, sum(amount) as amount from orders group by customer_id;
