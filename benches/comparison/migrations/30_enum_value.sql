-- add a value to an enum
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter type order_state add value 'returned';
