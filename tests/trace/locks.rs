//! The lock modes of every form of DDL, as the trace has them, beside PostgreSQL's documentation
//! ("Explicit Locking", and the page of each command).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pgrehearse::postgres::Binaries;

use crate::NOT_JUDGED;
use crate::harness::gate::{Project, Run};
use crate::harness::installed_majors;

/// `{t}` is a table of the form's own: `id int, note text`. Names that begin with it are the form's too.
struct Form {
    setup: &'static str,
    statement: &'static str,
    /// The strongest mode on each relation that is to be locked; beside these no table, view or
    /// materialised view of the form's is. Of indexes the documentation mostly says nothing; of what the
    /// statement makes the trace says nothing, since nobody else can wait for it.
    documented: &'static [(&'static str, &'static str)],
}

const fn form(
    setup: &'static str,
    statement: &'static str,
    documented: &'static [(&'static str, &'static str)],
) -> Form {
    Form {
        setup,
        statement,
        documented,
    }
}

const AS: &str = "ACCESS SHARE";
const RS: &str = "ROW SHARE";
const RE: &str = "ROW EXCLUSIVE";
const SUE: &str = "SHARE UPDATE EXCLUSIVE";
const S: &str = "SHARE";
const SRE: &str = "SHARE ROW EXCLUSIVE";
const E: &str = "EXCLUSIVE";
const AE: &str = "ACCESS EXCLUSIVE";

const PARENT: &str = "create table {t}_p (id int primary key)";
const CHECKED: &str = "alter table {t} add constraint {t}_c check (id > 0) not valid";
const REFERRING: &str = "create table {t}_p (id int primary key); insert into {t}_p select generate_series(1, 10); alter table {t} add constraint {t}_f foreign key (id) references {t}_p not valid";
const INDEXED: &str = "create index {t}_i on {t} (note)";
const PARTITIONED: &str = "create table {t}_p (id int, note text) partition by range (id)";
const ATTACHED: &str = "create table {t}_p (id int, note text) partition by range (id); alter table {t}_p attach partition {t} for values from (1) to (1000000)";
const TRIGGER: &str =
    "create trigger {t}_g before insert on {t} for each row execute function nothing()";
/// Enough that a statement outside a transaction block is seen by the sampler.
const LARGE: &str = "insert into {t} select i, md5(i::text) from generate_series(11, 300000) i";
const LARGE_INDEXED: &str = "insert into {t} select i, md5(i::text) from generate_series(11, 300000) i; create index {t}_i on {t} (note)";

