-- drop a table that refers to another, and then slow work
set local lock_timeout = '2s';
set local statement_timeout = '10min';
drop table refunds;
create table top_orders as select * from orders order by code limit 100000;
