-- attach a partition
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table events attach partition events_new for values from (1000001) to (3000001);
