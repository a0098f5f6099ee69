//! What runs have left is listed, and deleted where it is ours and of no more use.

mod harness;

use harness::Server;
use harness::fault::Scene;
use harness::gate::{Project, gate};
use harness::processes::guard_of;
use harness::provider::{KEY, Kind, Provider};
use nix::sys::signal::{Signal, kill};

/// A run of long ago.
const OLD: &str = "20260101000000_0123abcd";

struct Swept {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Sweeps with a temporary directory of its own, so that other tests' servers are not in it.
fn sweep(project: &Project, temporary: &std::path::Path, more: &[&str]) -> Swept {
    let output = gate(project.path(), &[&["sweep"], more].concat())
        .env("TMPDIR", temporary)
        .env("KEY", KEY)
        .output()
        .expect("it starts");
    Swept {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

impl Swept {
    #[track_caller]
    fn expect(&self, code: i32, lines: &[&str]) -> &Self {
        let Self { stdout, stderr, .. } = self;
        assert_eq!(self.code, Some(code), "{stdout}{stderr}");
        for line in lines {
            assert!(stdout.contains(line), "no `{line}` in\n{stdout}{stderr}");
        }
        self
    }
}

fn shop(provider: &Provider, migration: &str) -> Scene {
    let project = Project::new();
    project.file("migrations/1.sql", migration);
    project.policy(&format!(
        "version: 1\nname: shop\nmigrations: {{ files: migrations/*.sql }}\n\
         rules: {{ schema-drift: off, fresh-install-broken: off }}\n{}\n",
        provider.source("")
    ));
    Scene::of(project).env("KEY", KEY)
}

#[test]
fn what_even_the_guard_did_not_remove_is_swept() {
    for kind in [Kind::Neon, Kind::Dblab] {
        let provider = Provider::start(kind);
        let scene = shop(&provider, "select pg_sleep(60);");
        let mut gate = scene.start();
        gate.until_says("migrate");
        let id = gate.id().expect("a run");
        kill(guard_of(gate.pid()), Signal::SIGKILL).expect("the guard runs");
        gate.tell(Signal::SIGKILL);
        assert_eq!(provider.state().clones.len(), 1);
        let (project, temporary) = (&scene.project, scene.temporary());
        // Another run may be using what has not expired.
        sweep(project, temporary, &["--delete"]).expect(0, &["0 leaked"]);
        assert_eq!(provider.state().clones.len(), 1);
        let swept = sweep(project, temporary, &["--run-id", &id]);
        swept.expect(1, &["leaked"]);
        assert_eq!(provider.state().clones.len(), 1);
        let swept = sweep(project, temporary, &["--run-id", &id, "--delete"]);
        swept.expect(1, &["deleted"]);
        provider.nothing_is_left();
        sweep(project, temporary, &[]).expect(0, &["no run has left anything"]);
    }
}

#[test]
fn only_what_is_ours_and_has_expired_is_deleted() {
    let provider = Provider::start(Kind::Neon);
    let ours = format!("pgrehearse-shop-{}", OLD.replace('_', "-"));
    for (name, labels) in [
        (
            ours.as_str(),
            serde_json::json!({ "managed-by": "pgrehearse" }),
        ),
        // Somebody's who liked the name.
        (
            "pgrehearse-shop-20260101000000-99999999",
            serde_json::json!({}),
        ),
        (
            "pgrehearse-notes",
            serde_json::json!({ "managed-by": "pgrehearse" }),
        ),
        ("staging", serde_json::json!({ "managed-by": "pgrehearse" })),
    ] {
        provider.branch(name, "2026-01-01T06:00:00Z", &labels);
    }
    provider.branch(
        "pgrehearse-shop-20261121000000-00000001",
        "2999-01-01T06:00:00Z",
        &serde_json::json!({ "managed-by": "pgrehearse" }),
    );
    let scene = shop(&provider, "select 1;");
    let (project, temporary) = (&scene.project, scene.temporary());
    let swept = sweep(project, temporary, &[]);
    swept.expect(
        1,
        &[
            &format!("leaked  branch `{ours}`"),
            "3 things of runs, 1 leaked",
        ],
    );
    assert_eq!(provider.state().clones.len(), 5);
    sweep(project, temporary, &["--delete"]).expect(1, &[&format!("deleted branch `{ours}`")]);
    assert_eq!(provider.state().deleted, [ours]);
    sweep(project, temporary, &["--delete"]).expect(0, &["2 things of runs, 0 leaked"]);
}

#[test]
fn directories_and_databases_of_old_runs_are_swept() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let server = runtime.block_on(Server::newest());
    let endpoint = runtime.block_on(async {
        let endpoint = server.database().await;
        for name in [
            format!("pgrehearse_{OLD}_shop"),
            "pgrehearse_shop".to_owned(),
        ] {
            server.make_database(&name).await;
        }
        endpoint
    });
    let project = Project::sql("select 1;", &[("1.sql", "select 1;")]);
    project.policy(
        "version: 1\nsource: { sql: production.sql }\nmigrations: { files: migrations/*.sql }\n\
         target: { server: \"${STAGING}\" }\n",
    );
    let temporary = tempfile::tempdir().expect("a directory");
    let at = |name: &str| temporary.path().join(name);
    for name in [
        format!("pgrehearse-{OLD}"),
        format!("pgrehearse-{OLD}-clone-0a1b/data"),
        "pgrehearse-report".to_owned(),
    ] {
        std::fs::create_dir_all(at(&name)).expect("made");
    }
    // The process that it names is ours, and no server.
    std::fs::write(
        at(&format!("pgrehearse-{OLD}-clone-0a1b/data/postmaster.pid")),
        std::process::id().to_string(),
    )
    .expect("written");
    let sweep = |more: &[&str]| {
        let output = gate(project.path(), &[&["sweep"], more].concat())
            .env("TMPDIR", temporary.path())
            .env("STAGING", endpoint.url().expose())
            .output()
            .expect("it starts");
        Swept {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("text"),
            stderr: String::from_utf8(output.stderr).expect("text"),
        }
    };
    sweep(&[]).expect(
        1,
        &[
            "leaked  database",
            "leaked  directory",
            "leaked  server",
            "3 leaked",
        ],
    );
    sweep(&["--delete"]).expect(
        1,
        &["deleted database", "deleted directory", "deleted server"],
    );
    sweep(&[]).expect(0, &["no run has left anything"]);
    assert!(at("pgrehearse-report").exists());
    let left: i64 = runtime.block_on(async {
        let session = pgrehearse::postgres::Session::open(&endpoint, &[])
            .await
            .expect("it answers");
        let query = "select count(*) from pg_database where datname like 'pgrehearse%'";
        session.query_one(query, &[]).await.expect("a row").get(0)
    });
    assert_eq!(left, 1, "what only begins like ours stays");
}

#[test]
fn a_place_that_cannot_be_asked_is_no_clean_one() {
    let provider = Provider::start(Kind::Neon);
    let scene = shop(&provider, "select 1;");
    let output = gate(scene.project.path(), &["sweep"])
        .env("TMPDIR", scene.temporary())
        .env("KEY", "napi_another-key")
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8(output.stderr).expect("text");
    assert!(said.contains("the key is not known there"), "{said}");
}
