//! `kill -9` at every call that a run sends to AWS: what is left is swept, and nothing stays.

use pgrehearse::postgres::binaries;

use crate::harness::aws::{ACCOUNT, Aws, REGION};
use crate::harness::fault::Scene;
use crate::harness::gate::Project;
use crate::harness::hold::{Hold, When};
use crate::harness::killed::{Came, Killed, Service, Sweep, Who, at_every_call, kill_at};

/// Nothing answers at a clone's address here, so a run ends where it would connect to it.
const UNREACHED: &str = "connect: { command: 'exit 1; : {host} {port} {local_port}' }";

pub const SNAPSHOT: &str = "rds_snapshot:\n    instance: orcha-prod\n    fresh: true";

const CLUSTER: &str = "aurora_clone:\n    cluster: orcha-prod";

pub fn orcha(url: &str, source: &str) -> Scene {
    let project = Project::new();
    project.file("migrations/1.sql", "select 1;");
    project.policy(&format!(
        "version: 1\nname: orcha\nsource:\n  {source}\n    account: \"{ACCOUNT}\"\n    region: {REGION}\n    \
         {UNREACHED}\nmigrations: {{ files: migrations/*.sql }}\n\
         rules: {{ schema-drift: off, fresh-install-broken: off }}\n"
    ));
    Scene::of(project)
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
}

struct World {
    aws: Aws,
    runtime: tokio::runtime::Runtime,
    source: &'static str,
}

impl World {
    fn new(source: &'static str) -> Option<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let newest = binaries::newest(None).expect("a PostgreSQL server is installed");
        let aws = runtime.block_on(async {
            let aws = Aws::start().await?;
            if source == CLUSTER {
                aws.make_cluster_of(&format!("{}.6", newest.major)).await;
            } else {
                aws.make_instance_of(&format!("{}.4", newest.major)).await;
            }
            Some(aws)
        })?;
        Some(Self {
            aws,
            runtime,
            source,
        })
    }

    fn everything(&self) -> Vec<String> {
        self.runtime.block_on(self.aws.everything())
    }
}

impl Service for World {
    fn killed(&self, hold: &Hold, who: Who) -> (Scene, Option<Killed>) {
        let door = self.runtime.block_on(self.aws.door(hold));
        let scene = orcha(&door, self.source).side_by_side();
        match kill_at(&scene, hold, who) {
            Came::Killed(killed) => (scene, Some(killed)),
            Came::ToItsEnd(ended) => {
                ended.expect(3, "undecided", "the tunnel");
                (scene, None)
            }
        }
    }

    fn left_of(&self, run: &str) -> Vec<String> {
        self.runtime.block_on(self.aws.left_of(run))
    }

    fn changes(&self, call: &str) -> bool {
        !call.starts_with("Describe") && !call.starts_with("Get")
    }
}

#[allow(clippy::print_stdout, reason = "how many they are is worth to be seen")]
fn every_step(source: &'static str, who: Who) {
    let Some(world) = World::new(source) else {
        return;
    };
    let before = world.everything();
    let steps = at_every_call(&world, who);
    println!("{source}, {who:?}: {steps} calls");
    assert!(steps > 15, "{steps} calls are no whole run");
    assert_eq!(world.everything(), before);
}

#[test]
fn at_every_call_for_a_snapshot_with_the_guard() {
    every_step(SNAPSHOT, Who::GateAndGuard);
}

#[test]
fn at_every_call_for_a_snapshot_alone() {
    every_step(SNAPSHOT, Who::GateAlone);
}

#[test]
fn at_every_call_for_a_cluster_with_the_guard() {
    every_step(CLUSTER, Who::GateAndGuard);
}

#[test]
fn at_every_call_for_a_cluster_alone() {
    every_step(CLUSTER, Who::GateAlone);
}

#[test]
fn what_is_made_late_is_swept() {
    for (source, calls) in [
        (
            SNAPSHOT,
            ["CreateDBSnapshot", "RestoreDBInstanceFromDBSnapshot"],
        ),
        (
            CLUSTER,
            ["RestoreDBClusterToPointInTime", "CreateDBInstance"],
        ),
    ] {
        let Some(world) = World::new(source) else {
            return;
        };
        let before = world.everything();
        for call in calls {
            // After the sweep's first look, and after all of it.
            for looks in [1, 2] {
                let hold = Hold::of(call, When::Before);
                let (scene, killed) = world.killed(&hold, Who::GateAndGuard);
                let run = killed.expect("it makes a clone").run;
                if looks == 1 {
                    let sweep = Sweep::everything_of(&scene, &run);
                    sweep.run_and(|| hold.let_go()).expect(1, &["deleted DB "]);
                } else {
                    Sweep::everything_of(&scene, &run)
                        .run()
                        .has_asked_everybody();
                    hold.let_go();
                    let swept = Sweep::everything_of(&scene, &run).run();
                    swept.has_asked_everybody();
                }
                assert_eq!(world.everything(), before, "{call}, {looks}");
            }
        }
    }
}