#[rustfmt::skip]
const FORMS: &[Form] = &[
    form("", "alter table {t} add added int", &[("{t}", AE)]),
    form("", "alter table {t} add added int default 7", &[("{t}", AE)]),
    form("", "alter table {t} drop note", &[("{t}", AE)]),
    form("", "alter table {t} alter note type varchar(90)", &[("{t}", AE)]),
    form("", "alter table {t} alter id type bigint", &[("{t}", AE)]),
    form("", "alter table {t} alter note set default 'x'", &[("{t}", AE)]),
    form("", "alter table {t} alter note drop default", &[("{t}", AE)]),
    form("", "alter table {t} alter note set not null", &[("{t}", AE)]),
    form("", "alter table {t} alter id drop not null", &[("{t}", AE)]),
    form("", "alter table {t} alter note set statistics 500", &[("{t}", SUE)]),
    form("", "alter table {t} alter note set (n_distinct = 5)", &[("{t}", SUE)]),
    form("", "alter table {t} alter note set storage external", &[("{t}", AE)]),
    form("", "alter table {t} alter note set compression pglz", &[("{t}", AE)]),
    form("alter table {t} alter id set not null", "alter table {t} alter id add generated always as identity", &[("{t}", AE)]),
    form("", "alter table {t} add constraint {t}_c check (id > 0)", &[("{t}", AE)]),
    form("", "alter table {t} add constraint {t}_c check (id > 0) not valid", &[("{t}", AE)]),
    form(CHECKED, "alter table {t} validate constraint {t}_c", &[("{t}", SUE)]),
    form(CHECKED, "alter table {t} drop constraint {t}_c", &[("{t}", AE)]),
    form(CHECKED, "alter table {t} rename constraint {t}_c to {t}_d", &[("{t}", AE)]),
    form(PARENT, "alter table {t} add constraint {t}_f foreign key (id) references {t}_p not valid", &[("{t}", SRE), ("{t}_p", SRE)]),
    form(REFERRING, "alter table {t} validate constraint {t}_f", &[("{t}", SUE), ("{t}_p", RS)]),
    form(REFERRING, "alter table {t} drop constraint {t}_f", &[("{t}", AE), ("{t}_p", AE)]),
    form(PARENT, "create table {t}_n (id int references {t}_p)", &[("{t}_p", SRE)]),
    form("", "alter table {t} add constraint {t}_u unique (id)", &[("{t}", AE)]),
    form("create unique index {t}_u on {t} (id); alter table {t} alter id set not null", "alter table {t} add constraint {t}_k primary key using index {t}_u", &[("{t}", AE)]),
    form("", "alter table {t} add constraint {t}_x exclude (id with =)", &[("{t}", AE)]),
    form(TRIGGER, "alter table {t} disable trigger {t}_g", &[("{t}", SRE)]),
    form(TRIGGER, "alter table {t} enable always trigger {t}_g", &[("{t}", SRE)]),
    form("", "alter table {t} enable row level security", &[("{t}", AE)]),
    form("", "alter table {t} force row level security", &[("{t}", AE)]),
    form(INDEXED, "alter table {t} cluster on {t}_i", &[("{t}", SUE)]),
    form(INDEXED, "alter table {t} set without cluster", &[("{t}", SUE)]),
    form("", "alter table {t} set (fillfactor = 80)", &[("{t}", SUE)]),
    form("", "alter table {t} set (autovacuum_enabled = false)", &[("{t}", SUE)]),
    form("", "alter table {t} set unlogged", &[("{t}", AE)]),
    form("", "alter table {t} rename to {t}_n", &[("{t}", AE)]),
    form("", "alter table {t} rename note to remark", &[("{t}", AE)]),
    form("", "alter table {t} owner to somebody", &[("{t}", AE)]),
    form("", "alter table {t} set schema elsewhere", &[("{t}", AE)]),
    form("", "alter table {t} replica identity full", &[("{t}", AE)]),
    form("create table {t}_p (id int, note text)", "alter table {t} inherit {t}_p", &[("{t}", AE), ("{t}_p", SUE)]),
    form("create table {t}_p (id int, note text); alter table {t} inherit {t}_p", "alter table {t} no inherit {t}_p", &[("{t}", AE), ("{t}_p", AS)]),
    form(PARTITIONED, "alter table {t}_p attach partition {t} for values from (1) to (1000000)", &[("{t}", AE), ("{t}_p", SUE)]),
    form(ATTACHED, "alter table {t}_p detach partition {t}", &[("{t}", AE), ("{t}_p", AE)]),
    form(PARTITIONED, "create table {t}_n partition of {t}_p for values from (1) to (9)", &[("{t}_p", AE)]),
    form(ATTACHED, "drop table {t}", &[("{t}", AE), ("{t}_p", AE)]),
    form("", "create index {t}_i on {t} (note)", &[("{t}", S)]),
    form(LARGE, "create index concurrently {t}_i on {t} (note)", &[("{t}", SUE)]),
    form(INDEXED, "drop index {t}_i", &[("{t}", AE), ("{t}_i", AE)]),
    form(INDEXED, "begin; reindex table {t}; select pg_sleep(0.1); commit", &[("{t}", S), ("{t}_i", AE)]),
    form(INDEXED, "begin; reindex index {t}_i; select pg_sleep(0.1); commit", &[("{t}", S), ("{t}_i", AE)]),
    form(LARGE_INDEXED, "reindex table concurrently {t}", &[("{t}", SUE)]),
    form(INDEXED, "alter index {t}_i rename to {t}_n", &[("{t}_i", SUE)]),
    form(INDEXED, "alter index {t}_i set (fillfactor = 80)", &[("{t}_i", SUE)]),
    form("", "create trigger {t}_g before insert on {t} for each row execute function nothing()", &[("{t}", SRE)]),
    form(TRIGGER, "drop trigger {t}_g on {t}", &[("{t}", AE)]),
    form("", "create rule {t}_r as on delete to {t} do instead nothing", &[("{t}", AE)]),
    form("", "create statistics {t}_s on id, note from {t}", &[("{t}", SUE)]),
    form("", "comment on table {t} is 'x'", &[("{t}", SUE)]),
    form("", "create policy {t}_y on {t} using (true)", &[("{t}", AE)]),
    form("create view {t}_v as select id from {t}", "create or replace view {t}_v as select id, note from {t}", &[("{t}", AS), ("{t}_v", AE)]),
    form("create view {t}_v as select id from {t}", "drop view {t}_v", &[("{t}_v", AE)]),
    form("create materialized view {t}_m as select id from {t}", "refresh materialized view {t}_m", &[("{t}", AS), ("{t}_m", AE)]),
    form("create materialized view {t}_m as select id from {t}; create unique index {t}_i on {t}_m (id)", "refresh materialized view concurrently {t}_m", &[("{t}", AS), ("{t}_m", E)]),
    form("create sequence {t}_q", "alter sequence {t}_q increment by 5", &[("{t}_q", SRE)]),
    form(REFERRING, "drop table {t}_p cascade", &[("{t}", AE), ("{t}_p", AE)]),
    form("", "do $$ begin execute 'alter table {t} add added int'; end $$", &[("{t}", AE)]),
    form("", "begin; truncate {t}; select pg_sleep(0.1); commit", &[("{t}", AE)]),
    form(LARGE_INDEXED, "cluster {t} using {t}_i", &[("{t}", AE), ("{t}_i", AE)]),
    form(LARGE, "vacuum full {t}", &[("{t}", AE)]),
    form(LARGE, "vacuum (freeze) {t}", &[("{t}", SUE)]),
    form("", "begin; analyze {t}; select pg_sleep(0.1); commit", &[("{t}", SUE)]),
    form("", "begin; lock table {t} in access share mode; select pg_sleep(0.1); commit", &[("{t}", AS)]),
    form("", "begin; lock table {t} in row share mode; select pg_sleep(0.1); commit", &[("{t}", RS)]),
    form("", "begin; lock table {t} in row exclusive mode; select pg_sleep(0.1); commit", &[("{t}", RE)]),
    form("", "begin; lock table {t} in share update exclusive mode; select pg_sleep(0.1); commit", &[("{t}", SUE)]),
    form("", "begin; lock table {t} in share mode; select pg_sleep(0.1); commit", &[("{t}", S)]),
    form("", "begin; lock table {t} in share row exclusive mode; select pg_sleep(0.1); commit", &[("{t}", SRE)]),
    form("", "begin; lock table {t} in exclusive mode; select pg_sleep(0.1); commit", &[("{t}", E)]),
    form("", "begin; lock table {t}; select pg_sleep(0.1); commit", &[("{t}", AE)]),
    form("", "begin; update {t} set note = 'y' where id = 1; select pg_sleep(0.1); commit", &[("{t}", RE)]),
    form("", "begin; select from {t} where id = 1 for update; select pg_sleep(0.1); commit", &[("{t}", RS)]),
];

