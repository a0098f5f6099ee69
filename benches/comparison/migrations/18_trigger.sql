-- create a trigger, and a backfill behind it
set local lock_timeout = '2s';
set local statement_timeout = '10min';
create trigger customers_touch before insert on customers for each row execute function touch();
create table late_orders as select * from orders where quantity > 3 order by code;
