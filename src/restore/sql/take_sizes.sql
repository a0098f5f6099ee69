-- Writes: how many rows ($2) and pages each table ($1) has, where no index was built that counted
-- them. Serves 15 to 18; needs `allow_system_table_mods`.
update pg_class c
set reltuples = counted.rows,
    relpages = pg_relation_size(c.oid) / current_setting('block_size')::int
from unnest($1::text[], $2::float4[]) as counted (name, rows)
where c.oid = to_regclass(counted.name) and c.reltuples < 0
