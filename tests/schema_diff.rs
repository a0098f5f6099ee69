//! The schema diff: every change is found, nothing else is, and the remedies lead back.

#[path = "schema_diff/bench.rs"]
mod bench;
mod harness;

use std::sync::Mutex;

use bench::{
    Bench, CHANGES, QUIET, Section, everything, in_parallel, line_diff, remedied, sections, show,
};
use harness::{Server, installed_majors};
use pgrehearse::schema_diff::{
    Catalog, Change, Comments, FunctionBodies, Options, Privileges, SchemaDiff, compare,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_is_found_and_remedies_lead_back() {
    let bench = Bench::new(Server::newest().await).await;
    let base = bench.catalog("base").await;
    let base_dump = bench.dump("base").await;
    let changes = sections(CHANGES, &bench);
    let count = changes.len();
    assert!(count >= 110, "{count} changes");
    let without: Mutex<Vec<String>> = Mutex::default();
    let complaints = in_parallel(changes, |number, change| {
        let (bench, base, base_dump, without) = (&bench, &base, &base_dump, &without);
        async move {
            let name = format!("change_{number}");
            bench.copy(&name).await;
            let complaint = match bench.run(&name, &change.text).await {
                Err(error) => error,
                Ok(()) => {
                    let case = Case {
                        bench,
                        base,
                        base_dump,
                        name: &name,
                        change: &change,
                        without,
                    };
                    case.complaint().await
                }
            };
            bench.drop(&name).await;
            let marks = change.marks.join(" | ");
            (!complaint.is_empty())
                .then(|| format!("== {} | {marks}\n{}{complaint}", change.title, change.text))
        }
    })
    .await;
    let without = without.into_inner().expect("no panic");
    println!(
        "{count} changes, both ways; {} of {} ways were not undone by remedies alone: {}",
        without.len(),
        2 * count,
        without.join(", ")
    );
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// One change of the corpus, made in the database `name`.
struct Case<'a> {
    bench: &'a Bench,
    base: &'a Catalog,
    base_dump: &'a str,
    name: &'a str,
    change: &'a Section,
    without: &'a Mutex<Vec<String>>,
}

impl Case<'_> {
    async fn complaint(&self) -> String {
        let changed = self.bench.catalog(self.name).await;
        let changed_dump = self.bench.dump(self.name).await;
        let there = compare(&changed, self.base, &everything());
        let back = compare(self.base, &changed, &everything());
        let mut complaint = self.not_found(&there) + &self.not_found(&back);
        let undone = self
            .lead(self.name, &there, self.base, self.base_dump)
            .await;
        let made = match undone {
            // What was undone can be done again; else a fresh copy is needed.
            Some(text) if text.is_empty() => {
                self.lead(self.name, &back, &changed, &changed_dump).await
            }
            undone => {
                complaint.push_str(&undone.unwrap_or_default());
                let other = format!("{}_again", self.name);
                self.bench.copy(&other).await;
                let made = self.lead(&other, &back, &changed, &changed_dump).await;
                self.bench.drop(&other).await;
                made
            }
        };
        complaint + &made.unwrap_or_default()
    }

    fn not_found(&self, diff: &SchemaDiff) -> String {
        let (kind, object) = (&self.change.title, &self.change.marks[0]);
        let last = object.rsplit('.').next().unwrap_or(object);
        let found = diff.differences.iter().any(|one| {
            let renamed = one.change == Change::Differs && one.baseline.as_deref() == Some(last);
            one.kind.term() == kind && (one.object == *object || renamed)
        });
        if found {
            String::new()
        } else {
            format!("not found:\n{}", show(diff))
        }
    }

    /// Applies the remedies: then nothing differs, and `pg_dump` says so as well.
    async fn lead(
        &self,
        database: &str,
        diff: &SchemaDiff,
        wanted: &Catalog,
        wanted_dump: &str,
    ) -> Option<String> {
        let Some(applied) = remedied(self.bench, database, diff).await else {
            let direction = if std::ptr::eq(wanted, self.base) {
                "undo"
            } else {
                "do"
            };
            let title = format!("{direction} {} {}", self.change.title, self.change.marks[0]);
            self.without.lock().expect("no panic").push(title);
            return None;
        };
        if let Err(error) = applied {
            return Some(format!("a remedy failed: {error}\n"));
        }
        let left = compare(&self.bench.catalog(database).await, wanted, &everything());
        if !left.is_empty() {
            return Some(format!("left over:\n{}", show(&left)));
        }
        if self
            .change
            .marks
            .iter()
            .any(|mark| mark == "pg_dump differs")
        {
            return Some(String::new());
        }
        // A note says what a dump would see as well, such as another order of columns.
        let lines = line_diff(&self.bench.dump(database).await, wanted_dump);
        Some(if left.notes.is_empty() && !lines.is_empty() {
            format!("pg_dump sees more:\n{lines}")
        } else {
            String::new()
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_pairs_are_quiet() {
    let bench = Bench::new(Server::newest().await).await;
    let pairs = sections(QUIET, &bench);
    assert!(pairs.len() >= 25, "{} pairs", pairs.len());
    let complaints = loud_pairs(&bench, pairs).await;
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

async fn loud_pairs(bench: &Bench, pairs: Vec<Section>) -> Vec<String> {
    in_parallel(pairs, |number, pair| async move {
        let (first, second) = pair
            .text
            .split_once("--\n")
            .unwrap_or_else(|| (pair.text.strip_suffix("--").unwrap_or(&pair.text), ""));
        let (one, other) = (format!("one_{number}"), format!("other_{number}"));
        let mut complaint = String::new();
        for (name, script) in [(&one, first), (&other, second)] {
            bench.copy(name).await;
            if let Err(error) = bench.run(name, script).await {
                complaint.push_str(&error);
            }
        }
        let (clone, baseline) = (bench.catalog(&one).await, bench.catalog(&other).await);
        for diff in [
            compare(&clone, &baseline, &everything()),
            compare(&baseline, &clone, &everything()),
        ] {
            if !diff.is_empty() {
                complaint.push_str(&show(&diff));
            }
        }
        let (ours, theirs) = (bench.dump(&one).await, bench.dump(&other).await);
        if (ours != theirs) != pair.marks.iter().any(|mark| mark == "pg_dump differs") {
            let lines = line_diff(&ours, &theirs);
            complaint.push_str(&format!("the dumps differ: {}\n{lines}", ours != theirs));
        }
        bench.drop(&one).await;
        bench.drop(&other).await;
        (!complaint.is_empty()).then(|| format!("== {}\n{complaint}", pair.title))
    })
    .await
}

/// Each version reads its own catalogue, and the same schema is the same on all of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_versions_agree() {
    let mut catalogs: Vec<(bool, Catalog)> = Vec::new();
    for binaries in installed_majors() {
        let bench = Bench::new(Server::start(&binaries).await).await;
        let base = bench.catalog("base").await;
        assert!(base.len() > 100, "{} objects", base.len());
        assert!(compare(&base, &base, &everything()).is_empty());
        let some = sections(QUIET, &bench).into_iter().step_by(4).collect();
        let complaints = loud_pairs(&bench, some).await;
        assert!(
            complaints.is_empty(),
            "PostgreSQL {}: {}",
            binaries.major,
            complaints.join("\n")
        );
        catalogs.push((bench.has_contrib, base));
    }
    for pair in catalogs.windows(2) {
        let ((contrib, old), (other_contrib, new)) = (&pair[0], &pair[1]);
        let diff = compare(old, new, &everything());
        let unexpected: Vec<_> = diff
            .differences
            .iter()
            // The base has no citext where it is not installed.
            .filter(|one| contrib == other_contrib || !about_citext(one))
            .collect();
        assert!(unexpected.is_empty(), "{}", show(&diff));
    }
}

fn about_citext(difference: &pgrehearse::schema_diff::Difference) -> bool {
    difference.object.contains("citext")
        || difference.object == "public.customers.handle"
        || difference.object == "public.customers_handle"
}

#[tokio::test]
async fn differences_are_told_in_sentences() {
    let server = Server::newest().await;
    let clone = server
        .database_with(
            "create table orders (id integer primary key, note text, total numeric, mail text unique) with (fillfactor = 70);
             create index orders_total on orders (total);
             create table leftover (id integer primary key, name text unique);
             create view v as select id from orders;
             create function f() returns integer language sql stable as 'select 1';",
        )
        .await;
    let baseline = server
        .database_with(
            "create table orders (id bigint primary key, total numeric not null default 0, note varchar(40), mail text constraint one_mail unique, placed timestamptz);
             create index orders_total on orders (total desc);
             create view v as select id from orders where total > 0;
             create function f() returns integer language sql immutable as 'select 1';",
        )
        .await;
    let diff = compare(
        &pgrehearse::schema_diff::read(&clone).await.expect("read"),
        &pgrehearse::schema_diff::read(&baseline)
            .await
            .expect("read"),
        &Options::default(),
    );
    insta::assert_snapshot!(show(&diff), @r#"
      table public.leftover: the table is only in the clone
          remedy: None
      table public.orders: storage parameters: only the clone has `fillfactor=70`
          remedy: Some("alter table public.orders reset (fillfactor);")
      column public.orders.id: column type is `integer`, the baseline has `bigint`
          remedy: Some("alter table public.orders alter column id type bigint;")
      column public.orders.note: column type is `text`, the baseline has `character varying(40)`
          remedy: Some("alter table public.orders alter column note type character varying(40);")
      column public.orders.placed: the column is only in the baseline
          remedy: Some("alter table public.orders add column placed timestamp with time zone;")
      column public.orders.total: there is no default, the baseline has `0`
          remedy: Some("alter table public.orders alter column total set default 0;")
      column public.orders.total: nullability is `null`, the baseline has `not null`
          remedy: Some("alter table public.orders alter column total set not null;")
      function public.f(): volatility is `stable`, the baseline has `immutable`
          remedy: Some("CREATE OR REPLACE FUNCTION public.f()\n RETURNS integer\n LANGUAGE sql\n IMMUTABLE\nAS $function$select 1$function$;")
      index public.orders_total: definition is `CREATE INDEX ON public.orders USING btree (total)`, the baseline has `CREATE INDEX ON public.orders USING btree (total DESC)`
          remedy: Some("drop index concurrently if exists public.orders_total;\ncreate index concurrently orders_total ON public.orders USING btree (total DESC);")
      view public.v: definition is not that of the baseline
          remedy: None
      note: constraint `public.orders.orders_mail_key` is named `one_mail` in the baseline; one of the names is PostgreSQL's own
      note: the columns of `public.orders` are in another order than in the baseline
    "#);
}

#[tokio::test]
async fn what_goes_with_a_missing_object_is_not_told_again() {
    let server = Server::newest().await;
    let clone = server
        .database_with(
            "create table p (id serial, at date, primary key (id, at)) partition by range (at);
             create table p1 partition of p for values from ('2024-01-01') to ('2025-01-01');
             create table p2 partition of p for values from ('2025-01-01') to ('2026-01-01');
             create index on p (at);
             create table t (id bigserial);
             create table shape (id integer);
             comment on column shape.id is 'x';",
        )
        .await;
    let baseline = server
        .database_with("create table t (); create view shape as select 1 as id, 2 as other;")
        .await;
    let diff = compare(
        &pgrehearse::schema_diff::read(&clone).await.expect("read"),
        &pgrehearse::schema_diff::read(&baseline)
            .await
            .expect("read"),
        &everything(),
    );
    insta::assert_snapshot!(show(&diff), @r#"
      table public.p: the table and its 2 partitions are only in the clone
          remedy: None
      table public.shape: the table is only in the clone
          remedy: None
      column public.t.id: the column is only in the clone
          remedy: Some("alter table public.t drop column if exists id;")
      view public.shape: the view is only in the baseline
          remedy: Some("create view public.shape as\n SELECT 1 AS id,\n    2 AS other;\nalter view public.shape owner to pgrehearse;")
    "#);
    // What a program reads of it.
    let json = serde_json::to_value(&diff.differences[2]).expect("it is data");
    assert_eq!(
        json,
        serde_json::json!({
            "kind": "column",
            "object": "public.t.id",
            "change": "only_in_clone",
            "what": "the column is only in the clone",
            "clone": "bigint default nextval of the column's own sequence not null",
            "baseline": null,
            "remedy": "alter table public.t drop column if exists id;"
        })
    );
}

#[tokio::test]
async fn options_say_what_counts() {
    let server = Server::newest().await;
    let clone = server
        .database_with(
            "create table history (id integer primary key, at date);
             create index on history (at);
             create table t (id integer);
             comment on table t is 'a';
             grant select on t to public;
             create function f() returns integer language sql as 'select  1';",
        )
        .await;
    let baseline = server
        .database_with(
            "create table t (id integer);
             create function f() returns integer language sql as 'select 1';",
        )
        .await;
    let (clone, baseline) = (
        pgrehearse::schema_diff::read(&clone).await.expect("read"),
        pgrehearse::schema_diff::read(&baseline)
            .await
            .expect("read"),
    );
    let objects = |options: &Options| -> Vec<String> {
        compare(&clone, &baseline, options)
            .differences
            .into_iter()
            .map(|one| format!("{} {}", one.object, one.what))
            .collect()
    };
    assert_eq!(
        objects(&everything()),
        [
            "public.history the table is only in the clone",
            "public.t set of privileges: only the clone has `select to public`",
            "public.t comment is `a`, the baseline has none",
            "public.f() body is `select  1`, the baseline has `select 1`",
        ]
    );
    assert_eq!(
        objects(&Options {
            privileges: Privileges::Ignore,
            comments: Comments::Ignore,
            function_bodies: FunctionBodies::IgnoreWhitespace,
            ignore: Box::new(|name| name.name == "history"),
            ..Options::default()
        }),
        [""; 0]
    );
}
