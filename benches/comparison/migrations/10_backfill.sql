-- a backfill of all rows as one statement
set local lock_timeout = '2s';
set local statement_timeout = '10min';
update orders set quantity = quantity + 1;
