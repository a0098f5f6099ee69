-- REFRESH MATERIALIZED VIEW
set local lock_timeout = '2s';
set local statement_timeout = '10min';
refresh materialized view sales;
