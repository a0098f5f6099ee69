-- a backfill in the transaction that adds the column
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table orders add column rated boolean;
update orders set rated = false where id % 4 = 0;
