alter table products add column units_sold bigint;
