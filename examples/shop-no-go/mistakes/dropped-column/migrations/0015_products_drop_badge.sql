-- Nobody uses it any more, says the catalogue team.
alter table products drop column badge;
