//! Every source yields a complete clone: the schema by `pg_dump` on both sides, the rows by count
//! and checksum, neither of which the gate itself has a hand in.

mod harness;

use std::process::Stdio;

use harness::gate::{Project, Run};
use harness::installed_majors;
use harness::production::{FULL_READER, Production, READER_PASSWORD, caveats, expect_restored};
use pgrehearse::postgres::{Binaries, Session, binaries};

fn newest() -> Binaries {
    binaries::newest(None).expect("a PostgreSQL server is installed")
}

/// Dumps production into `name` inside the project, then runs the gate on it.
fn run_on_dump(production: &Production, project: &Project, name: &str, arguments: &[&str]) -> Run {
    let path = project.path().join(name);
    let path = path.to_str().expect("a plain path");
    let mut all = arguments.to_vec();
    all.extend(["--file", path]);
    production.tool("pg_dump", &all);
    project.run()
}

/// Restores each archive and compares all of it.
async fn expect_archives(archives: &[(&str, &[&str])]) {
    let production = Production::start(&newest()).await;
    for (name, arguments) in archives {
        let project = production.project(&format!("{{ dump: '{name}' }}"), "");
        let run = run_on_dump(&production, &project, name, arguments);
        production.expect_complete(&project, &run);
        production.expect_surroundings(&project);
        assert_eq!(run.verdict(), "go", "{name}: {}", run.stdout);
    }
}

#[tokio::test]
async fn archives_of_every_format_are_complete() {
    expect_archives(&[
        ("prod.dump", &["--format=custom"]),
        ("prod.dir", &["--format=directory", "--jobs=2"]),
        ("prod.tar", &["--format=tar"]),
    ])
    .await;
}

#[tokio::test]
async fn archives_with_odd_options_are_complete() {
    expect_archives(&[
        ("inserts.dump", &["--format=custom", "--rows-per-insert=7"]),
        (
            "root.dump",
            &["--format=custom", "--load-via-partition-root"],
        ),
    ])
    .await;
}

/// Runs each script and compares all of it that a script can hold.
async fn expect_scripts(scripts: &[(&str, &[&str])]) {
    let production = Production::start(&newest()).await;
    for (name, arguments) in scripts {
        let project = production.project(&format!("{{ dump: '{name}' }}"), "");
        let run = run_on_dump(&production, &project, name, arguments);
        production.expect_complete(&project, &run);
        if arguments.contains(&"--create") {
            production.expect_surroundings(&project);
        }
        assert_eq!(
            caveats(&run).contains("rows were not compared"),
            arguments.contains(&"--inserts"),
            "{}",
            caveats(&run)
        );
    }
}

#[tokio::test]
async fn plain_dumps_are_complete() {
    expect_scripts(&[("prod.sql", &[]), ("inserts.sql", &["--inserts"])]).await;
}

#[tokio::test]
async fn plain_dumps_that_drop_first_are_complete() {
    expect_scripts(&[
        ("clean.sql", &["--clean", "--if-exists", "--create"]),
        ("careless.sql", &["--clean"]),
    ])
    .await;
}

/// Its comments are the only sign of where a script's objects begin.
#[tokio::test]
async fn plain_dumps_without_their_comments_are_complete() {
    let production = Production::start(&newest()).await;
    for (name, arguments) in [("bare.sql", &[][..]), ("bare-clean.sql", &["--clean"])] {
        let script = production.tool("pg_dump", arguments);
        let bare: Vec<&[u8]> = script
            .split_inclusive(|&byte| byte == b'\n')
            .filter(|line| !line.starts_with(b"-- Name: ") && !line.starts_with(b"-- Data for "))
            .collect();
        let project = production.project(&format!("{{ dump: {name} }}"), "");
        std::fs::write(project.path().join(name), bare.concat()).expect("a file is written");
        let run = project.run();
        production.expect_complete(&project, &run);
    }
}

/// A migration that ran on tables without rows says nothing of those with rows.
#[tokio::test]
async fn dumps_without_rows_are_incomplete() {
    let production = Production::start(&newest()).await;
    for (name, arguments) in [
        ("schema.dump", &["--format=custom", "--schema-only"][..]),
        ("schema.sql", &["--schema-only"]),
        (
            "some.dump",
            &["--format=custom", "--exclude-table-data=public.customers"],
        ),
    ] {
        let project = production.project(&format!("{{ dump: {name} }}"), "");
        let run = run_on_dump(&production, &project, name, arguments);
        assert_eq!((run.code, run.verdict()), (Some(1), "no-go"), "{name}");
        assert!(
            run.findings().iter().any(|finding| {
                finding["message"]
                    == "the dump has table `public.customers` and does not have its rows"
            }),
            "{name}: {}",
            run.stdout
        );
    }
}

