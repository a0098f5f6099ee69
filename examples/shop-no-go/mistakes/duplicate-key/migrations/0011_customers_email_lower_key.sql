-- Addresses are unique already, as they were typed. In small letters they are not.
create unique index concurrently customers_email_lower_key on customers (lower(email));
