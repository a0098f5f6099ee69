//! A change that is to be merged: the base's policy counts, and a change without a migration is a go at
//! once.

mod harness;

use harness::Server;
use harness::gate::{Project, Run};
use harness::github::{BASE, GitHub, HEAD, TOKEN};

const POLICY: &str = "version: 1\nsource: { sql: production.sql }\n\
     migrations: { files: migrations/*.sql }\nrules: { schema-drift: off, fresh-install-broken: off }\n";

/// Nothing of it need be there for a run to find out that it need not run.
const UNREADABLE: &str = "version: 1\nsource: { dump: missing.dump }\nmigrations: { files: migrations/*.sql }\n\
     baseline: { init: init.sql }\n";

const STRICT: &str =
    "verify: { assertions: [{ name: nobody is lost, sql: select count(*) from t, expect: 1 }] }\n";

fn shop() -> Project {
    let project = Project::sql(
        "create table t (id int primary key); insert into t values (1);",
        &[("1.sql", "select 1;")],
    );
    project.file("init.sql", "create table t (id int primary key);");
    project.file("README.md", "a shop");
    project
}

fn rehearse(project: &Project) -> Run {
    project.run_with(&["--base", "HEAD"])
}

#[test]
fn a_change_cannot_loosen_its_own_gate() {
    let project = shop();
    project.policy(&format!("{POLICY}{STRICT}")).commit(&["."]);
    project.file("migrations/2.sql", "delete from t;");
    project.policy(&format!("{POLICY}verify: {{ rows: {{ default: any }} }}\n"));
    project.run().expect_besides_lint(0, "go", &[]);
    let run = rehearse(&project);
    run.expect_besides_lint(
        1,
        "no-go",
        &["rows-lost", "assertion-failed", "policy-changed"],
    );
    let finding = run.findings().last().expect("a finding");
    assert_eq!(finding["file"], "pgrehearse.yml");
}

#[test]
fn a_policy_that_the_change_deletes_counts() {
    let project = shop();
    project.policy(POLICY).commit(&["."]);
    std::fs::remove_file(project.path().join("pgrehearse.yml")).expect("removed");
    let run = rehearse(&project);
    run.expect_besides_lint(0, "go", &["policy-changed"]);
    assert_eq!(run.findings()[0]["evidence"][0], "the file is gone");
}

#[test]
fn the_first_policy_is_the_changes_own() {
    let project = shop();
    project.commit(&["migrations", "*.sql"]);
    project.policy(POLICY);
    let run = rehearse(&project);
    run.expect_besides_lint(0, "go", &["policy-changed"]);
    let message = run.findings()[0]["message"].as_str().unwrap_or_default();
    assert!(message.contains("has no policy"), "{message}");
}

#[test]
fn a_change_without_a_migration_is_a_go_at_once() {
    let project = shop();
    project.policy(UNREADABLE).commit(&["."]);
    project.file("README.md", "a better shop").commit(&["."]);
    let run = project.run_with(&["--base", "HEAD~1"]);
    run.expect(0, "go", &[]);
    let reason = run.report["reason"].as_str().unwrap_or_default();
    assert!(
        reason.starts_with("no migration changed since `")
            && reason.ends_with("so nothing was rehearsed"),
        "{reason}"
    );
    for stage in run.report["stages"].as_array().expect("stages") {
        assert_eq!(stage["outcome"], "not-run");
    }
    project.policy(&UNREADABLE.replace("*.sql }", "*.sql, unchanged: rehearse }"));
    project.commit(&["."]);
    project.file("README.md", "the best shop").commit(&["."]);
    project
        .run_with(&["--base", "HEAD~1"])
        .expect(3, "undecided", &[]);
}

/// Whether a change is rehearsed under a policy. It fails in preflight then, for there is no dump: it
/// was not passed over.
fn is_rehearsed(policy: &str, change: fn(&Project)) -> bool {
    let project = shop();
    project.file("migrations/0.sql", "select 0;");
    project.file("migrations/lock.toml", "a = 1");
    project.file("0.sql", "select 0;");
    project.file("bin/migrate", "psql");
    project.policy(policy).commit(&["."]);
    change(&project);
    project.commit(&["."]);
    let run = project.run_with(&["--base", "HEAD~1"]);
    match (run.code, run.verdict()) {
        (Some(3), "undecided") => true,
        (Some(0), "go") => false,
        other => panic!("{other:?}: {}", run.stdout),
    }
}

fn move_to_archive(project: &Project, file: &str) {
    let to = project.path().join("archived.txt");
    std::fs::rename(project.path().join(file), to).expect("renamed");
}

