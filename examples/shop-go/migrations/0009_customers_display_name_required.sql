-- NOT NULL without a long lock. The file has transactions of its own, so none is put around it.

-- Short: only rows to come are held against it.
begin;
alter table customers
    add constraint customers_display_name_present check (display_name is not null) not valid;
commit;

-- Long, but it lets everybody read and write.
alter table customers validate constraint customers_display_name_present;

-- Short: a valid check shows that there is no NULL, so the table is not read again.
begin;
alter table customers alter column display_name set not null;
alter table customers drop constraint customers_display_name_present;
commit;
