-- "Production" of a small webshop: the schema that migrations 0001 to 0005 left behind, and 1.1
-- million rows with the flaws that real data has. Everything is arithmetic, so that every run sees
-- the same rows.
--
-- Run by psql as a superuser in an empty database.
set client_min_messages = warning;
set timezone = 'UTC';

do $$
begin
    if not exists (select from pg_roles where rolname = 'shop') then
        create role shop nologin;
    end if;
end
$$;
grant create, usage on schema public to shop;

-- Every row below has its parent, so foreign keys need not look for it; and triggers stay quiet.
set session_replication_role = replica;
-- All of it belongs to the role that migrates, as in most productions.
set role shop;

begin;

\ir db/init.sql
\ir migrations/0001_customers.sql
\ir migrations/0002_catalogue.sql
\ir migrations/0003_orders.sql
\ir migrations/0004_stock_and_carts.sql
\ir migrations/0005_reviews_and_events.sql

insert into schema_migrations (version, applied_at) values
    ('0001_customers', '2024-02-05 09:12+00'),
    ('0002_catalogue', '2024-02-05 09:12+00'),
    ('0003_orders', '2024-03-18 06:30+00'),
    ('0004_stock_and_carts', '2024-09-02 06:31+00'),
    ('0005_reviews_and_events', '2025-06-23 06:29+00');

-- Typed in by hand when the shop opened, and in no migration.
insert into currencies values ('EUR', 'Euro'), ('GBP', 'Pound sterling'), ('CHF', 'Swiss franc');
insert into countries values
    ('DE', 'Germany', 'EUR'), ('AT', 'Austria', 'EUR'), ('FR', 'France', 'EUR'),
    ('NL', 'Netherlands', 'EUR'), ('IT', 'Italy', 'EUR'), ('ES', 'Spain', 'EUR'),
    ('GB', 'United Kingdom', 'GBP'), ('CH', 'Switzerland', 'CHF');
insert into shipping_rates
select code, 'standard', 4.90 from countries;
insert into warehouses values
    (1, 'Leipzig', 'DE'), (2, 'Utrecht', 'NL'), (3, 'Lyon', 'FR'), (4, 'Basel', 'CH');

-- 1 of 16 has no phone. 1 of 1000 signed up a second time, with the same address in capitals.
insert into customers (id, email, full_name, phone, locale, country_code, created_at, updated_at)
select id,
       case when id % 1000 = 0 then 'CUSTOMER' || id - 1 || '@EXAMPLE.COM'
            else 'customer' || id || '@example.com' end,
       (array['Ada', 'Ben', 'Cem', 'Dora', 'Emil', 'Fatma', 'Gustav', 'Hanna'])[1 + id % 8]
           || ' ' || (array['Koch', 'Maier', 'Novak', 'Rossi', 'Smith'])[1 + id % 5] || ' ' || id,
       case when id % 16 <> 0 then '+49 30 ' || 1000000 + id end,
       (array['de', 'en', 'fr', 'nl'])[1 + id % 4],
       (array['DE', 'AT', 'FR', 'NL', 'IT', 'ES', 'GB', 'CH'])[1 + id % 8],
       timestamptz '2024-03-01 00:00+00' + id * interval '15 minutes',
       timestamptz '2024-03-01 00:00+00' + id * interval '15 minutes'
from generate_series(1, 50000) as id;

insert into addresses (id, customer_id, street, postcode, city, country_code)
select id, 1 + (id - 1) % 50000, 'Lindenstraße ' || 1 + id % 180,
       lpad((10000 + id * 37 % 89999)::text, 5, '0'),
       (array['Berlin', 'Wien', 'Paris', 'Utrecht', 'Roma', 'Sevilla', 'Leeds', 'Basel'])[1 + id % 8],
       (array['DE', 'AT', 'FR', 'NL', 'IT', 'ES', 'GB', 'CH'])[1 + id % 8]
from generate_series(1, 65000) as id;

-- 1 of 50 belongs to a customer who was erased since.
insert into newsletter_subscriptions (id, email, customer_id, subscribed_at)
select id, 'customer' || id || '@example.com',
       case when id % 50 = 0 then 50000 + id / 50 when id % 5 <> 0 then id end,
       timestamptz '2024-03-01 00:00+00' + id * interval '30 minutes'
from generate_series(1, 20000) as id;

insert into brands (id, name) select id, 'Brand ' || id from generate_series(1, 80) as id;
insert into suppliers (id, name, country_code)
select id, 'Supplier ' || id, (array['DE', 'NL', 'IT'])[1 + id % 3] from generate_series(1, 40) as id;
insert into categories (id, parent_id, slug, name)
select id, case when id > 10 then 1 + id % 10 end, 'category-' || id, 'Category ' || id
from generate_series(1, 120) as id;

insert into products
    (id, sku, name, brand_id, supplier_id, price, attributes, created_at, updated_at, badge)
