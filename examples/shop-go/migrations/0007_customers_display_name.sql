-- A new column, empty at first: no row is rewritten and the lock is gone at once. The trigger fills
-- it for releases of the shop that do not know it yet.
alter table customers add column display_name text;

create function fill_display_name() returns trigger
language plpgsql as $$
begin
    new.display_name := split_part(new.full_name, ' ', 1);
    return new;
end
$$;

create trigger customers_display_name before insert on customers
    for each row when (new.display_name is null) execute function fill_display_name();
