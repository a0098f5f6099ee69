-- What the migration tool itself brings: the table that records which files were applied.
create table public.schema_migrations (
    version text primary key,
    applied_at timestamptz not null default now()
);
