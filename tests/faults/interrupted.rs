//! SIGINT and SIGTERM, in every stage.

use std::net::TcpListener;

use nix::sys::signal::Signal;

use crate::harness::fault::{ONE_SERVER, Scene};
use crate::harness::gate::Project;
use crate::{HANGING, HANGS};

const SIGNALS: [Signal; 2] = [Signal::SIGINT, Signal::SIGTERM];

/// Ignores every polite signal, has a child in the background, and one that left the group.
pub const STUBBORN: &str = "\
    trap '' TERM INT HUP\n\
    sleep 600 &\n\
    setsid sh -c 'trap \"\" TERM INT HUP; touch away; while :; do sleep 1; done' &\n\
    while :; do sleep 1; done\n";

#[test]
fn during_preflight() {
    for signal in SIGNALS {
        let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = silent.local_addr().expect("bound").port();
        let scene = Scene::of(Project::new());
        scene.project.file("migrations/1.sql", "select 1;").policy(&format!(
            "version: 1\nsource: {{ database: {{ url: 'postgres://reader@127.0.0.1:{port}/shop' }} }}\nmigrations: {{ files: migrations/*.sql }}\n"
        ));
        let mut gate = scene.start();
        gate.until_says("preflight: started");
        let _accepted = silent.accept().expect("the gate connects");
        gate.tell(signal).expect_interrupted(signal);
    }
}

#[test]
fn during_clone() {
    for signal in SIGNALS {
        let scene = Scene::of(Project::new());
        scene
            .project
            .file("migrations/1.sql", "select 1;")
            .file("stubborn.sh", STUBBORN)
            .policy(&format!(
                "version: 1\nsource: {{ command: sh stubborn.sh }}\n{ONE_SERVER}\nmigrations: {{ files: migrations/*.sql }}\n"
            ));
        let mut gate = scene.start();
        gate.until_written(&scene.project.path().join("away"));
        let ended = gate.tell(signal);
        ended.expect_interrupted(signal);
        assert_eq!(ended.run.outcome("clone"), "errored");
    }
}

#[test]
fn during_restore() {
    for signal in SIGNALS {
        let scene = Scene::short(HANGS, "select 1;", "");
        let mut gate = scene.start();
        gate.until_server_runs(HANGING);
        let ended = gate.tell(signal);
        ended.expect_interrupted(signal);
        assert_eq!(ended.run.outcome("restore"), "errored");
    }
}

#[test]
fn during_the_start_of_a_server() {
    for signal in SIGNALS {
        let scene = Scene::short("select 1;", "select 1;", "");
        let mut gate = scene.start();
        gate.until_server_runs("initdb");
        gate.tell(signal).expect_interrupted(signal);
    }
}

#[test]
fn during_a_migration() {
    for signal in SIGNALS {
        let scene = Scene::short("create table t (id int);", HANGS, "");
        let mut gate = scene.start();
        gate.until_says("migrate: started")
            .until_server_runs(HANGING);
        let ended = gate.tell(signal);
        ended.expect_interrupted(signal);
        assert_eq!(ended.run.outcome("migrate"), "errored");
        assert_eq!(ended.run.outcome("verify"), "not-run");
    }
}

#[test]
fn during_a_command_that_ignores_signals() {
    for signal in SIGNALS {
        let scene = Scene::command("sh stubborn.sh", "");
        scene.project.file("stubborn.sh", STUBBORN);
        let mut gate = scene.start();
        gate.until_written(&scene.project.path().join("away"));
        gate.tell(signal).expect_interrupted(signal);
    }
}

#[test]
fn while_the_baseline_hangs_and_no_stage_runs() {
    for signal in SIGNALS {
        let scene = Scene::sql("select 1;", &[("1.sql", "select 1;")]);
        scene.project.file("init.sql", HANGS);
        scene.project.short_policy("baseline: { init: init.sql }");
        let mut gate = scene.start();
        gate.until_says("restore: ✓ passed")
            .until_server_runs(HANGING);
        gate.tell(signal).expect_interrupted(signal);
    }
}

#[test]
fn during_smoke_ingest() {
    for signal in SIGNALS {
        let scene = Scene::short(
            "create table t (id int);",
            "alter table t add note text;",
            "smoke:\n  when: [after]\n  app:\n    command: python3 app.py {port}\n    ready: { http: /, within: 10m }\n",
        );
        scene.project.file(
            "app.py",
            "import http.server, signal, sys\n\
             signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
             class Unready(http.server.BaseHTTPRequestHandler):\n\
            \x20   def do_GET(self):\n\
            \x20       self.send_error(503)\n\
            \x20       open('asked', 'w').close()\n\
             http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Unready).serve_forever()\n",
        );
        let mut gate = scene.start();
        gate.until_written(&scene.project.path().join("asked"));
        let ended = gate.tell(signal);
        ended.expect_interrupted(signal);
        assert_eq!(ended.run.outcome("smoke-ingest"), "errored");
    }
}

#[test]
fn a_second_signal_does_not_stop_the_cleanup() {
    let scene = Scene::command("sh stubborn.sh", "");
    scene.project.file("stubborn.sh", STUBBORN);
    let mut gate = scene.start();
    gate.until_written(&scene.project.path().join("away"));
    nix::sys::signal::kill(gate.pid(), Signal::SIGINT).expect("it runs");
    gate.until_says("interrupted by SIGINT: clearing up");
    let ended = gate.tell(Signal::SIGTERM);
    ended.expect(130, "undecided", "interrupted by SIGINT");
}
