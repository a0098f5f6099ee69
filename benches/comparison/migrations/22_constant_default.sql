-- add a column with a constant default
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders add column gift boolean not null default false;
