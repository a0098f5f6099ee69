-- add a column with a volatile default
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders add column token uuid default gen_random_uuid();
