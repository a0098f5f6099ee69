-- an index, a type and NOT NULL for a table of four rows
set local lock_timeout = '2s';
set local statement_timeout = '10min';
create unique index countries_code_idx on countries (code);
alter table countries alter column code type char(2);
alter table countries alter column name set not null;