#[test]
fn whatever_a_rehearsal_reads_is_a_migration() {
    let touched = |change| assert!(is_rehearsed(UNREADABLE, change));
    touched(|project| {
        project.file("migrations/2.sql", "select 2;");
    });
    touched(|project| {
        project.file("migrations/1.sql", "select 2;");
    });
    touched(|project| {
        project.file("migrations/2.sql", "select 2;");
        std::fs::remove_file(project.path().join("migrations/1.sql")).expect("removed");
    });
    touched(|project| {
        project.file("migrations/lock.toml", "a = 2");
    });
    touched(|project| {
        project.file("init.sql", "create table t (id bigint primary key);");
    });
    touched(|project| {
        project.policy(&format!("{UNREADABLE}name: another\n"));
    });
}

#[test]
fn a_migration_that_is_moved_away_is_a_change_of_them() {
    let move_it = |project: &Project| move_to_archive(project, "migrations/0.sql");
    assert!(is_rehearsed(UNREADABLE, move_it));
    let at_root = UNREADABLE.replace("migrations/*.sql", "'./*.sql'");
    assert!(is_rehearsed(&at_root, |project| move_to_archive(
        project, "0.sql"
    )));
    assert!(!is_rehearsed(&at_root, move_it));
    let elsewhere = UNREADABLE.replace("migrations/*.sql", "[migrations/*.sql, ../none/*.sql]");
    assert!(is_rehearsed(&elsewhere, |project| {
        project.file("README.md", "a better shop");
    }));
}

#[test]
fn the_command_that_migrates_is_of_the_migrations() {
    let by_command = UNREADABLE.replace("*.sql }", "*.sql, command: ./bin/migrate up }");
    assert!(is_rehearsed(&by_command, |project| {
        project.file("bin/migrate", "psql --quiet");
    }));
    assert!(!is_rehearsed(&by_command, |project| {
        project.file("bin/migrator", "psql --quiet");
    }));
}

/// As a job of a pull request, whose base is `base`.
fn on(event: &str, base: &str, project: &Project) -> (Run, Vec<String>) {
    let github = GitHub::start();
    let mut json = GitHub::event();
    json["pull_request"]["base"]["sha"] = base.into();
    json["merge_group"] = serde_json::json!({
        "head_sha": HEAD, "head_ref": "refs/heads/queue", "base_sha": base, "base_ref": "refs/heads/main"
    });
    let mut command = project.command(&["run"]);
    command
        .envs(github.variables(1, &json))
        .env("GITHUB_EVENT_NAME", event)
        .env("INPUT_GITHUB-TOKEN", TOKEN);
    let run = project.ended(&command.output().expect("the gate starts"));
    (run, github.bodies())
}

/// A shallow checkout does not have the base.
#[test]
fn without_its_base_a_change_is_undecided_and_told() {
    let project = shop();
    project.policy(POLICY).commit(&["."]);
    let (run, comments) = on("pull_request", BASE, &project);
    run.expect(3, "undecided", &[]);
    assert!(run.stderr.contains("fetch-depth: 0"), "{}", run.stderr);
    assert!(comments[0].contains("fetch-depth: 0"), "{comments:?}");
    let (run, _) = on("pull_request_target", BASE, &project);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn a_pull_request_and_a_merge_group_have_their_base_from_the_event() {
    let project = shop();
    project.policy(UNREADABLE).commit(&["."]);
    let base = project.head();
    project.file("README.md", "a better shop").commit(&["."]);
    let (run, comments) = on("pull_request", &base, &project);
    run.expect(0, "go", &[]);
    assert!(
        comments[0].contains("so nothing was rehearsed"),
        "{comments:?}"
    );
    let (run, comments) = on("merge_group", &base, &project);
    run.expect(0, "go", &[]);
    assert!(
        comments.is_empty(),
        "there is no pull request: {comments:?}"
    );
}

/// The exit code and what is said of the go in the report.
fn verify_fresh(project: &Project) -> (Option<i32>, String) {
    let mut command = project.command(&["run", "--verify-fresh", "pgrehearse-report/report.json"]);
    let output = command.output().expect("the gate starts");
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output.status.code(), text)
}

#[track_caller]
fn expect_fresh(project: &Project, code: i32, sentence: &str) {
    let (told, text) = verify_fresh(project);
    assert_eq!(told, Some(code), "{text}");
    assert!(text.contains(sentence), "{text}");
}

