-- add a constraint to a domain
set local lock_timeout = '2s';
set local statement_timeout = '10min';
alter domain remark add constraint remark_short check (length(value) < 200);
