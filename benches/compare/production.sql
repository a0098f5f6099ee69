-- A shop for measuring: one large table, sixty small ones with foreign keys, text, jsonb with a GIN
-- index. `rows` is the large table's; a megabyte of the whole is about 1,900 of them.
create table accounts (id bigint primary key, branch int not null, balance numeric(12, 2) not null, filler char(84) not null);
insert into accounts select i, i % 1000, (i % 100000) / 7.0, 'filler' from generate_series(1, :rows) as i;
create index accounts_branch on accounts (branch);

create table customers (
    id bigint primary key, mail text not null unique, name text not null, profile jsonb not null, created timestamptz not null);
insert into customers
select i, 'customer' || i || '@example.com', 'Customer ' || md5(i::text),
       jsonb_build_object('city', 'City ' || i % 977, 'tags', jsonb_build_array(i % 7, i % 11), 'score', i % 100),
       timestamptz '2020-01-01 00:00+00' + i * interval '1 minute'
from generate_series(1, :rows / 10) as i;
create index customers_profile on customers using gin (profile);

create table orders (
    id bigint primary key, customer_id bigint not null references customers, total numeric(12, 2) not null, note text, placed timestamptz not null);
insert into orders
select i, 1 + i % (:rows / 10), (i % 9973) / 3.0, repeat(md5(i::text), 3), timestamptz '2021-01-01 00:00+00' + i * interval '17 seconds'
from generate_series(1, :rows / 4) as i;
create index orders_customer on orders (customer_id);
create index orders_placed on orders (placed);

create table order_items (
    id bigint primary key, order_id bigint not null references orders, sku text not null, quantity int not null, price numeric(10, 2) not null);
insert into order_items select i, 1 + i % (:rows / 4), 'SKU-' || i % 50000, 1 + i % 5, (i % 1999) / 2.0 from generate_series(1, :rows / 2) as i;
create index order_items_order on order_items (order_id);
create index order_items_sku on order_items (sku);

select format('create table shelf_%s (id int primary key, customer_id bigint not null references customers, label text not null, data jsonb not null)', i),
       format('insert into shelf_%s select n, 1 + n %% (%s / 10), md5(n::text), jsonb_build_object(''n'', n) from generate_series(1, greatest(%s / 400, 1)) as n', i, :rows, :rows),
       format('create index on shelf_%s (customer_id)', i),
       format('create index on shelf_%s (label)', i)
from generate_series(1, 60) as i \gexec
analyze;
