-- set not null behind a validated check
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders alter column note set not null;
alter table orders drop constraint orders_note;
