-- Germany is in no migration: production has it by hand.
insert into shipping_rates (country_code, service, price) values ('DE', 'express', 9.90);
