-- Reads: functions, procedures and aggregates; not the constructors of range types. The key has
-- argument types only: names of arguments may change. Serves 15 to 18.
select case p.prokind when 'p' then 'procedure' when 'a' then 'aggregate' else 'function' end,
       n.nspname::text, null::text, p.proname::text, oidvectortypes(p.proargtypes),
       jsonb_strip_nulls(jsonb_build_object(
           'owner', pg_get_userbyid(p.proowner),
           'privileges', coalesce(p.proacl, acldefault('f', p.proowner))::text[],
           'comment', d.description,
           'arguments', pg_get_function_arguments(p.oid),
           'result', pg_get_function_result(p.oid))
       || case when p.prokind = 'a' then jsonb_build_object(
           'definition', concat_ws(', ',
               'sfunc = ' || a.aggtransfn::regprocedure,
               'stype = ' || format_type(a.aggtranstype, null),
               case when a.aggkind <> 'n' then 'kind = ' || a.aggkind::text end,
               case when a.aggtransspace <> 0 then 'sspace = ' || a.aggtransspace end,
               case when a.aggfinalfn <> 0 then 'finalfunc = ' || a.aggfinalfn::regprocedure end,
               case when a.aggfinalextra then 'finalfunc_extra' end,
               'finalfunc_modify = ' || a.aggfinalmodify::text,
               case when a.aggcombinefn <> 0 then 'combinefunc = ' || a.aggcombinefn::regprocedure end,
               case when a.aggserialfn <> 0 then 'serialfunc = ' || a.aggserialfn::regprocedure end,
               case when a.aggdeserialfn <> 0 then 'deserialfunc = ' || a.aggdeserialfn::regprocedure end,
               'initcond = ' || quote_literal(a.agginitval),
               case when a.aggmtransfn <> 0 then 'msfunc = ' || a.aggmtransfn::regprocedure end,
               case when a.aggminvtransfn <> 0 then 'minvfunc = ' || a.aggminvtransfn::regprocedure end,
               case when a.aggmtranstype <> 0 then 'mstype = ' || format_type(a.aggmtranstype, null) end,
               case when a.aggmfinalfn <> 0 then 'mfinalfunc = ' || a.aggmfinalfn::regprocedure end,
               'minitcond = ' || quote_literal(a.aggminitval),
               case when a.aggsortop <> 0 then 'sortop = ' || a.aggsortop::regoperator end,
               'parallel = ' || p.proparallel::text))
       else jsonb_build_object(
           'routine_kind', case p.prokind when 'w' then 'window function' end,
           'language', l.lanname,
           'volatility', case p.provolatile when 'i' then 'immutable' when 's' then 'stable'
                                            else 'volatile' end,
           'strictness', case when p.proisstrict then 'strict' else 'called on null input' end,
           'security', case when p.prosecdef then 'security definer' else 'security invoker' end,
           'parallel_safety', case p.proparallel when 's' then 'parallel safe'
               when 'r' then 'parallel restricted' else 'parallel unsafe' end,
           'leakproofness', case when p.proleakproof then 'leakproof' else 'not leakproof' end,
           'cost', p.procost::text,
           'rows', case when p.proretset then p.prorows::text end,
           'settings', p.proconfig,
           'support_function', case when p.prosupport <> 0 then p.prosupport::regproc::text end,
           'transforms', (select jsonb_agg(format_type(t, null)) from unnest(p.protrftypes) t),
           'library', p.probin,
           'body', coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
           'create_statement', pg_get_functiondef(p.oid)) end)::text
from pg_proc p
join space n on n.oid = p.pronamespace
join pg_language l on l.oid = p.prolang
left join pg_aggregate a on a.aggfnoid = p.oid
left join pg_description d
    on d.classoid = 'pg_proc'::regclass and d.objoid = p.oid and d.objsubid = 0
where (1255::oid, p.oid) not in (select classid, objid from member)
  and not exists (
      select from pg_depend i
      where i.classid = 'pg_proc'::regclass and i.objid = p.oid and i.deptype = 'i')
