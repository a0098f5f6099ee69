-- The sign-up form asks for a phone number. It did not always.
alter table customers alter column phone set not null;
