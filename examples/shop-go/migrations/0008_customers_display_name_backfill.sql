-- Ten thousand rows at a time, each batch committed: no customer waits for the whole table. One
-- statement in the file, so no transaction is put around it and COMMIT is allowed.
do $$
declare
    last_id bigint := (select coalesce(max(id), 0) from customers);
    batch constant bigint := 10000;
begin
    for first_id in 1 .. last_id by batch loop
        update customers
        set display_name = split_part(full_name, ' ', 1)
        where id between first_id and first_id + batch - 1
          and display_name is null;
        commit;
    end loop;
end
$$;
