-- Makes: where the source's statistics wait until they are taken. Serves 15 to 18.
create temporary table pgrehearse_statistics (
    relation text, column_name text, attnum int2, inherited bool, null_fraction float4, width int4,
    n_distinct float4, kinds int2[], operators text[], collations text[], numbers text[], types text[],
    value_lists text[]
)
