//! Rows and secrets with a marker in them, planted where the gate meets them: none comes out.

mod harness;

use std::path::Path;

use harness::gate::{Project, Run};

/// In rows.
const ROW: &str = "leakrow";

/// In a variable whose name says that it is a secret. Its characters are those that encoders treat
/// each in its own way.
const PASSWORD: &str = "leak@pass/word-1.2~3";

/// [`PASSWORD`] as JavaScript, Python, and the strictest of encoders write it.
const ENCODED: [&str; 3] = [
    "leak%40pass%2Fword-1.2~3",
    "leak%40pass/word-1.2~3",
    "leak%40pass%2Fword%2D1%2E2%7E3",
];

const TOKEN: &str = "leaktoken-0123456789";

/// In the name of a file: a name is told.
const NAME: &str = "nameofafile";

const INIT: &str = "\
    create table customers (id int primary key, mail text not null);\n\
    create table letters (id int primary key, customer_id int, body text);\n";

const ROWS: &str = "\
    insert into customers select i, 'leakrow' || i || '@example.org' from generate_series(1, 50) i;\n\
    insert into letters select i, i + 1, 'to leakrow' || i from generate_series(1, 50) i;\n";

fn project(migrations: &[(&str, &str)]) -> Project {
    let project = Project::sql(&format!("{INIT}{ROWS}"), migrations);
    project.file("init.sql", INIT);
    project
}

/// A run by the built-in runner.
fn run(project: &Project, policy: &str) -> Run {
    project.short_policy(&format!("baseline: {{ init: init.sql }}\n{policy}"));
    among_secrets(project)
}

/// A run as a runner of GitHub's would start it.
fn among_secrets(project: &Project) -> Run {
    let output = project
        .command(&["run"])
        .env("GITHUB_ACTIONS", "true")
        .env("SHOP_PASSWORD", PASSWORD)
        .env("SHOP_TOKEN", TOKEN)
        .env(
            "STORE_URL",
            format!("https://me:{}@store.example/x", ENCODED[0]),
        )
        .output()
        .expect("the gate starts");
    project.ended(&output)
}

/// Every file of the report's directory and all that was printed, without the markers.
#[track_caller]
fn expect_no_leak(run: &Run) {
    let mut texts = vec![
        ("stdout".to_owned(), run.stdout.clone()),
        ("stderr".to_owned(), run.stderr.clone()),
    ];
    collect(&run.reports, &mut texts);
    assert!(texts.len() > 6, "the reports are there: {texts:?}");
    let markers = [ROW, PASSWORD, TOKEN].into_iter().chain(ENCODED);
    for marker in markers {
        for (place, text) in &texts {
            if let Some(line) = text.lines().find(|line| line.contains(marker)) {
                panic!("`{marker}` is in {place}: {line}");
            }
        }
    }
}

fn collect(directory: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(directory).expect("a directory is read") {
        let path = entry.expect("an entry is read").path();
        if path.is_dir() {
            collect(&path, texts);
        } else {
            let bytes = std::fs::read(&path).expect("a file is read");
            texts.push((
                path.display().to_string(),
                String::from_utf8_lossy(&bytes).into_owned(),
            ));
        }
    }
}

/// A migration that says what it does, in every way that SQL has.
const TALKATIVE: &str = "\
    select * from customers;\n\
    do $$ declare mail text; begin\n\
        select c.mail into mail from customers c where id = 7;\n\
        raise notice 'looked at %', coalesce(mail, 'nobody');\n\
        raise warning '%', coalesce(mail, '') using detail = coalesce(mail, ''), hint = coalesce(mail, '');\n\
    end $$;\n\
    copy (select * from letters) to stdout;\n\
    \\echo `printenv SHOP_TOKEN`\n\
    update customers set mail = lower(mail) where mail = 'leakrow7@example.org';\n";

#[test]
fn a_go() {
    let project = project(&[("1_nameofafile.sql", TALKATIVE)]);
    let run = run(&project, "");
    assert_eq!(run.verdict(), "go", "{}\n{}", run.stdout, run.stderr);
    assert!(run.everything().contains(NAME), "a name is told");
    expect_no_leak(&run);
}

#[test]
fn a_file_that_fails() {
    let project = project(&[(
        "1.sql",
        "do $$ declare mail text; begin\n\
             select c.mail into mail from customers c where id = 7;\n\
             raise exception 'cannot handle %', mail using detail = mail, hint = mail;\n\
         end $$;",
    )]);
    let run = run(&project, "");
    assert_eq!(run.verdict(), "no-go", "{}\n{}", run.stdout, run.stderr);
    expect_no_leak(&run);
}

