//! `kill -9` at every call that a run sends to a provider: what is left is swept, and nothing stays.
//!
//! A call is held before anything of it is done, or when it is done and not answered; the gate is
//! killed there, with its guard or alone; then the call goes on, as one does that was on its way.

mod harness;

use std::time::Duration;

use harness::fault::Scene;
use harness::gate::Project;
use harness::hold::{Hold, When};
use harness::killed::{
    Came, Killed, Service, Sweep, Who, at_every_call, is_gone_from_here, kill_at, kill_now,
};
use harness::provider::{Door, KEY, Kind, Provider};
use nix::sys::signal::Signal;

const GOOD: &str = "set lock_timeout = '2s'; alter table orders add column paid_at timestamptz;";

fn shop(door: &Door, migration: &str) -> Scene {
    let project = Project::new();
    project.file("migrations/1.sql", migration);
    project.policy(&format!(
        "version: 1\nname: shop\nmigrations: {{ files: migrations/*.sql }}\n\
         rules: {{ schema-drift: off, fresh-install-broken: off }}\n{}\n",
        door.source("")
    ));
    Scene::of(project).env("KEY", KEY)
}

impl Service for Provider {
    fn killed(&self, hold: &Hold, who: Who) -> (Scene, Option<Killed>) {
        let scene = shop(&self.door(hold), GOOD);
        match kill_at(&scene, hold, who) {
            Came::Killed(killed) => (scene, Some(killed)),
            Came::ToItsEnd(ended) => {
                ended.run.expect_besides_lint(0, "go", &[]);
                ended.nothing_is_left();
                (scene, None)
            }
        }
    }

    fn left_of(&self, run: &str) -> Vec<String> {
        self.left_of(run)
    }

    fn changes(&self, call: &str) -> bool {
        !call.starts_with("GET ")
    }
}

#[allow(clippy::print_stdout, reason = "how many they are is worth to be seen")]
fn every_step(kind: Kind, who: Who) {
    let provider = Provider::start(kind);
    let steps = at_every_call(&provider, who);
    println!("{kind:?}, {who:?}: {steps} calls");
    assert!(steps > 7, "{steps} calls are no whole run");
    provider.nothing_is_left();
}

#[test]
fn at_every_call_to_neon_with_the_guard() {
    every_step(Kind::Neon, Who::GateAndGuard);
}

#[test]
fn at_every_call_to_neon_alone() {
    every_step(Kind::Neon, Who::GateAlone);
}

#[test]
fn at_every_call_to_dblab_with_the_guard() {
    every_step(Kind::Dblab, Who::GateAndGuard);
}

#[test]
fn at_every_call_to_dblab_alone() {
    every_step(Kind::Dblab, Who::GateAlone);
}

/// Both providers, beside each other.
fn each(test: impl Fn(&Provider) + Sync) {
    std::thread::scope(|scope| {
        for kind in [Kind::Neon, Kind::Dblab] {
            let test = &test;
            scope.spawn(move || test(&Provider::start(kind)));
        }
    });
}

/// The call that makes a clone.
fn makes(kind: Kind) -> &'static str {
    match kind {
        Kind::Neon => "POST /api/v2/projects/shop/branches",
        Kind::Dblab => "POST /clone",
    }
}

/// A run that was killed while the call that makes the clone was on its way.
fn killed_while_it_is_made(provider: &Provider) -> (Hold, Scene, String) {
    let hold = Hold::of(makes(provider.kind), When::Before);
    let (scene, killed) = provider.killed(&hold, Who::GateAndGuard);
    (hold, scene, killed.expect("it makes a clone").run)
}

/// Cancelled, a run gives up its call, which goes on.
#[test]
fn what_is_made_after_a_run_was_cancelled_goes_with_it() {
    each(|provider| {
        let hold = Hold::of(makes(provider.kind), When::Before);
        let scene = shop(&provider.door(&hold), GOOD);
        let mut gate = scene.start();
        gate.until("the clone is asked for", |_| hold.held());
        let late = hold.clone();
        let letting_go = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            late.let_go();
        });
        gate.tell(Signal::SIGTERM)
            .expect_interrupted(Signal::SIGTERM);
        letting_go.join().expect("it is made");
        provider.nothing_is_left();
    });
}

#[test]
fn what_is_made_after_the_first_look_is_swept_as_well() {
    each(|provider| {
        let (hold, scene, run) = killed_while_it_is_made(provider);
        let swept = Sweep::everything_of(&scene, &run).run_and(|| hold.let_go());
        let name = run.replace('_', "-");
        swept.expect(1, &[&format!("`pgrehearse-shop-{name}`"), "deleted"]);
        provider.nothing_is_left();
    });
}

#[test]
fn what_is_made_after_a_sweep_is_found_by_the_next() {
    each(|provider| {
        let (hold, scene, run) = killed_while_it_is_made(provider);
        // There is the run's directory.
        Sweep::everything_of(&scene, &run)
            .run()
            .expect(1, &["deleted directory"]);
        let again = Sweep::everything_of(&scene, &run).run();
        again.expect(0, &["no run has left anything"]);
        hold.let_go();
        assert_eq!(provider.left_of(&run).len(), 1);
        let name = run.replace('_', "-");
        let swept = Sweep::everything_of(&scene, &run).run();
        swept.expect(1, &["deleted", &format!("`pgrehearse-shop-{name}`")]);
        provider.nothing_is_left();
    });
}

#[test]
fn at_every_stage_after_the_clone() {
    each(|provider| {
        let mut stages = Vec::new();
        for (stage, target) in [
            ("restore", ""),
            ("restore", "target: { throwaway: {} }"),
            ("migrate", "target: { throwaway: {} }"),
            ("migrate", ""),
            ("verify", ""),
        ] {
            let door = provider.door(&Hold::none());
            let scene = shop(&door, GOOD);
            let policy = scene.project.path().join("pgrehearse.yml");
            let text = std::fs::read_to_string(&policy).expect("a policy");
            scene.project.policy(&format!("{text}{target}\n"));
            let mut gate = scene.start();
            gate.until_says(&format!("{stage}: started"));
            let (run, _) = kill_now(gate, Who::GateAndGuard);
            stages.push((scene, run));
        }
        std::thread::scope(|scope| {
            for (scene, run) in &stages {
                scope.spawn(|| {
                    Sweep::everything_of(scene, run).run().has_asked_everybody();
                    is_gone_from_here(run, scene);
                });
            }
        });
        provider.nothing_is_left();
    });
}
