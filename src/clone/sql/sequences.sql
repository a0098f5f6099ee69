-- Reads: where every sequence stands; one that was never used is at its start. Serves 15 to 18.
select s.schemaname as schema,
       s.sequencename as name,
       coalesce(s.last_value, s.start_value) as last_value,
       s.last_value is not null as is_called
from pg_sequences s
where s.schemaname !~ '^pg_(toast|temp)'
order by 1, 2
