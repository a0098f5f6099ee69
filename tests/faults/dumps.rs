//! Dumps that can't be read: the gate could not tell, and says which file it was.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use pgrehearse::postgres::binaries;

use crate::harness::Server;
use crate::harness::fault::{Ended, ONE_SERVER, Scene};
use crate::harness::gate::Project;

/// Runs a gate on what `make` puts at the path it is given.
fn on_dump(make: impl FnOnce(&Path)) -> Ended {
    let scene = Scene::of(Project::new());
    scene.project.file("migrations/1.sql", "select 1;").policy(&format!(
        "version: 1\nsource: {{ dump: production.dump }}\n{ONE_SERVER}\nmigrations: {{ files: migrations/*.sql }}\n"
    ));
    make(&scene.project.path().join("production.dump"));
    scene.run()
}

#[track_caller]
fn unreadable(ended: &Ended, because: &str) {
    ended.expect(3, "undecided", because);
    assert!(
        ended.reason().contains("production.dump"),
        "{}",
        ended.reason()
    );
}

#[test]
fn a_file_that_may_not_be_read() {
    if nix::unistd::Uid::effective().is_root() {
        println!("skipped: root may read everything");
        return;
    }
    let ended = on_dump(|path| {
        std::fs::write(path, "-- PostgreSQL database dump").expect("written");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).expect("ours");
    });
    unreadable(&ended, "Permission denied");
}

#[test]
fn a_directory_that_is_no_dump() {
    unreadable(
        &on_dump(|path| std::fs::create_dir(path).expect("made")),
        "the directory has no `toc.dat`",
    );
}

#[test]
fn an_empty_file() {
    unreadable(
        &on_dump(|path| std::fs::write(path, "").expect("written")),
        "it is empty",
    );
}

#[test]
fn bytes_that_mean_nothing() {
    let mut state = 1_u64;
    let mut byte = |least: u8| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        u8::try_from(state >> 56).expect("eight bits") | least
    };
    let any: Vec<u8> = (0..100_000).map(|_| byte(0)).collect();
    let none_zero: Vec<u8> = (0..100_000).map(|_| byte(0x81)).collect();
    for bytes in [any, none_zero] {
        unreadable(
            &on_dump(|path| std::fs::write(path, bytes).expect("written")),
            "neither an archive of pg_dump nor text",
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_cut_off() {
    let server = Server::newest().await;
    let database = server
        .database_with(
            "create table t as select i, md5(i::text) as text from generate_series(1, 50000) i",
        )
        .await;
    let directory = tempfile::tempdir().expect("a directory");
    let whole = directory.path().join("whole.dump");
    let status = Command::new(
        binaries::newest(None)
            .expect("a PostgreSQL server is installed")
            .program("pg_dump"),
    )
    .args(["--format=custom", "--file"])
    .arg(&whole)
    .envs(
        database
            .libpq_variables()
            .into_iter()
            .map(|(name, value)| (name, value.expose().to_owned())),
    )
    .status()
    .expect("pg_dump runs");
    assert!(status.success());
    let bytes = std::fs::read(&whole).expect("written");
    drop(server);
    // In the middle of the table of contents, and in the middle of the rows.
    for (length, stage) in [(600, "preflight"), (bytes.len() * 2 / 3, "restore")] {
        let ended = tokio::task::block_in_place(|| {
            on_dump(|path| std::fs::write(path, &bytes[..length]).expect("written"))
        });
        unreadable(&ended, "");
        assert_eq!(ended.run.outcome(stage), "errored", "{}", ended.reason());
    }
}
