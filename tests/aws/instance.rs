//! A whole run of the gate on a clone that AWS makes: moto is the API, and a server with AWS's roles and a
//! certificate of the clone's own host name is what the clone's address leads to.
//!
//! The server starts when the master's password has been set anew: before that the tunnel leads nowhere.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pgrehearse::postgres::binaries::{self, Binaries};
use pgrehearse::postgres::{Endpoint, Session};

use crate::harness::Server;
use crate::harness::aws::{ACCOUNT, Aws, Call, REGION, values};
use crate::harness::fault::{Ended, Scene};
use crate::harness::gate::Project;
use crate::harness::told::Told;
use crate::plan::{compare, plan};
use crate::tunnels::forwarder;

/// Who is who at AWS: the master is no superuser.
const ROLES: &str = "create role rdsadmin superuser login;
    create role rds_superuser createdb createrole in role pg_monitor;
    create role master login createdb createrole in role rds_superuser;
    alter database orcha owner to master;";

/// A production that has nothing of AWS's in it.
pub const RECIPES: &str = "set role master;
    create table recipes (id int primary key, name text not null);
    insert into recipes select i, 'a recipe' from generate_series(1, 1000) i;";

/// A migration that nothing is wrong with.
pub const GOOD: &str = "set lock_timeout = '2s'; alter table recipes add column rating int;";

/// What is production.
#[derive(Clone, Copy)]
pub enum Kind {
    /// An RDS instance, whose snapshot is restored.
    Instance,
    /// An Aurora cluster, which is cloned.
    Cluster,
}

impl Kind {
    fn source(self) -> &'static str {
        match self {
            Self::Instance => "rds_snapshot:\n    instance: orcha-prod\n    max_age: 24h",
            Self::Cluster => "aurora_clone:\n    cluster: orcha-prod",
        }
    }

    /// The call that sets the master's password anew, and what it names the clone by.
    fn rotation(self) -> (&'static str, &'static str) {
        match self {
            Self::Instance => ("ModifyDBInstance", "DBInstanceIdentifier"),
            Self::Cluster => ("ModifyDBCluster", "DBClusterIdentifier"),
        }
    }

    /// The host that AWS gave the clone, from moto's side.
    async fn host(self, aws: &Aws, clone: &str) -> String {
        let (action, parameter, pattern) = match self {
            Self::Instance => (
                "DescribeDBInstances",
                "DBInstanceIdentifier",
                "<Address>([^<]*)</",
            ),
            Self::Cluster => (
                "DescribeDBClusters",
                "DBClusterIdentifier",
                "<Endpoint>([^<]*)</",
            ),
        };
        let text = aws.rds(action, &[(parameter, clone)]).await;
        values(&text, pattern).remove(0)
    }
}

/// One run.
pub struct Rehearsal<'a> {
    pub kind: Kind,
    /// By a superuser, in the clone's database.
    pub production: &'a str,
    /// The same, in the server's database `postgres`.
    pub beside: &'a str,
    pub migration: &'a str,
    /// More of the policy.
    pub policy: &'a str,
    /// The programs of the clone's server; `None`: the newest that are installed.
    pub binaries: Option<Binaries>,
    pub minor: Minor,
}

/// Which minor version AWS says of production; the clone's server says its own.
#[derive(Clone, Copy)]
pub enum Minor {
    AsTheClone,
    Older,
}

/// What was done with a run, to its end or not.
pub struct Rehearsed<T = Ended> {
    pub ended: T,
    pub aws: Aws,
    /// The master's, in the clone.
    pub password: String,
    /// What was there before the run.
    pub before: Vec<String>,
    /// What `plan` had said of the same policy.
    planned: Told,
}

impl Rehearsed {
    /// Holds what was asked of AWS against the plan.
    #[track_caller]
    pub fn went_as_planned(&self) {
        compare(&self.planned, &self.aws.take_calls());
    }

    /// Everything that the run told anybody, with no secret in it, and nothing left at AWS or here.
    pub async fn told(&self) -> String {
        self.ended.nothing_is_left();
        assert_eq!(self.aws.everything().await, self.before);
        let said = self.ended.run.everything();
        for secret in [crate::harness::aws::PASSWORD, &self.password] {
            assert!(!secret.is_empty() && !said.contains(secret), "{said}");
        }
        said
    }
}

