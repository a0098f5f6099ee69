-- Reads: the settings that decide how a migration's statements are planned and how fast they run,
-- where they differ from the built-in default. Memory that belongs to the machine
-- (shared_buffers) stays behind. Serves 15 to 18.
select name, current_setting(name)
from pg_settings
where name in (
        'work_mem', 'maintenance_work_mem', 'hash_mem_multiplier', 'temp_buffers',
        'random_page_cost', 'seq_page_cost', 'cpu_tuple_cost', 'cpu_index_tuple_cost',
        'cpu_operator_cost', 'effective_io_concurrency', 'default_statistics_target', 'jit',
        'max_parallel_workers_per_gather', 'max_parallel_maintenance_workers',
        'default_toast_compression', 'timezone', 'datestyle', 'intervalstyle',
        'default_text_search_config', 'max_locks_per_transaction', 'max_connections',
        'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout',
        'deadlock_timeout', 'row_security', 'xmlbinary', 'xmloption', 'bytea_output',
        'standard_conforming_strings', 'from_collapse_limit', 'join_collapse_limit')
  and source in ('configuration file', 'command line', 'override', 'database')
  -- Ours is another than the built-in one.
  and (setting is distinct from boot_val or name = 'max_connections')
order by 1
