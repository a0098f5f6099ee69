//! Disks that are full, and places that can't be written to.

use crate::harness::disk::Disk;
use crate::harness::fault::Scene;

/// More than the disk below holds.
const TOO_MUCH: &str = "create unlogged table big as select i, repeat('x', 1000) as pad from generate_series(1, 400000) i;";

/// The server's words are `No space left on device`, or that it wrote a part of a page only.
const DISK_FULL: &str = "SQLSTATE 53100";

/// The smallest server, and some rows.
const SIZE: &str = "150m";

fn on_a_small_disk(production: &str, migration: &str) -> Option<(Scene, Disk)> {
    let scene = Scene::short(production, migration, "");
    let disk = Disk::mount(scene.temporary(), SIZE)?;
    scene.project.short_policy(&format!(
        "{}\ntarget: {{ throwaway: {{ directory: {} }} }}",
        crate::harness::fault::ONE_SERVER,
        scene.temporary().display()
    ));
    Some((scene, disk))
}

#[test]
fn a_disk_that_fills_while_restoring_is_no_fault_of_the_migration() {
    let Some((scene, _disk)) = on_a_small_disk(TOO_MUCH, "select 1;") else {
        return;
    };
    scene.run().expect(3, "undecided", DISK_FULL);
}

#[test]
fn a_migration_that_fills_the_disk_is_a_no() {
    let Some((scene, _disk)) = on_a_small_disk("create table t (id int);", TOO_MUCH) else {
        return;
    };
    let ended = scene.run();
    ended.expect(1, "no-go", DISK_FULL);
    assert_eq!(ended.run.rules(), ["migration-failed"]);
}

/// A server that has no room for its WAL gives up as a whole: whether production's would is open.
#[test]
fn a_server_without_room_for_its_wal_is_no_answer() {
    let migration = TOO_MUCH.replace("unlogged ", "");
    let Some((scene, _disk)) = on_a_small_disk("create table t (id int);", &migration) else {
        return;
    };
    let ended = scene.run();
    // Rows and WAL share the disk; which of them meets its end first is chance.
    match ended.run.verdict() {
        "no-go" => ended.expect(1, "no-go", DISK_FULL),
        _ => ended.expect(3, "undecided", DISK_FULL),
    };
}

#[test]
fn a_disk_without_room_for_a_server_is_said() {
    let scene = Scene::short("select 1;", "select 1;", "");
    let Some(_disk) = Disk::mount(scene.temporary(), "8m") else {
        return;
    };
    scene
        .run()
        .expect(3, "undecided", "No space left on device");
}

#[test]
fn a_directory_that_is_not_there_is_reported() {
    let scene = Scene::short(
        "select 1;",
        "select 1;",
        "target: { throwaway: { directory: /nowhere/at/all } }",
    );
    scene.run().expect(3, "undecided", "/nowhere/at/all");
}

#[test]
fn reports_that_can_not_be_written_are_never_a_go() {
    let scene = Scene::short("create table t (id int);", "alter table t add n int;", "");
    scene.project.file("file", "");
    let ended = scene.start_with(&["--out", "file/reports"]).end();
    assert_eq!(ended.run.code, Some(3), "{}", ended.run.stderr);
    assert!(
        ended.run.stderr.contains("file/reports"),
        "{}",
        ended.run.stderr
    );
    ended.nothing_is_left();

    let Some(disk) = Disk::mount(&scene.project.path().join("full"), "64k") else {
        return;
    };
    disk.fill();
    let ended = scene.start_with(&["--out", "full"]).end();
    assert_eq!(ended.run.code, Some(3), "{}", ended.run.stderr);
    assert!(
        ended.run.stderr.contains("cannot write `full/junit.xml`")
            && ended.run.stderr.contains("No space left on device"),
        "{}",
        ended.run.stderr
    );
    ended.nothing_is_left();
}
