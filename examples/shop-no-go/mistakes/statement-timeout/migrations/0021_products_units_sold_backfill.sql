-- 8,000 times 330,000 rows: `order_items.product_id` has no index.
update products
set units_sold = (
    select coalesce(sum(quantity), 0) from order_items where product_id = products.id);
