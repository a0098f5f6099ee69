//! The restore stage: a clone that is not all of production never becomes a go, known noise passes
//! and is said, and nothing of the clone can act on the world outside.

mod harness;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness::Server;
use harness::gate::{Project, Run};
use harness::production::{caveats, expect_restored, look, project, tool};
use pgrehearse::postgres::{Binaries, Endpoint, Session, binaries};
use pgrehearse::text::Secret;

fn newest() -> Binaries {
    binaries::newest(None).expect("a PostgreSQL server is installed")
}

const ITEMS: &str = "create table items (id int primary key, note text);
    insert into items select i, md5(i::text) || md5((i * 7)::text) from generate_series(1, 20000) i;
    create index on items (note);
    create table after_items (id int);
    insert into after_items select generate_series(1, 10);";

fn dump(endpoint: &Endpoint, arguments: &[&str], to: &Path) {
    let output = tool(&newest().program("pg_dump"), endpoint, arguments)
        .arg("--file")
        .arg(to)
        .output()
        .expect("pg_dump starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn reason(run: &Run) -> String {
    run.report["reason"].as_str().unwrap_or_default().to_owned()
}

/// Runs the gate on a file of the project's.
fn run_on(name: &str, content: &[u8], more: &str) -> Run {
    let project = project(&newest(), &format!("{{ dump: {name} }}"), more);
    std::fs::write(project.path().join(name), content).expect("a file is written");
    project.run()
}

#[track_caller]
fn expect_undecided(run: &Run, said: &[&str]) {
    run.expect(3, "undecided", &[]);
    assert!(
        said.iter().any(|said| reason(run).contains(said)),
        "{said:?}: {}",
        run.stdout
    );
}

/// What a test does to a data file.
type Damage = fn(&Path);

#[tokio::test]
async fn damaged_archives_are_never_a_go() {
    let server = Server::newest().await;
    let endpoint = server.database_with(ITEMS).await;
    let directory = tempfile::tempdir().expect("a directory");
    let custom = directory.path().join("custom");
    dump(&endpoint, &["--format=custom"], &custom);
    let whole = std::fs::read(&custom).expect("a dump");
    let run = run_on("cut.dump", &whole[..whole.len() * 6 / 10], "");
    expect_undecided(&run, &["end of file", "could not be read to its end"]);

    let corrupt: Damage = |file| {
        let mut bytes = std::fs::read(file).expect("a data file");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 64].fill(0x5a);
        std::fs::write(file, bytes).expect("written");
    };
    let remove: Damage = |file| std::fs::remove_file(file).expect("removed");
    let cut: Damage = |file| {
        let bytes = std::fs::read(file).expect("a data file");
        std::fs::write(file, &bytes[..bytes.len() / 2]).expect("written");
    };
    for (arguments, damage) in [
        (&["--format=directory"] as &[&str], corrupt),
        (&["--format=directory"], remove),
        (&["--format=directory", "--compress=0"], cut),
    ] {
        let project = project(&newest(), "{ dump: prod.dir }", "");
        let archive = project.path().join("prod.dir");
        dump(&endpoint, arguments, &archive);
        damage(&largest_file(&archive));
        let run = project.run();
        assert_ne!(run.verdict(), "go", "{}", run.stdout);
        assert_ne!(run.outcome("restore"), "passed", "{}", run.stdout);
        assert!(!reason(&run).is_empty());
    }
}

fn largest_file(directory: &Path) -> PathBuf {
    std::fs::read_dir(directory)
        .expect("a directory")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| !path.ends_with("toc.dat"))
        .max_by_key(|path| std::fs::metadata(path).map_or(0, |metadata| metadata.len()))
        .expect("a data file")
}

