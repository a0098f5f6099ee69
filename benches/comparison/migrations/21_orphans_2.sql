-- a foreign key that production's rows break
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table shipments validate constraint shipments_customer;
