-- The scratch databases of runs: $1 begins their names. Reads pg_database; serves 15 to 18.
select datname::text
from pg_catalog.pg_database
where starts_with(datname::text, $1)
order by datname
