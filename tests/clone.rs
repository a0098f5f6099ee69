//! `pgrehearse clone`: a dump to rehearse from, with what is known of it beside it.

mod harness;

use std::path::PathBuf;

use harness::Server;
use harness::gate::{Project, Run};
use harness::provider::{KEY, Kind, Provider};
use serde_json::Value;

const PRODUCTION: &str = "create role shop; alter schema public owner to shop; set role shop;
    create table people (id int primary key, name text not null);
    insert into people select i, 'Ada ' || i from generate_series(1, 100) i;
    create function tell() returns trigger language plpgsql as
        $$ begin perform http_post('http://example.org', new.name); return new; end $$;
    create table audit (id int);
    insert into audit values (1), (2);";

/// It calls out, so it is switched off in a dump that was masked.
const TRIGGER: &str =
    "create trigger tell after insert on people for each row execute function tell();";

const GOOD: &str = "set lock_timeout = '2s'; alter table people add column born date;";

const RULES: &str = "rules: { schema-drift: off, fresh-install-broken: off }";

struct Shop {
    project: Project,
    _server: Server,
    runtime: tokio::runtime::Runtime,
    url: String,
}

impl Shop {
    fn new() -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let server = runtime.block_on(Server::newest());
        let endpoint = runtime.block_on(server.database_with(&format!("{PRODUCTION}{TRIGGER}")));
        let project = Project::new();
        project.file("migrations/1.sql", GOOD);
        project.file("mask.sql", "update people set name = 'somebody';");
        Self {
            project,
            _server: server,
            runtime,
            url: endpoint.url().expose().to_owned(),
        }
    }

    fn policy(&self, source: &str, more: &str) -> &Self {
        self.project.policy(&format!(
            "version: 1\nsource: {source}\nmigrations: {{ files: migrations/*.sql }}\n{RULES}\n{more}\n"
        ));
        self
    }

    fn clone_to(&self, more: &[&str]) -> (Option<i32>, String) {
        let arguments = [&["clone", "--to", "nightly.dump"], more].concat();
        let output = self
            .project
            .command(&arguments)
            .env("PRODUCTION", &self.url)
            .output()
            .expect("it starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).expect("text"))
    }

    fn dump(&self) -> PathBuf {
        self.project.path().join("nightly.dump")
    }

    fn beside(&self) -> Value {
        let path = self.project.path().join("nightly.dump.provenance.json");
        serde_json::from_str(&std::fs::read_to_string(path).expect("written")).expect("JSON")
    }

    fn rehearse(&self, source: &str) -> Run {
        self.policy(source, "");
        self.project.run()
    }
}

const LIVE: &str = "{ database: { url: \"${PRODUCTION}\" } }";

#[test]
fn a_dump_is_kept_and_rehearsed_from() {
    let shop = Shop::new();
    for format in ["custom", "directory"] {
        let (code, said) = shop.policy(LIVE, "").clone_to(&["--format", format]);
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.contains("not masked: it holds production's rows"),
            "{said}"
        );
        let beside = shop.beside();
        assert_eq!(beside["database"], "case_0");
        assert_eq!(beside["masked_by"], serde_json::json!([]));
        assert_eq!(shop.dump().is_dir(), format == "directory");
        let run = shop.rehearse("{ dump: { files: nightly.dump*, max_age: 1h } }");
        run.expect_besides_lint(0, "go", &[]);
        let said = run.everything();
        assert!(
            said.contains("the dump is of database `pgrehearse@"),
            "{said}"
        );
    }
}

#[test]
fn a_masked_dump_holds_no_name_and_no_switch_is_taken_for_drift() {
    let shop = Shop::new();
    let more = "restore: { mask: [mask.sql], exclude_data: [audit] }";
    let (code, said) = shop.policy(LIVE, more).clone_to(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("masked by `mask.sql`"), "{said}");
    let beside = shop.beside();
    assert_eq!(beside["masked_by"][0], "mask.sql");
    assert_eq!(beside["without_rows_of"][0], "audit");
    assert_eq!(beside["disarmed"][0]["name"], "tell");
    let rows = "select count(*)::text || ' ' || min(name) from people";
    let fresh = PRODUCTION.replace(
        "create role shop; alter schema public owner to shop; set role shop;",
        "",
    );
    shop.project.file("init.sql", &format!("{fresh}{TRIGGER}"));
    shop.project.policy(&format!(
        "version: 1\nsource: {{ dump: nightly.dump }}\nmigrations: {{ files: migrations/*.sql }}\n\
         restore: {{ exclude_data: [audit] }}\nbaseline: {{ init: init.sql }}\n\
         verify: {{ assertions: [{{ name: masked, sql: \"{rows}\", expect: 100 somebody }}] }}\n"
    ));
    let run = shop.project.run();
    run.expect_besides_lint(0, "go", &[]);
    assert!(
        run.everything().contains("masked before it was dumped"),
        "{}",
        run.stdout
    );
}

