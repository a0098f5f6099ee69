-- set not null behind a validated check
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders add constraint orders_note check (note is not null) not valid;
