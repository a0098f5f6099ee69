-- A shop's database with enough rows that a rewrite or a scan takes visible time: 2 million orders.
create role app login;
grant create on schema public to app;
create domain remark as text;
create type order_state as enum ('new', 'paid', 'sent');

create table countries (code text, name text);
insert into countries values ('at', 'Austria'), ('ch', 'Switzerland'), ('de', 'Germany'), ('it', 'Italy');

create table customers (id int primary key, email varchar(100) not null, country text);
insert into customers select i, 'c' || i || '@shop.example', 'at' from generate_series(1, 200000) i;

create table orders (
    id int primary key, customer_id int not null, code text not null, quantity int, amount numeric(10, 2),
    note remark, state order_state not null, placed timestamptz not null
);
insert into orders
select i, 1 + i % 200000, md5(i::text), i % 9, i, 'n', 'paid', '2026-01-01'::timestamptz + i * interval '1 second'
from generate_series(1, 2000000) i;

create table refunds (id int primary key, customer_id int not null references customers);
insert into refunds select i, i from generate_series(1, 1000) i;

-- Three of these have no customer.
create table shipments (id int primary key, customer_id int not null);
insert into shipments select i, i from generate_series(1, 200003) i;

create table events (id int not null, kind text not null) partition by range (id);
create table events_old partition of events for values from (1) to (1000001);
insert into events_old select i, 'seen' from generate_series(1, 1000000) i;
create table events_new (id int not null, kind text not null);
insert into events_new select i, 'seen' from generate_series(1000001, 3000000) i;

create materialized view sales as select customer_id, sum(amount) as amount from orders group by customer_id;

create function touch() returns trigger language plpgsql as $$ begin new.note := coalesce(new.note, ''); return new; end $$;
-- What an application's own schema may have: DDL in a function.
create function widen(wide regclass, narrow text) returns void language plpgsql as $$
begin execute format('alter table %s alter column %I type bigint', wide, narrow); end $$;

do $$
declare
    owned text;
begin
    for owned in
        select format('alter %s %s owner to app',
                      case relkind when 'm' then 'materialized view' else 'table' end, oid::regclass)
        from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'm')
    loop
        execute owned;
    end loop;
end $$;
alter domain remark owner to app;
alter type order_state owner to app;
alter function touch() owner to app;
alter function widen(regclass, text) owner to app;
