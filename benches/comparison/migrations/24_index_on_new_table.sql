-- an index on a table of the same transaction
set local lock_timeout = '2s';
set local statement_timeout = '10min';
create table coupons (id bigint primary key, code text not null);
create index coupons_code_idx on coupons (code);
