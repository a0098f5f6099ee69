-- a foreign key of a table of the same transaction
set local lock_timeout = '2s';
set local statement_timeout = '10min';
create table reviews (id bigint primary key, stars int not null);
alter table reviews add constraint reviews_order foreign key (id) references orders (id);
