-- DDL in a DO block
set local lock_timeout = '2s';
set local statement_timeout = '10min';
do $$
begin
    execute format('alter table %I alter column quantity type bigint', 'orders');
end
$$;