#[test]
fn a_dump_that_is_old_or_another_is_refused() {
    let shop = Shop::new();
    let (code, said) = shop.policy(LIVE, "").clone_to(&[]);
    assert_eq!(code, Some(0), "{said}");
    let mut beside = shop.beside();
    beside["taken_at"] = "2026-01-01T00:00:00Z".into();
    let known = |beside: &Value| {
        shop.project
            .file("nightly.dump.provenance.json", &beside.to_string());
    };
    known(&beside);
    let run = shop.rehearse("{ dump: { files: nightly.dump, max_age: 26h } }");
    run.expect(3, "undecided", &[]);
    assert!(
        run.stdout
            .contains("older than `source.dump.max_age` allows"),
        "{}",
        run.stdout
    );
    // Nobody asked how old it is.
    shop.rehearse("{ dump: nightly.dump }")
        .expect_besides_lint(0, "go", &[]);

    let mut bytes = std::fs::read(shop.dump()).expect("a dump");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(shop.dump(), bytes).expect("changed");
    let run = shop.rehearse("{ dump: nightly.dump }");
    run.expect(3, "undecided", &[]);
    assert!(
        run.stdout
            .contains("is not the dump that the file beside it is of"),
        "{}",
        run.stdout
    );
    shop.project.file("nightly.dump.provenance.json", "{}");
    let run = shop.rehearse("{ dump: nightly.dump }");
    run.expect(3, "undecided", &[]);
}

#[test]
fn what_was_there_stays_until_the_new_dump_is_whole() {
    let shop = Shop::new();
    let (code, said) = shop.policy(LIVE, "").clone_to(&[]);
    assert_eq!(code, Some(0), "{said}");
    let before = (std::fs::read(shop.dump()).expect("a dump"), shop.beside());
    shop.runtime.block_on(async {
        let endpoint = pgrehearse::postgres::Endpoint::parse(&shop.url).expect("a URL");
        let session = pgrehearse::postgres::Session::open(&endpoint, &[])
            .await
            .expect("it answers");
        session
            .batch_execute("create role blind login password 'secret-of-the-blind'")
            .await
            .expect("made");
    });
    let blind = shop
        .url
        .replace("//pgrehearse:", "//blind:secret-of-the-blind@x:");
    let blind = match blind.split_once('@') {
        Some((_, rest)) => format!(
            "postgres://blind:secret-of-the-blind@{}",
            rest.rsplit('@').next().unwrap_or(rest)
        ),
        None => panic!("a URL with a password"),
    };
    let output = shop
        .project
        .policy(&format!(
            "version: 1\nsource: {LIVE}\nmigrations: {{ files: migrations/*.sql }}\n"
        ))
        .command(&["clone", "--to", "nightly.dump"])
        .env("PRODUCTION", &blind)
        .output()
        .expect("it starts");
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("`blind` may not read"), "{said}");
    assert!(!said.contains("secret-of-the-blind"), "{said}");
    assert_eq!(
        (std::fs::read(shop.dump()).expect("a dump"), shop.beside()),
        before
    );
}

#[test]
fn a_providers_clone_is_dumped_and_given_back() {
    for (kind, mask) in [
        (Kind::Neon, ""),
        (Kind::Dblab, "restore: { mask: [mask.sql] }"),
    ] {
        let provider = Provider::start(kind);
        let project = Project::new();
        project.file("migrations/1.sql", "select 1;");
        project.file("mask.sql", "update orders set note = 'masked';");
        project.policy(&format!(
            "version: 1\nname: shop\nmigrations: {{ files: migrations/*.sql }}\n{RULES}\n{}\n{mask}\n",
            provider.source("")
        ));
        let output = project
            .command(&["clone", "--to", "nightly.dump"])
            .env("KEY", KEY)
            .output()
            .expect("it starts");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(0), "{said}");
        provider.nothing_is_left();
        assert!(project.path().join("nightly.dump").exists());
        assert_eq!(
            provider.in_production("select min(note) from orders"),
            "a note"
        );
    }
}

#[test]
fn a_dump_that_is_cut_off_leaves_nothing() {
    let shop = Shop::new();
    shop.runtime.block_on(async {
        let endpoint = pgrehearse::postgres::Endpoint::parse(&shop.url).expect("a URL");
        let session = pgrehearse::postgres::Session::open(&endpoint, &[])
            .await
            .expect("it answers");
        let slow = "create table waits (id int);
            insert into waits select i from generate_series(1, 3000000) i";
        session.batch_execute(slow).await.expect("made");
    });
    for signal in ["-TERM", "-KILL"] {
        let mut child = shop
            .policy(LIVE, "")
            .project
            .command(&["clone", "--to", "nightly.dump"])
            .env("PRODUCTION", &shop.url)
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        let there = || {
            let entries = std::fs::read_dir(shop.project.path()).expect("a directory");
            entries
                .flatten()
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .filter(|name| name.contains("unfinished") || name.starts_with("nightly"))
                .collect::<Vec<_>>()
        };
        while there().is_empty() {
            assert!(child.try_wait().expect("a child").is_none(), "it ended");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        let id = child.id().to_string();
        let told = std::process::Command::new("kill")
            .args([signal, &id])
            .status();
        assert!(told.expect("kill starts").success());
        child.wait().expect("it ends");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while !there().is_empty() && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert_eq!(there(), [""; 0]);
    }
}