select id, 'SKU-' || lpad(id::text, 6, '0'), 'Product ' || id, 1 + id % 80, 1 + id % 40,
       4.99 + id % 200,
       jsonb_build_object('colour', (array['red', 'green', 'blue', 'black'])[1 + id % 4],
                          'grams', 50 + id * 7 % 4000),
       '2024-02-10 00:00+00', '2024-02-10 00:00+00',
       case when id % 25 = 0 then 'new' when id % 40 = 0 then 'sale' end
from generate_series(1, 8000) as id;

insert into product_categories (product_id, category_id)
select id, 11 + (id + shelf * 53) % 110
from generate_series(1, 8000) as id, generate_series(0, 1) as shelf;

insert into product_images (id, product_id, path, position)
select id, 1 + (id - 1) / 2, 'products/' || md5(id::text) || '.jpg', 1 + id % 2
from generate_series(1, 16000) as id;

insert into price_history (product_id, valid_from, price)
select id, date '2024-02-10' + year * 365, 3.99 + year * 0.50 + id % 200
from generate_series(1, 8000) as id, generate_series(0, 2) as year;

insert into stock (warehouse_id, product_id, quantity)
select warehouse, id, id * warehouse % 90
from generate_series(1, 4) as warehouse, generate_series(1, 8000) as id;

insert into carts (id, customer_id, created_at)
select id, 1 + id * 4 % 50000, timestamptz '2026-01-01 00:00+00' + id * interval '3 minutes'
from generate_series(1, 12000) as id;

insert into cart_items (id, cart_id, product_id, quantity)
select id, 1 + (id - 1) / 3, 1 + id * 37 % 8000, 1 + id % 3
from generate_series(1, 36000) as id;

insert into order_items (id, order_id, product_id, quantity, unit_price)
select id, 1 + (id - 1) / 3, product, 1 + id % 4, 4.99 + product % 200
from (select id, 1 + id * 61 % 8000 as product from generate_series(1, 330000) as id) as item;

insert into orders (id, reference, customer_id, status, currency_code, total, note, placed_at)
select order_id, 'ORD-' || lpad(order_id::text, 8, '0'), 1 + order_id * 11 % 50000,
       (case order_id % 20 when 0 then 'cancelled' when 1 then 'received' when 2 then 'accepted'
                           when 3 then 'shipped' when 4 then 'returned' else 'delivered'
        end)::order_status,
       'EUR', sum(line_total),
       case when order_id % 9 = 0 then 'please ring twice' end,
       timestamptz '2024-04-01 00:00+00' + order_id * interval '9 minutes'
from order_items
group by order_id
order by order_id;

insert into payments (id, order_id, method, amount, paid_at)
select row_number() over (order by id), id,
       (array['card', 'card', 'invoice', 'voucher'])[1 + id % 4], total, placed_at + interval '2 minutes'
from orders
where status <> 'cancelled' and id % 20 <> 1;

insert into shipments (id, order_id, carrier, tracking_code, shipped_at)
select row_number() over (order by id), id, (array['DHL', 'DPD', 'PostNL'])[1 + id % 3],
       upper(md5(id::text)), placed_at + interval '1 day'
from orders
where status in ('shipped', 'delivered', 'returned');

insert into returns (id, order_id, reason, returned_at)
select row_number() over (order by id), id, (array['too small', 'broken', 'not as shown'])[1 + id % 3],
       placed_at + interval '9 days'
from orders
where status = 'returned';

insert into coupons (code, percent, valid_until)
select 'COUPON' || id, 5 + id % 4 * 5, date '2024-06-01' + id from generate_series(1, 300) as id;
insert into coupon_redemptions (order_id, coupon_code)
select id * 5, 'COUPON' || 1 + id % 300 from generate_series(1, 20000) as id;

-- 1 of 200 was imported from the old shop, which counted to 10.
insert into reviews (id, product_id, customer_id, rating, body, written_at)
select id, 1 + id * 13 % 8000, id, case when id % 200 = 0 then 8 else 1 + id % 5 end,
       'It does what it should, and number ' || id || ' says so.',
       timestamptz '2025-06-23 12:00+00' + id * interval '8 minutes'
from generate_series(1, 40000) as id;

insert into events (id, occurred_at, kind, customer_id, payload)
select id, timestamptz '2025-07-01 00:00+00' + id * interval '2 minutes',
       (array['view', 'view', 'view', 'add', 'search'])[1 + id % 5],
       case when id % 3 <> 0 then 1 + id * 17 % 50000 end,
       jsonb_build_object('product', 1 + id * 29 % 8000)
from generate_series(1, 150000) as id;

-- Sequences go on where the data ends. The newest customers were erased, so theirs is ahead.
do $$
declare
    named text;
begin
    for named in
        select format('%I', relname)
        from pg_class
        join pg_attribute on attrelid = pg_class.oid and attidentity <> ''
        where relnamespace = 'public'::regnamespace
    loop
        execute format('select setval(pg_get_serial_sequence(%L, ''id''), max(id)) from %s',
                       named, named);
    end loop;
    perform setval('customers_id_seq', 51000);
end
$$;

commit;

reset role;
reset session_replication_role;
