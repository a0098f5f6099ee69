-- Validated later, when there is time.
alter table payments
    add constraint payments_amount_positive check (amount > 0) not valid;
