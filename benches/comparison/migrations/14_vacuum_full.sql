-- VACUUM FULL
vacuum full orders;
