-- What is cloned for measuring: pgbench's accounts, and a shop of sixty tables around them with foreign
-- keys, text and jsonb, B-tree, GIN and trigram indexes. `rows` is the number of accounts; a gigabyte
-- as COPY writes it is about 3.9 million of them, two fifths of it theirs.
create extension pg_trgm;

-- What people wrote, which no compression makes small: 4,000 texts of 60 words out of 3,000.
create function word(n bigint) returns text language sql immutable return
    substr(translate(md5((n % 3000)::text), '0123456789', 'ghijklmnop'), 1, 3 + (n % 7)::int);
create temporary table texts as
select i, string_agg(word(abs(hashint8(i * 60 + n))::bigint), ' ') as words
from generate_series(0, 3999) as i, generate_series(1, 60) as n group by i;
create unique index on texts (i);
analyze texts;

create table accounts (aid bigint primary key, bid int not null, balance int not null, filler char(84) not null);
insert into accounts select i, i % 100, 0, '' from generate_series(1, :rows) as i;

create table customers (
    id bigint primary key, mail text not null unique, name text not null, profile jsonb not null, created timestamptz not null);
insert into customers
select i, 'customer' || i || '@example.com', 'Customer ' || md5(i::text),
       jsonb_build_object('city', 'City ' || i % 977, 'tags', jsonb_build_array(i % 7, i % 11), 'score', i % 100),
       timestamptz '2020-01-01 00:00+00' + i * interval '1 minute'
from generate_series(1, :rows / 50) as i;
create index on customers using gin (profile);
create index on customers using gin (name gin_trgm_ops);

create table orders (
    id bigint primary key, customer_id bigint not null references customers, total numeric(12, 2) not null, note text, placed timestamptz not null);
insert into orders
select n, 1 + n % (:rows / 50), (n % 9973) / 3.0, left(words, n % 150), timestamptz '2021-01-01 00:00+00' + n * interval '17 seconds'
from generate_series(1, :rows / 20) as n join texts on i = abs(hashint4(n)::bigint) % 4000;
create index on orders (customer_id);
create index on orders (placed);

create table order_items (
    id bigint primary key, order_id bigint not null references orders, sku text not null, quantity int not null, price numeric(10, 2) not null);
insert into order_items select i, 1 + i % (:rows / 20), 'SKU-' || i % 50000, 1 + i % 5, (i % 1999) / 2.0 from generate_series(1, :rows / 10) as i;
create index on order_items (order_id);

select format($$create table shelf_%s (
           id int primary key, code uuid not null, customer_id bigint not null references customers,
           order_id bigint not null references orders, label text not null, body text not null,
           price numeric(12, 2) not null, weight double precision, stock int not null, active boolean not null,
           made timestamptz not null, changed timestamptz not null, seen date, data jsonb not null)$$, i),
       format($$insert into shelf_%s
                select n, md5(n::text)::uuid, 1 + n %% (%s / 50), 1 + n %% (%s / 20), left(one.words, 30),
                       left(other.words, 20 + n %% 200), n * 7 %% 99991 / 100.0, n / 97.0, n %% 1000, n %% 5 > 0,
                       timestamptz '2021-01-01 00:00+00' + n * interval '1019 seconds',
                       timestamptz '2023-01-01 00:00+00' + n * interval '1.013 seconds', date '2024-01-01' + n %% 365,
                       jsonb_build_object('n', n, 'colour', 'colour ' || n %% 40, 'sizes', jsonb_build_array(n %% 5, n %% 9, n %% 12))
                from generate_series(1, %s / 125) as n
                join texts as one on one.i = abs(hashint4(n + %1$s)::bigint) %% 4000
                join texts as other on other.i = abs(hashint4(n * 7 + %1$s)::bigint) %% 4000$$, i, :rows, :rows, :rows),
       format('create index on shelf_%s (customer_id)', i),
       case when i % 4 = 0 then format('create index on shelf_%s using gin (data)', i) end,
       case when i % 12 = 0 then format('create index on shelf_%s using gin (label gin_trgm_ops)', i) end
from generate_series(1, 57) as i \gexec
analyze;
