-- Reads: whether every event trigger of the trace is still there and enabled ALWAYS. Serves 15 to 18.
select count(*) = 4
from pg_event_trigger
where evtname ~ '^pgrehearse_trace_(started|ended|dropped|rewriting)$' and evtenabled = 'A'
