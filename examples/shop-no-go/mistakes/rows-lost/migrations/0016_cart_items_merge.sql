-- A product that is in a cart twice stays once. But `cart_id` is missing in the condition: a product
-- that is in any other cart goes as well.
delete from cart_items newer
using cart_items older
where newer.product_id = older.product_id
  and newer.id > older.id;
