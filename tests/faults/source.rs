//! A live source that goes away while it is read, and one that a migration reaches.

use pgrehearse::postgres::{Endpoint, Session};
use pgrehearse::text::Secret;

use crate::harness::Server;
use crate::harness::fault::{ONE_SERVER, Scene};
use crate::harness::gate::Project;
use crate::harness::processes::processes_below;

const PASSWORD: &str = "reader-password";

/// A source with `sql` in it, and the way in for a role that may read it and write history.
async fn source(server: &Server, sql: &str) -> Endpoint {
    let database = server.database_with(sql).await;
    let session = Session::open(&database, &[]).await.expect("it answers");
    session
        .batch_execute(&format!(
            "create role reader login password '{PASSWORD}' in role pg_read_all_data, pg_write_all_data"
        ))
        .await
        .expect("a role is made");
    server
        .throwaway
        .role("reader", &Secret::new(PASSWORD), &database.database)
}

fn scene(source: &Endpoint, migrations: &str) -> Scene {
    let scene = Scene::of(Project::new()).env("SOURCE_URL", source.url().expose());
    scene.project.file("migrations/1.sql", "alter table t add note text;").policy(&format!(
        "version: 1\nsource: {{ database: {{ url: '${{SOURCE_URL}}' }} }}\n{ONE_SERVER}\nmigrations:\n  files: migrations/*.sql\n{migrations}"
    ));
    scene
}

/// Enough rows that streaming them takes a while.
const MANY: &str =
    "create table t as select i, repeat('x', 500) as pad from generate_series(1, 600000) i";

#[tokio::test(flavor = "multi_thread")]
async fn the_sessions_of_the_source_are_ended() {
    let server = Server::newest().await;
    let endpoint = source(&server, MANY).await;
    let admin = Session::open(&server.throwaway.superuser("postgres"), &[])
        .await
        .expect("it answers");
    let scene = scene(&endpoint, "");
    let mut gate = tokio::task::block_in_place(|| {
        let mut gate = scene.start();
        gate.until_says("restore: streaming");
        gate
    });
    loop {
        let ended: i64 = admin
            .query_one(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity \
                 where usename = 'reader' and query ilike 'copy %' and state = 'active'",
                &[],
            )
            .await
            .expect("it answers")
            .get(0);
        if ended > 0 {
            break;
        }
        assert!(
            tokio::task::block_in_place(|| gate.is_running()),
            "too late"
        );
    }
    let ended = tokio::task::block_in_place(|| gate.end());
    ended.expect(3, "undecided", "read the rows of a table of the source");
    assert!(!ended.run.everything().contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_stops() {
    let server = Server::newest().await;
    let endpoint = source(&server, MANY).await;
    let postmaster = server.throwaway.postmaster_id().expect("it runs");
    let directory = server.throwaway.directory();
    let ended = tokio::task::block_in_place(|| {
        let mut gate = scene(&endpoint, "").start();
        gate.until("the source is read", |_| {
            processes_below(directory)
                .iter()
                .any(|process| process.command.contains(" COPY"))
                .then_some(())
        });
        let postmaster = nix::unistd::Pid::from_raw(i32::try_from(postmaster).expect("small"));
        nix::sys::signal::kill(postmaster, nix::sys::signal::Signal::SIGQUIT).expect("it runs");
        gate.end()
    });
    ended.expect(3, "undecided", "read the rows of a table of the source");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_stopped_before_the_clone() {
    let server = Server::newest().await;
    let endpoint = source(&server, "create table t (id int)").await;
    drop(server);
    let ended = tokio::task::block_in_place(|| scene(&endpoint, "").run());
    ended.expect(3, "undecided", "could not connect to");
    assert!(!ended.run.everything().contains(PASSWORD));
}

const WITH_HISTORY: &str = "create table t (id int); create table history (version text); insert into history values ('0')";
const HISTORY: &str = "  history: { table: public.history, column: version }\n";

/// The script holds the address, so no variable that is taken away keeps it from production.
#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_finds_its_way_to_the_source_is_said_loudly() {
    let server = Server::newest().await;
    let endpoint = source(&server, WITH_HISTORY).await;
    let ended = tokio::task::block_in_place(|| {
        let scene = scene(&endpoint, &format!("{HISTORY}  command: sh migrate.sh\n"));
        scene.project.file(
            "migrate.sh",
            &format!(
                "psql -qX -d '{}' -c \"insert into history values ('1')\"\n",
                endpoint.url().expose()
            ),
        );
        scene.run()
    });
    ended.expect(
        3,
        "undecided",
        "the migration changed the source: its history has 1 since the run",
    );
    assert!(
        ended
            .run
            .stderr
            .contains("the migration changed the source"),
        "{}",
        ended.run.stderr
    );
    assert!(!ended.run.everything().contains(PASSWORD));
}

/// Nothing records what was applied, and the table that records it is made where it must not be.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_a_history_is_looked_at_too() {
    for (history, harm, how) in [
        (
            "",
            "create table harm (id int)",
            "its tables are others since the run",
        ),
        (
            HISTORY,
            "create table history (version text)",
            "it has a history since the run",
        ),
    ] {
        let server = Server::newest().await;
        let endpoint = source(
            &server,
            "create table t (id int); grant create on schema public to public",
        )
        .await;
        let ended = tokio::task::block_in_place(|| {
            let scene = scene(&endpoint, &format!("{history}  command: sh migrate.sh\n"));
            scene.project.file(
                "migrate.sh",
                &format!("psql -qX -d '{}' -c '{harm}'\n", endpoint.url().expose()),
            );
            scene.run()
        });
        ended.expect(
            3,
            "undecided",
            &format!("the migration changed the source: {how}"),
        );
    }
}

/// It did harm and hung, or failed, or broke the server: the harm is what must be said.
#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_looked_at_however_the_command_ended() {
    for ending in ["exit 1", "sleep 600"] {
        let server = Server::newest().await;
        let endpoint = source(&server, WITH_HISTORY).await;
        let ended = tokio::task::block_in_place(|| {
            let scene = scene(
                &endpoint,
                &format!("{HISTORY}  command: sh migrate.sh\n  max_duration: 3s\n"),
            );
            scene.project.file(
                "migrate.sh",
                &format!(
                    "psql -qX -d '{}' -c \"insert into history values ('1')\"\n{ending}\n",
                    endpoint.url().expose()
                ),
            );
            scene.run()
        });
        ended.expect(3, "undecided", "the migration changed the source");
    }
}

#[test]
fn a_file_of_variables_is_not_read() {
    let scene = Scene::short("create table t (id int);", "alter table t add n int;", "");
    scene.project.file(
        ".env",
        "PGHOST=192.0.2.1\nPGPORT=1\nDATABASE_URL=postgres://u@192.0.2.1/production\nSOURCE_URL=postgres://u@192.0.2.1/production\n",
    );
    scene.run().expect(0, "go", "");

    scene.project.policy(
        "version: 1\nsource: { database: { url: '${SOURCE_URL}' } }\nmigrations: { files: migrations/*.sql }\n",
    );
    let ended = scene.run();
    assert_eq!(ended.run.code, Some(2), "{}", ended.run.stderr);
    assert!(ended.run.stderr.contains("SOURCE_URL"));
}
