-- DDL in a function that production has
set local lock_timeout = '2s';
set local statement_timeout = '10min';
select widen('orders', 'quantity');
