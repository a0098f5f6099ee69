-- Customers were erased on request, and nobody told the newsletter.
alter table newsletter_subscriptions
    validate constraint newsletter_subscriptions_customer_id_fkey;
