//! Every rule on its fixture: the change that makes it fire, what it then says, and the near miss of
//! which it says nothing. The lint, which is a family and reads every file, is in `lint.rs`.

mod harness;

use std::collections::BTreeSet;

use axum::http::Method;
use harness::gate::{Project, Run, shop_app};
use harness::github::Fault;
use harness::provider::{KEY, Kind, Provider};
use harness::{fixture, gate};
use pgrehearse::rules::page::{self, Change, Example, Text};
use pgrehearse::rules::{self, ALL, Rule};
use pgrehearse::verdict::Level;
use serde_json::Value;

/// The rows of every fixture have e-mail addresses with this in them.
const SECRET: &str = "secret.example";

/// What the base's policy has in the place of the change's own.
const BASE_POLICY: &str = "base-policy.yml";

/// A test for each rule's firing change, and for each near miss that needs a project of its own.
macro_rules! fixtures {
    (fires: [$($fires:ident)*], near_miss: [$($silent:ident)*]) => {
        mod fires {
            $(#[test] fn $fires() { super::fires(&stringify!($fires).replace('_', "-")); })*
        }
        mod near_miss {
            $(#[test] fn $silent() { super::near_miss(&stringify!($silent).replace('_', "-")); })*
        }
        const FIRES: &[&str] = &[$(stringify!($fires)),*];
        const NEAR_MISS: &[&str] = &[$(stringify!($silent)),*];
    };
}

fixtures! {
    fires: [
        restore_incomplete not_null_violated unique_violated foreign_key_violated check_violated
        migration_failed migration_timeout pending_mismatch hold_back_overdue constraint_not_validated
        index_not_valid required_table_missing required_extension_missing rows_lost rows_gained
        assertion_failed schema_drift fresh_install_broken app_not_ready app_crashed ingest_failed
        page_failed log_pattern app_sql_error allow_expired allow_unused blocking_lock table_rewrite index_blocks_writes reads_stalled
        writes_stalled mixed_ddl_and_backfill lock_held_across_statements no_lock_timeout
        statement_too_slow migration_too_slow irreversible_drop connection_budget dropped_object_in_use contention_queues rows_locked
        policy_changed clone_left
    ],
    near_miss: [
        index_blocks_writes reads_stalled writes_stalled mixed_ddl_and_backfill
        lock_held_across_statements no_lock_timeout statement_too_slow migration_too_slow connection_budget dropped_object_in_use contention_queues rows_locked
        restore_incomplete migration_timeout pending_mismatch hold_back_overdue blocking_lock table_rewrite
        required_table_missing required_extension_missing assertion_failed app_not_ready app_crashed
        ingest_failed page_failed log_pattern app_sql_error allow_expired allow_unused policy_changed clone_left
    ]
}

/// Near misses that need no policy are rehearsed in one run: no two fixtures share a table.
#[test]
fn near_misses_together() {
    let examples = together();
    let project = Project::new();
    let mut policy =
        "version: 1\nmigrations: { files: migrations/*.sql, timeouts: { lock: 5s } }\n".to_owned();
    let (mut source, mut init) = (Vec::new(), Vec::new());
    for (rule, example) in &examples {
        let id = rule.id;
        project.file(&format!("{id}/init.sql"), &example.init);
        project.file(&format!("{id}/production.sql"), &example.production);
        init.push(format!("{id}/init.sql"));
        source.push(format!("{id}/init.sql, {id}/production.sql"));
        for Text { name, text } in &example.silent.migrations {
            project.file(&format!("migrations/{id}_{name}"), text);
        }
    }
    policy.push_str(&format!("source: {{ sql: [{}] }}\n", source.join(", ")));
    policy.push_str(&format!("baseline: {{ init: [{}] }}\n", init.join(", ")));
    let run = project.policy(&policy).run();
    run.expect_besides_lint(0, "go", &[]);
    assert_no_row_is_told("near misses", &run);
}

/// A row that can't be loaded takes its whole table with it. The server's CONTEXT has the row.
#[test]
fn a_damaged_row_is_told_without_its_values() {
    let id = "restore-incomplete";
    let mut example = example(id);
    let damaged = example.production.replace("\n2\tbob@", "\ntwo\tbob@");
    assert_ne!(damaged, example.production);
    example.production = damaged;
    // With the policy of the near miss, only the damage is left to tell.
    let run = rehearse(id, &example, &example.silent);
    run.expect_besides_lint(1, "no-go", &[id, id]);
    for (finding, message) in run.besides_lint().iter().zip([
        "`public.letters` has 0 rows in the clone and 2 rows in the source",
        "restoring line 20 of the dump failed: invalid input syntax for type integer: \"…\"",
    ]) {
        assert_eq!(finding["message"], message);
    }
    assert_eq!(run.outcome("restore"), "failed");
    assert_eq!(run.outcome("migrate"), "not-run");
}

#[test]
fn every_rule_is_tested() {
    let ids: BTreeSet<String> = ALL.iter().map(|rule| rule.id.to_owned()).collect();
    let named = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| name.replace('_', "-")).collect()
    };
    assert_eq!(named(FIRES), ids, "a rule has no test, or a test no rule");
    let mut silent = named(NEAR_MISS);
    silent.extend(together().iter().map(|(rule, _)| rule.id.to_owned()));
    assert_eq!(silent, ids, "a rule's near miss has no test");
    let directories: BTreeSet<String> = names_in(&fixture::root()).collect();
    assert_eq!(
        directories, ids,
        "a rule has no fixture, or a fixture no rule"
    );
}

