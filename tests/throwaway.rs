//! The throwaway server: it starts on every version, and nothing of it is left.

mod harness;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Server, installed_majors};
use pgrehearse::postgres::Session;
use pgrehearse::postgres::settings::{self, Profile};
use pgrehearse::text::Secret;

#[tokio::test]
async fn starts_answers_and_leaves_nothing_on_every_version() {
    for binaries in installed_majors() {
        let mut server = Server::start(&binaries).await;
        let directory = server.throwaway.directory().to_owned();
        let endpoint = server
            .database_with("create role owner login password 'owner-password'")
            .await;

        let over_tcp =
            server
                .throwaway
                .role("owner", &Secret::new("owner-password"), &endpoint.database);
        let row = Session::open(&over_tcp, &[("lock_timeout", "2 s")])
            .await
            .expect("a role gets in over TCP")
            .query_one(
                "select current_setting('server_version_num')::int / 10000, current_setting('lock_timeout'), current_setting('fsync')",
                &[],
            )
            .await
            .expect("the server answers");
        assert_eq!(
            row.get::<_, i32>(0),
            i32::try_from(binaries.major.0).expect("small")
        );
        assert_eq!(
            (row.get::<_, &str>(1), row.get::<_, &str>(2)),
            ("2s", "off")
        );

        server
            .throwaway
            .restart(&settings::of(
                Profile::ProductionLike,
                &[("work_mem".into(), "7MB".into())],
                &[],
            ))
            .await
            .expect("the server restarts");
        let row = Session::open(&over_tcp, &[])
            .await
            .expect("the same endpoint works after the restart")
            .query_one(
                "select current_setting('fsync'), current_setting('work_mem')",
                &[],
            )
            .await
            .expect("the server answers");
        assert_eq!(
            (row.get::<_, &str>(0), row.get::<_, &str>(1)),
            ("on", "7MB")
        );

        drop(server);
        assert!(!directory.exists(), "{} is left", directory.display());
    }
}

/// A process of its own that holds a server, killed with SIGKILL: the guard clears up.
#[test]
fn nothing_is_left_when_the_gate_is_killed_outright() {
    let program = std::env::current_exe().expect("this test has a path");
    let mut holder = Command::new(program)
        .args([
            "--exact",
            "hold_a_server_until_killed",
            "--ignored",
            "--nocapture",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test starts itself");
    let line = {
        use std::io::BufRead as _;
        std::io::BufReader::new(holder.stdout.take().expect("piped"))
            .lines()
            .map_while(Result::ok)
            .find(|line| line.starts_with("holding "))
            .expect("the holder says what it holds")
    };
    let mut words = line.split(' ').skip(1);
    let directory = PathBuf::from(words.next().expect("a directory"));
    let postmaster: i32 = words.next().expect("a process").parse().expect("a number");
    assert!(directory.exists());

    holder.kill().expect("the holder is killed");
    holder.wait().expect("the holder is gone");

    let deadline = Instant::now() + Duration::from_secs(20);
    let process = nix::unistd::Pid::from_raw(postmaster);
    while directory.exists() || nix::sys::signal::kill(process, None).is_ok() {
        assert!(Instant::now() < deadline, "the server outlived the gate");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
#[ignore = "not a test: the process that the test above kills"]
async fn hold_a_server_until_killed() {
    let server = Server::newest().await;
    println!(
        "holding {} {}",
        server.throwaway.directory().display(),
        server.throwaway.postmaster_id().expect("it runs")
    );
    tokio::time::sleep(Duration::from_secs(60)).await;
}