#[test]
fn a_go_holds_until_something_of_it_changes() {
    let project = shop();
    project.policy(POLICY);
    expect_fresh(&project, 3, "could not read");
    project.run().expect_besides_lint(0, "go", &[]);
    expect_fresh(&project, 0, "still holds");
    project.file("migrations/2.sql", "select 2;");
    expect_fresh(&project, 1, "`migrations/2.sql` is new");
    std::fs::remove_file(project.path().join("migrations/2.sql")).expect("removed");
    expect_fresh(&project, 0, "still holds");
    project.file("migrations/1.sql", "select 2;");
    expect_fresh(&project, 1, "`migrations/1.sql` is another");
    project.file("migrations/1.sql", "select 1;");
    project.file(
        "production.sql",
        "create table t (id int primary key, name text);",
    );
    expect_fresh(&project, 1, "`production.sql` is another");
    project.policy(&format!("{POLICY}{STRICT}"));
    expect_fresh(&project, 1, "`pgrehearse.yml` is another");
    // Now it is a no, for the row is gone.
    project
        .run()
        .expect_besides_lint(1, "no-go", &["assertion-failed"]);
    expect_fresh(&project, 1, "its verdict was no-go");
}

#[test]
fn what_cannot_be_known_is_not_held_for_fresh() {
    let project = shop();
    project.policy(&POLICY.replace("sql: production.sql", "command: cat production.sql"));
    let report = r#"{"schema_version": 1, "verdict": "go", "name": "NAME", "started": "2026-11-20T12:00:00Z"}"#;
    let name = project
        .path()
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    project.file(
        "pgrehearse-report/report.json",
        &report.replace("NAME", &name),
    );
    expect_fresh(&project, 3, "nothing that could be compared");
    project.file("pgrehearse-report/report.json", report);
    expect_fresh(&project, 1, "it was of `NAME`");
    project.file(
        "pgrehearse-report/report.json",
        &report.replace("\": 1", "\": 2"),
    );
    expect_fresh(&project, 3, "is of version 2");
}

/// Its schema and its history, without a clone.
#[tokio::test]
async fn production_is_asked_whether_it_has_changed() {
    let server = Server::newest().await;
    let endpoint = server
        .database_with("create table t (id int primary key); create table schema_migrations (version text); insert into schema_migrations values ('1');")
        .await;
    let project = shop();
    project.policy(
        &POLICY
            .replace(
                "sql: production.sql",
                "database: { url: '${PRODUCTION_URL}' }",
            )
            .replace(
                "*.sql }",
                "*.sql, history: { table: public.schema_migrations, column: version }, role_attributes: [superuser] }",
            ),
    );
    project.file("migrations/2.sql", "alter table t add name text;");
    let url = endpoint.url().expose().to_owned();
    let gate = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.env("PRODUCTION_URL", &url);
        project.ended(&command.output().expect("the gate starts"))
    };
    let fresh = || gate(&["run", "--verify-fresh", "pgrehearse-report/report.json"]);
    gate(&["run"]).expect_besides_lint(0, "go", &[]);
    let run = fresh();
    assert_eq!(run.code, Some(0), "{}{}", run.stdout, run.stderr);
    for (sql, sentence) in [
        (
            "insert into schema_migrations values ('2')",
            "production's migration history is another",
        ),
        ("create index on t (id)", "production's schema is another"),
    ] {
        let session = pgrehearse::postgres::Session::open(&endpoint, &[])
            .await
            .expect("a session");
        session.batch_execute(sql).await.expect("it runs");
        let run = fresh();
        assert_eq!(run.code, Some(1), "{}{}", run.stdout, run.stderr);
        assert!(run.stdout.contains(sentence), "{}", run.stdout);
    }
    drop(server);
    let run = fresh();
    assert_eq!(run.code, Some(3), "{}{}", run.stdout, run.stderr);
}

/// A finding about the policy has its place in the repository, wherever the gate was started.
#[test]
fn a_policy_in_a_folder_has_its_place_there() {
    let project = shop();
    project.file(
        "db/pgrehearse.yml",
        &POLICY
            .replace("production.sql", "../production.sql")
            .replace("migrations/", "../migrations/")
            .replace(
                "rules:",
                "allow: [{ rule: rows-lost, reason: none, until: 2099-01-01 }]\nrules:",
            ),
    );
    let output = project
        .command(&["run", "--policy", "db/pgrehearse.yml"])
        .output()
        .expect("the gate starts");
    let run = Run::of(&output, project.path().join("db/pgrehearse-report"));
    run.expect_besides_lint(0, "go", &["allow-unused"]);
    assert_eq!(run.findings()[0]["file"], "db/pgrehearse.yml");
    assert_eq!(run.findings()[0]["line"], 4);
}