/// `cargo run --example rule-docs` writes them.
#[test]
fn pages_are_written_from_rules_and_fixtures() {
    let read = |name: &str| std::fs::read_to_string(fixture::pages().join(name)).ok();
    let mut expected: BTreeSet<String> = ["README.md".to_owned(), "lint.md".to_owned()].into();
    assert_eq!(read("README.md"), Some(page::index(ALL)));
    assert_eq!(read("lint.md"), Some(page::family(rules::lint::ALL)));
    for rule in ALL {
        let name = format!("{}.md", rule.id);
        assert_eq!(
            read(&name),
            Some(page::page(rule, &example(rule.id))),
            "{name}"
        );
        expected.insert(name);
    }
    assert_eq!(
        names_in(&fixture::pages()).collect::<BTreeSet<_>>(),
        expected
    );
}

/// The change is refused, or told of, by its rule and no other.
fn fires(id: &str) {
    let rule = rules::by_id(id).expect("a rule");
    let example = example(id);
    let run = rehearse(id, &example, &example.fires);
    let (code, verdict) = match rule.level {
        Level::Block => (1, "no-go"),
        _ => (0, "go"),
    };
    let fired: &[&str] = match id {
        // An entry that is over accepts nothing, so what it accepted is back.
        "allow-expired" => &["allow-expired", "rows-gained"],
        _ => &[id],
    };
    run.expect_besides_lint(code, verdict, fired);
    assert_eq!(
        nameless(&run, &words(run.besides_lint()[0])),
        example.report,
        "`{id}` does not say what its `expected.md` says"
    );
}

fn near_miss(id: &str) {
    let example = example(id);
    let run = rehearse(id, &example, &example.silent);
    let told: Vec<&Value> = run
        .besides_lint()
        .into_iter()
        .filter(|finding| finding["accepted"].is_null())
        .collect();
    assert!(
        run.code == Some(0) && run.verdict() == "go" && told.is_empty(),
        "the near miss of `{id}`: {:?} {} {told:#?}\n{}\n{}",
        run.code,
        run.verdict(),
        run.stdout,
        run.stderr
    );
}

/// A Neon that has the fixture's production, with what its policy says of the deletion.
fn neon(policy: &str) -> Provider {
    let provider = Provider::start(Kind::Neon);
    let (status, times, message) = if policy.contains("${NEON_KEY_WITHOUT_DELETE}") {
        (403, 99, "this key may not delete branches")
    } else {
        (503, 1, "busy")
    };
    let refusal = Fault::Answer {
        status,
        headers: Vec::new(),
        message,
    };
    provider.fail(Method::DELETE, "", times, refusal);
    provider
}

/// The same words, whichever run it was.
fn nameless(run: &Run, words: &str) -> String {
    let id = run.report["run"].as_str().unwrap_or_default();
    words
        .replace(id, "<run>")
        .replace(&id.replace('_', "-"), "<run>")
}