#[test]
fn a_value_that_has_another_type() {
    let project = project(&[(
        "1.sql",
        "alter table customers alter mail type int using mail::int;",
    )]);
    let run = run(&project, "");
    assert_eq!(run.verdict(), "no-go", "{}\n{}", run.stdout, run.stderr);
    expect_no_leak(&run);
}

#[test]
fn rows_that_break_constraints() {
    for migration in [
        "alter table letters add foreign key (customer_id) references customers;",
        "alter table letters add check (body not like 'to leakrow4%');",
        "insert into customers values (7, 'leakrow7@example.org');",
        "insert into customers (id) select 99 from customers;",
    ] {
        let project = project(&[("1.sql", migration)]);
        let run = run(&project, "");
        assert_eq!(run.verdict(), "no-go", "{}\n{}", run.stdout, run.stderr);
        // What the file itself says is in the repository for all to read.
        if !migration.contains(ROW) {
            expect_no_leak(&run);
        }
    }
}

/// A tool as tools are: it says how it connects, and prints all that the server answers.
const TOOL: &str = "\
    echo \"connecting with $SHOP_PASSWORD, $(printf %s \"$STORE_URL\")\"\n\
    echo 'password=leak%40pass%2Fword-1.2~3 or leak%40pass/word-1.2~3' >&2\n\
    env | grep -e SHOP -e STORE\n\
    psql --no-psqlrc --set VERBOSITY=verbose --dbname \"$DATABASE_URL\" \\\n\
        --command \"insert into customers select id, mail from customers where id = 7\" ||\n\
        echo 'error: duplicate key { code: \"23505\", detail: \"Key (id)=(7) already exists, leakrow7\" }'\n\
    echo '  Detail: Failing row contains (7, leakrow7@example.org).'\n\
    exit 1\n";

#[test]
fn a_tool_that_fails() {
    let project = project(&[("1.sql", "select 1;")]);
    project.file("migrate.sh", TOOL);
    project.policy(
        "version: 1\nsource: { sql: production.sql }\nmigrations: { files: migrations/*.sql, \
         command: sh migrate.sh, env: { STORE: \"${STORE_URL}\" } }\n",
    );
    let run = among_secrets(&project);
    assert_eq!(run.verdict(), "no-go", "{}\n{}", run.stdout, run.stderr);
    expect_no_leak(&run);
}

/// What seven tools print when a migration fails, in the layout of each.
#[test]
fn the_tools_there_are() {
    let project = project(&[("1.sql", "select 1;")]);
    let said = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/output");
    let of_all = said.join("*.txt");
    project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\nmigrations: {{ files: migrations/*.sql, \
         command: 'for file in {}; do cat $file; cat $file >&2; done; exit 1' }}\n",
        of_all.display()
    ));
    let run = among_secrets(&project);
    assert_eq!(run.verdict(), "no-go", "{}\n{}", run.stdout, run.stderr);
    let said = run.everything();
    for name in [
        "index_users_on_email",
        "User_email_key",
        "users_email_unique",
    ] {
        assert!(said.contains(name), "a name is told: {name}");
    }
    expect_no_leak(&run);
}

/// An application that tells its log what the server told it, and ends.
const APP: &str = "\
    echo ready\n\
    env | grep SHOP\n\
    psql --no-psqlrc --dbname \"$DATABASE_URL\" \\\n\
        --command \"insert into customers values (7, 'leakrow7@example.org')\" 2>&1\n\
    echo \"ERROR: value leakrow is out of range: leakrow\" | sed 's/value leakrow //'\n\
    psql --no-psqlrc --dbname \"$DATABASE_URL\" \\\n\
        --command \"select note from customers where mail = 'leakrow7@example.org'\" >/dev/null 2>&1\n\
    while :; do sleep 1; done\n";

#[test]
fn an_application_that_fails() {
    let project = project(&[("1.sql", "alter table customers add column kind text;")]);
    project.file("app.sh", APP);
    let run = run(
        &project,
        "smoke:\n  \
           app: { command: sh app.sh, env: { SHOP: \"${SHOP_TOKEN}\" }, ready: { log: ^ready, within: 30s } }\n  \
           ingest:\n    \
           - { run: \"psql -c 'select mail from customers' >/dev/null && echo $SHOP_PASSWORD && exit 3\" }\n    \
           - { run: \"true\", until: { sql: select mail from customers where id = 7, in: [done], within: 1s } }\n  \
           log_must_not_match: [ERROR]\n\
         verify:\n  \
           assertions:\n    \
           - { name: nobody writes, sql: select body from letters where id = 7, expect: nothing }\n",
    );
    assert_ne!(run.verdict(), "go", "{}\n{}", run.stdout, run.stderr);
    expect_no_leak(&run);
}