#[tokio::test]
async fn damaged_scripts_are_never_a_go() {
    let server = Server::newest().await;
    let endpoint = server.database_with(ITEMS).await;
    let directory = tempfile::tempdir().expect("a directory");
    let plain = directory.path().join("plain");
    dump(&endpoint, &[], &plain);
    let text = std::fs::read_to_string(&plain).expect("a dump");

    let rows = text.find("COPY public.items").expect("the rows") + 100_000;
    let run = run_on("cut.sql", &text.as_bytes()[..rows], "");
    expect_undecided(&run, &["the dump ends inside the rows of `public.items`"]);

    // Every row is there, and no key.
    let keys = text.find("ADD CONSTRAINT items_pkey").expect("the key");
    let run = run_on("cut.sql", &text.as_bytes()[..keys], "");
    expect_undecided(&run, &["the dump breaks off"]);

    let packed = {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("compressed");
        encoder.finish().expect("compressed")
    };
    let run = run_on("cut.sql.gz", &packed[..packed.len() / 2], "");
    expect_undecided(&run, &["could not read"]);

    let row = text.find("\n500\t").expect("a row");
    let end = row + 1 + text[row + 1..].find('\n').expect("its end");
    let mut doubled = text.clone();
    doubled.insert_str(end, &text[row..end]);
    let run = run_on("doubled.sql", doubled.as_bytes(), "");
    run.expect(1, "no-go", &["restore-incomplete"]);
    assert!(reason(&run).contains("items_pkey"), "{}", run.stdout);
    assert!(!run.everything().contains("(id)=(500)"));

    let lacking = text.replacen(
        "\n--\n-- Name: items; Type: TABLE;",
        "\nCREATE EXTENSION IF NOT EXISTS nobody_has_this WITH SCHEMA public;\n\n\n--\n-- Name: items; Type: TABLE;",
        1,
    );
    let run = run_on("lacking.sql", lacking.as_bytes(), "");
    expect_undecided(&run, &["nobody_has_this"]);
}