#[tokio::test]
async fn compressed_dumps_and_the_newest_of_many() {
    let production = Production::start(&newest()).await;
    let plain = production.tool("pg_dump", &[]);
    let custom = production.tool("pg_dump", &["--format=custom"]);
    let gzip = |content: &[u8]| {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("compressed");
        encoder.finish().expect("compressed")
    };
    for (name, content) in [
        ("prod.sql.gz", gzip(&plain)),
        (
            "prod.sql.zst",
            zstd::encode_all(&plain[..], 1).expect("compressed"),
        ),
        ("prod.dump.gz", gzip(&custom)),
    ] {
        let project = production.project("{ dump: 'prod*' }", "");
        // The newest is meant, not the last by name.
        project.file("prod-zzz.sql", "select nonsense;");
        let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
        std::fs::File::options()
            .append(true)
            .open(project.path().join("prod-zzz.sql"))
            .and_then(|file| file.set_modified(old))
            .expect("an older file");
        std::fs::write(project.path().join(name), content).expect("a file is written");
        let run = project.run();
        production.expect_complete(&project, &run);
    }
}

#[tokio::test]
async fn a_cluster_dump_is_refused_in_words() {
    let production = Production::start(&newest()).await;
    let project = production.project("{ dump: all.sql }", "");
    let all = production.tool("pg_dumpall", &[]);
    std::fs::write(project.path().join("all.sql"), all).expect("a file is written");
    let run = project.run();
    run.expect(3, "undecided", &[]);
    assert!(
        run.report["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("pg_dumpall")),
        "{}",
        run.stdout
    );
}

/// A project whose source is production itself, read by a role that may only read.
fn live(production: &Production, more: &str) -> Project {
    production.project(
        "{ database: { url: '${SOURCE_URL}', lock_timeout: 1s } }",
        more,
    )
}

#[tokio::test]
async fn a_live_database_is_streamed_whole_and_never_written() {
    let production = Production::start(&newest()).await;
    production.run(FULL_READER).await;
    production
        .run("alter role app set work_mem = '7MB'; alter role \"Odd Role\" createdb; alter role reader set default_transaction_read_only = on;")
        .await;
    let before = (production.schema(), production.facts());
    let project = live(&production, "");
    project.file(
        "more.sql",
        "select rolcreatedb from pg_roles where rolname = 'Odd Role';
         select rolconfig from pg_roles where rolname = 'app';
         select pg_has_role('app', 'Odd Role', 'member');
         select count(*) > 0 from pg_stats where tablename = 'customers';
         select count(*) > 0 from pg_stats where tablename = 'per_day';",
    );
    let run = production.run_live(&project);
    production.expect_complete(&project, &run);
    production.expect_surroundings(&project);
    assert_eq!(
        harness::production::look(&project, "more"),
        "t\n{work_mem=7MB}\nt\nt\nt\n"
    );
    assert_eq!(run.verdict(), "go", "{}", run.stdout);
    assert_eq!(before, (production.schema(), production.facts()));
}

#[tokio::test]
async fn what_can_not_be_read_is_refused_by_name() {
    let production = Production::start(&newest()).await;
    let reason = |run: &Run| run.report["reason"].as_str().unwrap_or_default().to_owned();
    let project = live(&production, "");

    let run = production.run_live(&project);
    run.expect(3, "undecided", &[]);
    assert!(
        reason(&run).contains("row security hides rows of `public.customers` from `reader`"),
        "{}",
        run.stdout
    );

    production.run("alter role reader bypassrls").await;
    let run = production.run_live(&project);
    run.expect(3, "undecided", &[]);
    assert!(reason(&run).contains("large objects"), "{}", run.stdout);

    production.run(FULL_READER).await;
    production
        .run(
            "revoke pg_read_all_data from reader; grant usage on schema audit, \"My Schema\" to reader;
             grant select on all tables in schema public, audit to reader;
             grant select on all sequences in schema public, audit, \"My Schema\" to reader;
             revoke select on sequence used from reader;",
        )
        .await;
    let run = production.run_live(&project);
    run.expect(3, "undecided", &[]);
    assert!(
        reason(&run).contains(
            "`reader` may not read `\"My Schema\".\"Or\"\"der Lines\"`, sequence `public.used`"
        ),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("grant pg_read_all_data to reader"),
        "{}",
        run.stdout
    );

    // With SELECT on everything, and nothing else, it works.
    production
        .run("grant select on all tables in schema public, audit, \"My Schema\" to reader; grant select on sequence used to reader")
        .await;
    let run = production.run_live(&project);
    production.expect_complete(&project, &run);

    // A session that holds a table: the gate gives up before others queue behind it.
    let session = Session::open(&production.endpoint, &[])
        .await
        .expect("a session");
    session
        .batch_execute("begin; lock table customers in access exclusive mode")
        .await
        .expect("a lock");
    let started = std::time::Instant::now();
    let run = production.run_live(&project);
    run.expect(3, "undecided", &[]);
    assert!(reason(&run).contains("lock timeout"), "{}", run.stdout);
    assert!(
        run.stdout.contains("source.database.lock_timeout"),
        "{}",
        run.stdout
    );
    assert!(started.elapsed().as_secs() < 15);
}

/// Needs two major versions; with one there is nothing to be shown.
#[tokio::test]
async fn another_major_version_is_dumped() {
    let majors = installed_majors();
    let [older, .., newer] = majors.as_slice() else {
        return;
    };
    let production = Production::start(older).await;
    production.run(FULL_READER).await;
    let project = live(
        &production,
        &format!(
            "target: {{ throwaway: {{ version: {} }} }}\nrestore: {{ exclude_data: ['My Schema.*'] }}\n",
            newer.major.0
        ),
    );
    // An older `pg_dump` can't read the clone.
    let look = std::fs::read_to_string(project.path().join("look.sh")).expect("a script");
    let (old, new) = (older.program("pg_dump"), newer.program("pg_dump"));
    project.file(
        "look.sh",
        &look.replace(&old.display().to_string(), &new.display().to_string()),
    );
    let run = production.run_live(&project);
    expect_restored(&run);
    let facts = harness::production::look(&project, "facts");
    let wanted = production.facts();
    for line in wanted
        .lines()
        .filter(|line| !line.contains("Or\"\"der Lines"))
    {
        assert!(facts.contains(line), "{line}\n{facts}");
    }
    assert!(
        caveats(&run).contains("the rows of `\"My Schema\".\"Or\"\"der Lines\"`"),
        "{}",
        caveats(&run)
    );

    // A dump that a newer `pg_dump` made of the older server.
    let project = production.project("{ dump: newer.dump }", "");
    let path = project.path().join("newer.dump");
    let made = harness::production::tool(
        &newer.program("pg_dump"),
        &production.endpoint,
        &[
            "--format=custom",
            "--file",
            path.to_str().expect("a plain path"),
        ],
    )
    .status()
    .expect("it starts");
    assert!(made.success());
    let run = project.run();
    production.expect_complete(&project, &run);
    let path = project.path().join("newer.sql");
    let made = harness::production::tool(
        &newer.program("pg_dump"),
        &production.endpoint,
        &["--file", path.to_str().expect("a plain path")],
    )
    .status()
    .expect("it starts");
    assert!(made.success());
    let project = production.project(&format!("{{ dump: '{}' }}", path.display()), "");
    let run = project.run();
    production.expect_complete(&project, &run);
}

#[tokio::test]
async fn commands_write_dumps_or_are_told() {
    let production = Production::start(&newest()).await;
    let run = |line: &str| {
        let project = production.project("{ command: 'sh dump.sh' }", "");
        project.file("dump.sh", line);
        let output = project
            .command(&["run"])
            .env("DUMP_PASSWORD", READER_PASSWORD)
            .envs(
                production
                    .endpoint
                    .libpq_variables()
                    .into_iter()
                    .map(|(name, value)| (name.replace("PG", "MY"), value.expose().to_owned())),
            )
            .stdin(Stdio::null())
            .output()
            .expect("the gate starts");
        let run = project.ended(&output);
        (project, run)
    };
    let dump = |arguments: &str| {
        format!(
            "export PGHOST=\"$MYHOST\" PGPORT=\"$MYPORT\" PGUSER=\"$MYUSER\" PGPASSWORD=\"$MYPASSWORD\" PGDATABASE=\"$MYDATABASE\"\nexec '{}' {arguments}\n",
            production
                .server
                .throwaway
                .binaries()
                .program("pg_dump")
                .display()
        )
    };
    for arguments in ["-Fc", "", "-Fc | gzip -1"] {
        let (project, ended) = run(&dump(arguments).replace("exec ", ""));
        production.expect_complete(&project, &ended);
        if arguments == "-Fc" {
            production.expect_surroundings(&project);
        }
    }
    for (line, said) in [
        ("echo key $DUMP_PASSWORD >&2; exit 7", "exit code 7"),
        ("exit 0", "wrote nothing"),
        ("head -c 5000 /dev/urandom", "neither an archive"),
        ("echo PGDMP; echo rubbish", "pg_restore"),
    ] {
        let (_, ended) = run(line);
        ended.expect(3, "undecided", &[]);
        assert!(
            !ended.everything().contains(READER_PASSWORD),
            "{}",
            ended.everything()
        );
        assert!(
            ended.report["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains(said)),
            "{said}: {}",
            ended.stdout
        );
    }
}

#[tokio::test]
async fn a_policys_secret_is_in_no_report_of_a_command() {
    let project = Project::sql("select 1;", &[("1.sql", "select 1;")]);
    let secret = "very-secret-token-99";
    project.policy("version: 1\nsource: { command: 'echo ${STORE_URL} >&2; exit 3' }\nmigrations: { files: migrations/*.sql }\n");
    let output = project
        .command(&["run"])
        .env(
            "STORE_URL",
            format!("https://me:{secret}@store.example/x?sig={secret}"),
        )
        .output()
        .expect("the gate starts");
    let run = project.ended(&output);
    run.expect(3, "undecided", &[]);
    assert!(!run.everything().contains(secret), "{}", run.everything());
}
