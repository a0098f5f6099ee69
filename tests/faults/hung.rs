//! Migrations that do not end within `migrations.max_duration`.

use std::time::Duration;

use crate::HANGS;
use crate::harness::fault::{Ended, ONE_SERVER, Scene};
use crate::interrupted::STUBBORN;

#[track_caller]
fn timed_out(ended: &Ended) {
    timed_out_and(ended, &[]);
}

#[track_caller]
fn timed_out_and(ended: &Ended, more: &[&str]) {
    ended.expect(1, "no-go", "the migration was still running after 2");
    let mut rules = ended.run.rules();
    assert_eq!(rules.remove(0), "migration-timeout");
    assert_eq!(rules, more);
    assert!(ended.took < Duration::from_secs(60), "{:?}", ended.took);
}

fn short(migration: &str, history: &str) -> Scene {
    let scene = Scene::sql(
        "create table t (id int); create table history (version text);",
        &[("1.sql", migration)],
    );
    scene.project.policy(&format!(
        "version: 1\nsource: {{ sql: production.sql }}\n{ONE_SERVER}\nmigrations: {{ files: migrations/*.sql, max_duration: 2s{history} }}\n"
    ));
    scene
}

#[test]
fn a_file_is_ended() {
    timed_out(&short(HANGS, "").run());
}

/// `psql` is ended at once, but its statement would go on and keep its locks for ten minutes more. The
/// two seconds for which it kept them are told.
#[test]
fn the_statement_on_the_server_is_ended_too() {
    let scene = short(
        &format!("lock table history; {HANGS}"),
        ", history: { table: public.history, column: version }",
    );
    timed_out_and(&scene.run(), &["blocking-lock"]);
}

#[test]
fn a_command_is_ended_with_its_children() {
    timed_out(&Scene::command("sleep 600", "  max_duration: 2s").run());
    timed_out(&Scene::command("'sleep 600 & sleep 600'", "  max_duration: 2s").run());
}

#[test]
fn a_command_that_ignores_signals_is_ended() {
    let scene = Scene::command("sh stubborn.sh", "  max_duration: 2s");
    scene.project.file("stubborn.sh", STUBBORN);
    timed_out(&scene.run());
}

/// A child that holds the pipe open must not hold the run up, nor migrate on while it is judged.
#[test]
fn what_a_command_leaves_in_the_background_ends_with_it() {
    let scene = Scene::command("sh migrate.sh", "");
    scene.project.file(
        "migrate.sh",
        "psql -qX -f hang.sql &\nuntil psql -qXAt -f locked.sql | grep -q 1; do sleep 0.1; done\n",
    );
    scene
        .project
        .file("hang.sql", &format!("begin;\nlock table t;\n{HANGS}"))
        .file(
            "locked.sql",
            "select 1 from pg_locks where relation = 't'::regclass and mode = 'AccessExclusiveLock'",
        );
    scene.run().expect(0, "go", "");
}
