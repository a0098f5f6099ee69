-- change a column's type
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders alter column quantity type bigint;