fn production() -> String {
    let mut sql = String::from(
        "create schema elsewhere; create role somebody;
         create function nothing() returns trigger language plpgsql as 'begin return new; end';\n",
    );
    for (number, form) in FORMS.iter().enumerate() {
        let table = table(number);
        let _ = write!(
            sql,
            "create table {table} (id int, note text); insert into {table} select i, 'n' from generate_series(1, 10) i;\n{};\n",
            form.setup.replace("{t}", &table)
        );
    }
    sql
}

fn table(number: usize) -> String {
    format!("t{number:02}")
}

fn migrated(binaries: &Binaries) -> Run {
    let migration: String = FORMS
        .iter()
        .enumerate()
        .map(|(number, form)| format!("{};\n", form.statement.replace("{t}", &table(number))))
        .collect();
    let project = Project::sql(&production(), &[("1.sql", &migration)]);
    project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\n\
         migrations: {{ files: migrations/*.sql, role_attributes: [superuser] }}\n\
         {NOT_JUDGED}\npostgres: {{ bin_dir: '{}' }}\n",
        binaries.directory.display()
    ));
    project.run()
}

/// The strongest mode in which each relation of `form`, whose table is `table`, was locked.
fn strongest(run: &Run, form: &Form, table: &str) -> BTreeMap<String, &'static str> {
    let order = [AS, RS, RE, SUE, S, SRE, E, AE];
    let rank = |mode: &str| order.iter().position(|known| *known == mode);
    let mut strongest = BTreeMap::new();
    let transactions = run.report["trace"]["transactions"].as_array();
    for lock in transactions
        .into_iter()
        .flatten()
        .filter_map(|transaction| transaction["locks"].as_array())
        .flatten()
    {
        let name = lock["relation"].as_str().unwrap_or_default();
        let name = name.strip_prefix("public.").unwrap_or(name);
        let own = name.replace(table, "{t}");
        let is_asked = matches!(
            lock["kind"].as_str(),
            Some("table" | "view" | "materialized view")
        ) || form
            .documented
            .iter()
            .any(|(documented, _)| own == *documented);
        let rank = lock["mode"].as_str().and_then(rank);
        if let Some(rank) = rank.filter(|_| is_asked && name.starts_with(table)) {
            let known = strongest.entry(own).or_insert(0);
            *known = rank.max(*known);
        }
    }
    strongest
        .into_iter()
        .map(|(name, rank)| (name, order[rank]))
        .collect()
}

#[test]
fn locks_are_those_of_the_documentation() {
    for binaries in installed_majors() {
        let run = migrated(&binaries);
        assert_eq!(
            run.outcome("migrate"),
            "passed",
            "{}{}",
            run.stdout,
            run.stderr
        );
        let mut differences = String::new();
        for (number, form) in FORMS.iter().enumerate() {
            let traced = strongest(&run, form, &table(number));
            let documented: BTreeMap<String, &str> = form
                .documented
                .iter()
                .map(|(name, mode)| ((*name).to_owned(), *mode))
                .collect();
            if traced != documented {
                let _ = writeln!(
                    differences,
                    "{}\n  documented {documented:?}\n  traced     {traced:?}",
                    form.statement
                );
            }
        }
        assert!(
            differences.is_empty(),
            "PostgreSQL {}\n{differences}",
            binaries.major
        );
    }
}
