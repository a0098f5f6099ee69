-- Holds for rows to come; the next file looks at those that are there.
alter table newsletter_subscriptions
    add constraint newsletter_subscriptions_customer_id_fkey
    foreign key (customer_id) references customers not valid;
