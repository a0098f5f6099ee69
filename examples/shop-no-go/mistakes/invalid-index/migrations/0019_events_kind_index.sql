-- The first step of building it partition by partition. The other steps are in nobody's file.
create index events_kind_idx on only events (kind);
