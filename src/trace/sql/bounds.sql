-- Reads: what the trace's functions are limited to, as literals for their text. The tables that have
-- rows now; the last relation that is there now. Serves 15 to 18.
select quote_literal(coalesce(array_agg(oid) filter (
           where relkind in ('r', 'm') and oid >= 16384 and pg_relation_size(oid) > 0), '{}')::text) as filled,
       max(oid)::text as newest
from pg_class
