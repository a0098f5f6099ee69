-- Alone in its file: CONCURRENTLY refuses to run inside a transaction. Orders go on being placed
-- while it builds.
create index concurrently order_items_product_id_idx on order_items (product_id);