impl Rehearsal<'_> {
    pub fn of(kind: Kind) -> Self {
        Self {
            kind,
            production: RECIPES,
            beside: "",
            migration: GOOD,
            policy: "",
            binaries: None,
            minor: Minor::AsTheClone,
        }
    }

    /// Runs the gate to its end; `None` where moto is not installed.
    pub async fn run(&self) -> Option<Rehearsed> {
        self.drive(Scene::run).await
    }

    /// The same, with whatever is done with the gate.
    pub async fn drive<T: Send + 'static>(
        &self,
        drive: impl FnOnce(&Scene) -> T + Send + 'static,
    ) -> Option<Rehearsed<T>> {
        let binaries = self
            .binaries
            .clone()
            .unwrap_or_else(|| binaries::newest(None).expect("a PostgreSQL server is installed"));
        let aws = Aws::start().await?;
        aws.show_resets();
        let version = match self.minor {
            Minor::AsTheClone => binaries.version.clone(),
            Minor::Older => format!("{}.1", binaries.major),
        };
        match self.kind {
            // moto gives a clone production's protection, whatever is asked for; AWS does not.
            Kind::Instance => aws.make_instance_with(&version, "false").await,
            Kind::Cluster => aws.make_cluster_of(&version).await,
        }
        let before = aws.everything().await;
        let project = Project::new();
        let directory = project.path().to_owned();
        make_authority(&directory);
        project.file("migrations/1.sql", self.migration);
        let port = directory.join("port");
        project.policy(&self.policy_text(&port));
        let (_, planned) = plan(&aws, &project, None).await;
        let scene = Scene::of(project)
            .env("AWS_ENDPOINT_URL", &aws.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        let running = tokio::task::spawn_blocking(move || drive(&scene));
        let mut running = std::pin::pin!(running);
        let call = loop {
            tokio::select! {
                ended = &mut running => {
                    let ended = ended.expect("no panic");
                    return Some(Rehearsed { ended, aws, password: String::new(), before, planned });
                }
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
            if let Some(call) = self.rotated(&aws) {
                break call;
            }
        };
        let password = call.get("MasterUserPassword").expect("set anew").to_owned();
        let (_, id) = self.kind.rotation();
        let host = self.kind.host(&aws, call.get(id).expect("an id")).await;
        certify(&directory, &host);
        let server = self.server(&binaries, &directory, &password).await;
        let at = server.throwaway.superuser("orcha").port;
        std::fs::write(&port, at.to_string()).expect("written");
        let ended = running.await.expect("no panic");
        drop(server);
        Some(Rehearsed {
            ended,
            aws,
            password,
            before,
            planned,
        })
    }

    fn policy_text(&self, port: &Path) -> String {
        let tunnel = format!(
            ": {{host}} {{port}}; until [ -s '{0}' ]; do sleep 0.1; done; to=$(cat '{0}'); {1}",
            port.display(),
            forwarder("{local_port}", "$to")
        );
        format!(
            "version: 1\nname: orcha\nsource:\n  {}\n    account: \"{ACCOUNT}\"\n    region: {REGION}\n    \
             ca_file: ca.pem\n    connect:\n      command: |\n        {tunnel}\n\
             migrations: {{ files: migrations/*.sql }}\n\
             rules: {{ schema-drift: off, fresh-install-broken: off }}\n{}\n",
            self.kind.source(),
            self.policy
        )
    }

    /// The call that set the password, once it has come.
    fn rotated(&self, aws: &Aws) -> Option<Call> {
        let (action, _) = self.kind.rotation();
        let called = aws.actions().iter().any(|known| known == action);
        called.then(|| aws.call(action))
    }

    /// The clone's server, as it is once its password is what AWS was asked to make it.
    async fn server(&self, binaries: &Binaries, directory: &Path, password: &str) -> Server {
        let server = Server::start(binaries).await;
        server.make_database("orcha").await;
        let admin = session(&server.throwaway.superuser("postgres")).await;
        let run = async |session: &Session, sql: &str| {
            if let Err(error) = session.batch_execute(sql).await {
                panic!("the test's own SQL failed: {error:?}\n{sql}");
            }
        };
        run(&admin, ROLES).await;
        let row = admin
            .query_one("show data_directory", &[])
            .await
            .expect("a row");
        encrypt(directory, &PathBuf::from(row.get::<_, String>(0)));
        run(&admin, "alter system set ssl = on").await;
        run(&admin, "select pg_reload_conf()").await;
        let set = format!("alter role master password '{password}'");
        run(&admin, &set).await;
        run(&admin, self.beside).await;
        let orcha = session(&server.throwaway.superuser("orcha")).await;
        run(&orcha, self.production).await;
        server
    }
}

async fn session(endpoint: &Endpoint) -> Session {
    Session::open(endpoint, &[])
        .await
        .expect("the server answers")
}

fn openssl(directory: &Path, arguments: &[&str]) {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("openssl starts");
    assert!(done.status.success(), "{done:?}");
}

/// An authority, which the policy names before there is any clone.
fn make_authority(directory: &Path) {
    let all =
        "req -newkey rsa:2048 -nodes -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem";
    openssl(directory, &all.split(' ').collect::<Vec<_>>());
}

/// A certificate for the clone's host.
fn certify(directory: &Path, host: &str) {
    std::fs::write(
        directory.join("names"),
        format!("subjectAltName=DNS:{host}"),
    )
    .expect("written");
    for arguments in [
        "req -newkey rsa:2048 -nodes -subj /CN=instance -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt",
    ] {
        openssl(directory, &arguments.split(' ').collect::<Vec<_>>());
    }
}

/// Gives the certificate to the server whose data is in `data`.
fn encrypt(directory: &Path, data: &Path) {
    let owner = std::fs::metadata(data).expect("a directory");
    for (file, mode) in [("server.crt", 0o644), ("server.key", 0o600)] {
        let to = data.join(file);
        std::fs::copy(directory.join(file), &to).expect("copied");
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(mode)).expect("set");
        std::os::unix::fs::chown(&to, Some(owner.uid()), Some(owner.gid())).expect("given");
    }
}
