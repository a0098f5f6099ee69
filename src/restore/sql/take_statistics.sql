-- Writes: the statistics that wait in `pgrehearse_statistics` into the clone's catalogue, as the rows
-- of `pg_statistic` that ANALYZE would have written. No function does this before 18, and that of 18
-- takes no expression of an index. `array_in` gives an array of the type it is told. What the clone
-- has not, or has already, is passed over. Serves 15 to 18; needs `allow_system_table_mods`.
insert into pg_catalog.pg_statistic
select a.attrelid, a.attnum, s.inherited, s.null_fraction, s.width, s.n_distinct,
       s.kinds[1], s.kinds[2], s.kinds[3], s.kinds[4], s.kinds[5],
       s.operators[1]::regoperator, s.operators[2]::regoperator, s.operators[3]::regoperator,
       s.operators[4]::regoperator, s.operators[5]::regoperator,
       s.collations[1]::regcollation, s.collations[2]::regcollation, s.collations[3]::regcollation,
       s.collations[4]::regcollation, s.collations[5]::regcollation,
       s.numbers[1]::float4[], s.numbers[2]::float4[], s.numbers[3]::float4[], s.numbers[4]::float4[],
       s.numbers[5]::float4[],
       array_in(textout(s.value_lists[1]), s.types[1]::regtype, -1),
       array_in(textout(s.value_lists[2]), s.types[2]::regtype, -1),
       array_in(textout(s.value_lists[3]), s.types[3]::regtype, -1),
       array_in(textout(s.value_lists[4]), s.types[4]::regtype, -1),
       array_in(textout(s.value_lists[5]), s.types[5]::regtype, -1)
from pgrehearse_statistics s
join pg_attribute a
  on a.attrelid = to_regclass(s.relation)
 and (a.attname = s.column_name or s.column_name is null and a.attnum = s.attnum)
where not exists (
    select from pg_statistic t
    where t.starelid = a.attrelid and t.staattnum = a.attnum and t.stainherit = s.inherited)
