-- make a varchar longer
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter table customers alter column email type varchar(200);