#[tokio::test]
async fn known_noise_passes_and_is_said() {
    let server = Server::newest().await;
    let endpoint = server.database_with(ITEMS).await;
    let directory = tempfile::tempdir().expect("a directory");
    let plain = directory.path().join("plain");
    dump(&endpoint, &[], &plain);
    let text = std::fs::read_to_string(&plain).expect("a dump");
    let noisy = text
        .replacen("SET lock_timeout = 0;", "SET lock_timeout = 0;\nSET transaction_timeout = 0;\nSET default_tablespace = fast_disk;", 1)
        .replacen(
            "\n--\n-- Name: items; Type: TABLE;",
            "\n--\n-- Name: EXTENSION x; Type: COMMENT\n--\n\n\
             CREATE EXTENSION IF NOT EXISTS aws_s3 WITH SCHEMA public CASCADE;\nCOMMENT ON EXTENSION aws_s3 IS 'from the provider';\n\
             CREATE FUNCTION public.to_bucket() RETURNS aws_commons._s3_uri_1 LANGUAGE sql AS 'select null';\n\
             COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL; procedural language';\n\n\
             --\n-- Name: items; Type: TABLE;",
            1,
        )
        .replacen(
            "\n--\n-- PostgreSQL database dump complete",
            "\nALTER TABLE public.items OWNER TO rdsadmin;\nGRANT ALL ON SCHEMA public TO rds_superuser;\n\
             GRANT SELECT ON TABLE public.items TO \"Missing Role\" WITH GRANT OPTION;\n\
             SELECT public.not_there(\n'with a value');\n\n\
             --\n-- PostgreSQL database dump complete",
            1,
        );

    let run = run_on("noisy.sql", noisy.as_bytes(), "");
    run.expect(1, "no-go", &["restore-incomplete"]);
    assert!(reason(&run).contains("public.not_there"), "{}", run.stdout);
    assert!(!run.everything().contains("with a value"));

    let accept =
        "restore: { accept_errors: [{ message: not_there, reason: gone since spring }] }\n";
    let run = run_on("noisy.sql", noisy.as_bytes(), accept);
    expect_restored(&run);
    assert_eq!(run.verdict(), "go", "{}", run.stdout);
    let said = caveats(&run);
    for part in [
        "accepted by the policy: gone since spring",
        "extension `aws_s3` exists only at the provider",
        "aws_commons",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

/// Needs an extension with a name as long as that of a provider's.
#[tokio::test]
async fn archives_do_without_a_providers_extensions() {
    let server = Server::newest().await;
    let endpoint = server.database_with(ITEMS).await;
    let session = Session::open(&endpoint, &[]).await.expect("a session");
    if session
        .batch_execute("create extension citext")
        .await
        .is_err()
    {
        return;
    }
    for (name, is_known) in [("aws_s3", true), ("nobody", false)] {
        let project = project(&newest(), "{ dump: prod.dir }", "");
        let archive = project.path().join("prod.dir");
        dump(&endpoint, &["--format=directory"], &archive);
        let toc = archive.join("toc.dat");
        let mut bytes = std::fs::read(&toc).expect("a table of contents");
        let places: Vec<usize> = (0..bytes.len() - 6)
            .filter(|&at| &bytes[at..at + 6] == b"citext")
            .collect();
        for at in places {
            bytes[at..at + 6].copy_from_slice(name.as_bytes());
        }
        std::fs::write(&toc, bytes).expect("written");
        let run = project.run();
        if is_known {
            expect_restored(&run);
            assert!(
                caveats(&run).contains("extension `aws_s3` exists only at the provider"),
                "{}",
                caveats(&run)
            );
        } else {
            expect_undecided(&run, &["not installed on this machine: nobody"]);
        }
    }
}

const ARMED: &str = "
    create table people (id int primary key, mail text);
    insert into people select i, 'person' || i || '@secret.example' from generate_series(1, 50) i;
    create materialized view mails as select mail from people;
    create schema \"Odd One\";
    create table \"Odd One\".\"Big Table\" (id int, mail text);
    insert into \"Odd One\".\"Big Table\" select i, 'x' from generate_series(1, 50) i;
    create function calls_out() returns trigger language plpgsql as $$ begin perform dblink_exec('host=prod', 'select 1'); return new; end $$;
    create function calls_out_too() returns event_trigger language plpgsql as $$ begin perform http_get('http://prod'); end $$;
    create function logs_ddl() returns event_trigger language plpgsql as $$ begin insert into public.ddl_log values (tg_tag); end $$;
    create table ddl_log (tag text);
    create trigger pushes after insert on people for each row execute function calls_out();
    create event trigger shouts on ddl_command_end when tag in ('CREATE SEQUENCE') execute function calls_out_too();
    alter event trigger shouts enable always;
    create event trigger notes on ddl_command_end execute function logs_ddl();
    create subscription follows connection 'host=prod.example password=subscription-secret' publication p with (connect = false, slot_name = 's');
";

const WRAPPER: &str = "
    create extension postgres_fdw;
    create server other foreign data wrapper postgres_fdw options (host 'prod.example');
    create user mapping for public server other options (user 'u', password 'mapping-secret');
";

const LOOK_AT_ARMED: &str = "
    select count(*) filter (where mail like '%secret%'), count(*) from people;
    select count(*) filter (where mail like '%secret%'), count(*) from mails;
    select count(*) from \"Odd One\".\"Big Table\";
    select tgenabled from pg_trigger where tgname = 'pushes';
    select evtname, evtenabled from pg_event_trigger order by 1;
    select count(*) from pg_subscription where subenabled or subconninfo like '%prod%' or subslotname is not null;
    select count(*) from pg_user_mappings;
    select count(*) from ddl_log;
    select count(*) > 0 from pg_stats where tablename = 'people';
";

#[tokio::test]
async fn clones_are_masked_and_disarmed_whatever_the_source() {
    let server = Server::newest().await;
    let endpoint = server.database_with(ARMED).await;
    let session = Session::open(&endpoint, &[]).await.expect("a session");
    let has_wrapper = session
        .batch_execute(&format!(
            "set session_replication_role = replica; {WRAPPER}"
        ))
        .await
        .is_ok();
    session
        .batch_execute("set session_replication_role = replica; truncate ddl_log; create role reader login superuser password 'source-password-1'")
        .await
        .expect("a role");
    let source = server.throwaway.role(
        "reader",
        &Secret::new("source-password-1"),
        &endpoint.database,
    );
    for policy in [
        "{ sql: armed.sql }",
        "{ dump: armed.dump }",
        "{ dump: armed.plain }",
        "{ database: { url: '${SOURCE_URL}' } }",
    ] {
        let project = project(
            &newest(),
            policy,
            "restore: { mask: [mask.sql], exclude_data: ['Odd One.Big*'] }\n",
        );
        project.file(
            "mask.sql",
            "update people set mail = 'masked' || id || '@example.org';",
        );
        project.file("more.sql", LOOK_AT_ARMED);
        let wrapper = if has_wrapper { WRAPPER } else { "" };
        project.file("armed.sql", &format!("{ARMED}{wrapper}truncate ddl_log;"));
        dump(
            &endpoint,
            &["--format=custom"],
            &project.path().join("armed.dump"),
        );
        dump(&endpoint, &[], &project.path().join("armed.plain"));
        let output = project
            .command(&["run"])
            .env("SOURCE_URL", source.url().expose())
            .output()
            .expect("the gate starts");
        let run = project.ended(&output);
        expect_restored(&run);
        // What SQL files build is all there is: nothing is left out of it.
        let (big, logged) = if policy.contains("sql:") {
            (50, 0)
        } else {
            (0, 0)
        };
        assert_eq!(
            look(&project, "more"),
            format!("0|50\n0|50\n{big}\nD\nnotes|O\nshouts|D\n0\n0\n{logged}\nt\n"),
            "{policy}"
        );
        let said = caveats(&run);
        for part in [
            "trigger `pushes` on `public.people`",
            "event trigger `shouts`",
            "masked by 1 file",
            if big == 0 {
                "the rows of `\"Odd One\".\"Big Table\"`"
            } else {
                ""
            },
            if has_wrapper { "user mapping" } else { "" },
            "subscription",
        ] {
            assert!(said.contains(part), "{policy}: {part}: {said}");
        }
        for secret in [
            "subscription-secret",
            "mapping-secret",
            "source-password-1",
            "@secret.example",
        ] {
            assert!(!run.everything().contains(secret), "{policy}: {secret}");
        }
    }
}

#[tokio::test]
async fn a_foreign_server_is_left_as_it_was() {
    let staging = Server::newest().await;
    let production = Server::newest().await;
    let at = staging
        .database_with("create role stager login superuser password 'staging-password-1'")
        .await;
    let endpoint = production
        .database_with(
            "create role owner; create role reader login superuser password 'source-password-1'",
        )
        .await;
    let session = Session::open(&endpoint, &[]).await.expect("a session");
    session.batch_execute(&format!("{ITEMS} alter table items owner to owner; alter table items enable row level security; create policy p on items to owner using (true);")).await.expect("production");
    let source = production.throwaway.role(
        "reader",
        &Secret::new("source-password-1"),
        &endpoint.database,
    );
    let target = staging
        .throwaway
        .role("stager", &Secret::new("staging-password-1"), &at.database);
    let databases = || async {
        let session = Session::open(&at, &[]).await.expect("a session");
        let row = session
            .query_one("select coalesce(string_agg(datname, ' ' order by 1), '') from pg_database where datname like 'pgrehearse%'", &[])
            .await
            .expect("a row");
        row.get::<_, String>(0)
    };
    let make = |source: &str| project(&newest(), source, "target: { server: '${TARGET_URL}' }\n");
    let start = |project: &Project, target: &Endpoint| {
        let mut command = project.command(&["run"]);
        command
            .env("SOURCE_URL", source.url().expose())
            .env("TARGET_URL", target.url().expose());
        command
    };
    let live = "{ database: { url: '${SOURCE_URL}' } }";

    let project = make(live);
    let run = project.ended(&start(&project, &source).output().expect("the gate starts"));
    expect_undecided(&run, &["`target.server` is the source itself"]);

    for policy in [live, "{ dump: prod.dump }", "{ dump: prod.sql }"] {
        let project = make(policy);
        dump(
            &endpoint,
            &["--format=custom"],
            &project.path().join("prod.dump"),
        );
        dump(&endpoint, &["--create"], &project.path().join("prod.sql"));
        project.file(
            "more.sql",
            "select current_database() like 'pgrehearse\\_%', (select count(*) from items)",
        );
        let run = project.ended(&start(&project, &target).output().expect("the gate starts"));
        expect_restored(&run);
        assert_eq!(look(&project, "more"), "t|20000\n", "{policy}");
        assert!(caveats(&run).contains("owners and privileges are those of the role"));
        assert!(!run.everything().contains("staging-password-1"));
        assert_eq!(databases().await, "", "{policy}");
    }

    let project = make(live);
    project.file("look.sh", "exit 9");
    let run = project.ended(&start(&project, &target).output().expect("the gate starts"));
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert_eq!(databases().await, "");

    let project = make(live);
    project.file("look.sh", "touch migrating; sleep 60");
    let mut child = start(&project, &target).spawn().expect("the gate starts");
    let limit = Instant::now() + Duration::from_secs(60);
    while !project.path().join("migrating").exists() {
        assert!(Instant::now() < limit, "the migration never began");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(databases().await, "");
    let id = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("an id"));
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGINT).expect("a signal");
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    assert_eq!(databases().await, "");
}