/// Runs the gate on a fixture. Its policy says what the short one does not.
fn rehearse(id: &str, example: &Example, change: &Change) -> Run {
    let project = Project::new();
    project.file("init.sql", &example.init);
    project.file("production.sql", &example.production);
    for Text { name, text } in &example.files {
        project.file(name, text);
    }
    for Text { name, text } in &change.migrations {
        project.file(&format!("migrations/{name}"), text);
    }
    let own = change.policy.as_deref().unwrap_or_default();
    let mut policy = "version: 1\n".to_owned();
    for (key, value) in [
        ("source", "{ sql: [init.sql, production.sql] }"),
        (
            "migrations",
            "{ files: migrations/*.sql, timeouts: { lock: 5s } }",
        ),
        ("baseline", "{ init: init.sql }"),
    ] {
        if !own.lines().any(|line| line.starts_with(&format!("{key}:"))) {
            policy.push_str(&format!("{key}: {value}\n"));
        }
    }
    policy.push_str(own);
    let mut arguments = vec!["run"];
    if let Some(base) = example.files.iter().find(|file| file.name == BASE_POLICY) {
        let head = policy.strip_suffix(own).unwrap_or(&policy);
        project.policy(&format!("{head}{}", base.text));
        project.commit(&["pgrehearse.yml"]);
        arguments.extend(["--base", "HEAD"]);
    }
    project.policy(&policy);
    let mut command = gate::gate(project.path(), &arguments);
    if policy.contains("${SHOP_APP}") {
        command.env("SHOP_APP", shop_app());
    }
    let provider = policy.contains("${NEON_API}").then(|| neon(&policy));
    if let Some(provider) = &provider {
        for name in ["NEON_KEY", "NEON_KEY_WITHOUT_DELETE"] {
            command.env(name, KEY);
        }
        command.env("NEON_API", provider.neon_api());
    }
    let run = project.ended(&command.output().expect("the gate starts"));
    // What the application itself writes is its own, and no report repeats it.
    let _ = std::fs::remove_file(run.reports.join("logs/app-before.log"));
    let _ = std::fs::remove_file(run.reports.join("logs/app-after.log"));
    assert_no_row_is_told(id, &run);
    run
}

#[track_caller]
fn assert_no_row_is_told(id: &str, run: &Run) {
    let everything = run.everything();
    assert!(
        !everything.contains(SECRET),
        "`{id}` tells a row: {everything}"
    );
}

/// A finding as `expected.md` has it. A duration is another one in each run.
fn words(finding: &Value) -> String {
    let text = |key: &str| finding[key].as_str();
    let mut head = vec![
        text("level").unwrap_or_default().to_owned(),
        text("stage").unwrap_or_default().to_owned(),
    ];
    head.extend(text("object").map(|object| format!("`{object}`")));
    head.extend(text("file").map(|file| match finding["line"].as_u64() {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    }));
    let mut words = format!(
        "{}\n\n**{}**\n\neffect: {}\n",
        head.join(" · "),
        without_measured(text("message").unwrap_or_default()),
        text("effect").unwrap_or_default()
    );
    if let Some(advice) = text("advice") {
        words.push_str(&format!("\ninstead: {advice}\n"));
    }
    if let Some(sql) = text("sql") {
        words.push_str(&format!("\n```sql\n{sql}\n```\n"));
    }
    let evidence = finding["evidence"].as_array().cloned().unwrap_or_default();
    if !evidence.is_empty() {
        words.push('\n');
    }
    for fact in evidence.iter().filter_map(Value::as_str) {
        words.push_str(&format!("- {}\n", without_measured(fact)));
    }
    words
}

/// A text without the times it has measured.
fn without_measured(text: &str) -> String {
    let duration = regex::Regex::new(r"\b[0-9.]+ (s|min)\b").expect("valid");
    duration.replace_all(text, "… $1").into_owned()
}

fn example(id: &str) -> Example {
    fixture::read(id).unwrap_or_else(|error| panic!("the fixture of `{id}`: {error}"))
}

/// The rules whose near miss needs nothing but SQL.
fn together() -> Vec<(&'static Rule, Example)> {
    ALL.iter()
        .map(|rule| (*rule, example(rule.id)))
        .filter(|(_, example)| example.silent.policy.is_none() && example.files.is_empty())
        .collect()
}

fn names_in(directory: &std::path::Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("`{}`: {error}", directory.display()))
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
}
