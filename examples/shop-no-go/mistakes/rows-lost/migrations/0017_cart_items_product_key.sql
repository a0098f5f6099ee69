create unique index concurrently cart_items_product_key on cart_items (cart_id, product_id);
