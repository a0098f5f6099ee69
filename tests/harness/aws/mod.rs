//! An AWS that keeps what it is told: moto's server, and between it and us a proxy that writes down every
//! call and fails as it is asked to.
//!
//! What is there is asked of moto itself, by plain requests: nothing of ours is between.

mod proxy;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use pgrehearse::cloud::aws::{Access, Keys, Pace};
use regex::Regex;

use super::hold::Hold;
use proxy::{Moto, Resets, State, Trap, lock, serve};

pub use proxy::{Call, Fault};

const SCRIPT: &str = "scripts/install-aws-tools.sh";

pub const ACCOUNT: &str = "123456789012";

pub const REGION: &str = "eu-central-1";

pub const PRODUCTION: &str = "orcha-prod";

/// What production's master logs in with. It must never be asked for, nor left on a clone.
pub const PASSWORD: &str = "production-secret";

/// Fast enough for a test.
pub const PACE: Pace = Pace {
    poll: Duration::from_millis(20),
    answer: Duration::from_secs(4),
    again: Duration::from_millis(10),
    attempts: 3,
};

pub struct Aws {
    process: Child,
    moto: Arc<Moto>,
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl Drop for Aws {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn moto() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a file");
    let target = test
        .ancestors()
        .nth(3)
        .expect("tests are in `<target>/<profile>/deps`");
    target.join("aws-tools/python/bin/moto_server")
}

impl Aws {
    /// `None`, and a line that says so, where moto is not installed.
    #[allow(clippy::print_stdout, reason = "a test that is skipped says so")]
    pub async fn start() -> Option<Self> {
        let program = moto();
        if !program.is_file() {
            println!(
                "not tested: `{}` is missing: run {SCRIPT}",
                program.display()
            );
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("moto starts");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let moto_url = format!("http://127.0.0.1:{port}");
        let state = Arc::<Mutex<State>>::default();
        let moto = Arc::new(Moto::new(&moto_url, &client));
        let address = serve(&moto, &state, None).await;
        let aws = Self {
            process,
            moto,
            url: format!("http://{address}"),
            state,
        };
        for _ in 0..300 {
            let answer = aws.moto.client.get(format!("{}/moto-api/", aws.moto.url));
            if answer.send().await.is_ok() {
                // Each service is loaded when it is asked first, which takes its time.
                aws.rds("DescribeDBInstances", &[]).await;
                aws.ask("sts", "2011-06-15", "GetCallerIdentity", &[]).await;
                return Some(aws);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("moto does not answer");
    }

    /// With an instance that is production, labelled, protected, and with its automatic snapshot.
    pub async fn with_instance() -> Option<Self> {
        let aws = Self::start().await?;
        aws.make_instance().await;
        Some(aws)
    }

    pub async fn make_instance(&self) {
        self.make_instance_of("17.4").await;
    }

    /// One of that version.
    pub async fn make_instance_of(&self, version: &str) {
        self.make_instance_with(version, "true").await;
    }

    /// One of that version, protected from deletion or not.
    pub async fn make_instance_with(&self, version: &str, protection: &str) {
        self.rds(
            "CreateDBInstance",
            &[
                ("DBInstanceIdentifier", PRODUCTION),
                ("DBInstanceClass", "db.r6g.large"),
                ("Engine", "postgres"),
                ("EngineVersion", version),
                ("AllocatedStorage", "100"),
                ("StorageType", "gp3"),
                ("DBName", "orcha"),
                ("MasterUsername", "master"),
                ("MasterUserPassword", PASSWORD),
                ("DeletionProtection", protection),
                ("CopyTagsToSnapshot", "true"),
                ("Tags.Tag.1.Key", "environment"),
                ("Tags.Tag.1.Value", "production"),
            ],
        )
        .await;
    }

    /// With a cluster that is production, and its writer.
    pub async fn with_cluster() -> Option<Self> {
        let aws = Self::start().await?;
        aws.make_cluster().await;
        Some(aws)
    }

    pub async fn make_cluster(&self) {
        self.make_cluster_of("16.6").await;
    }

    /// One of that version.
    pub async fn make_cluster_of(&self, version: &str) {
        self.rds(
            "CreateDBCluster",
            &[
                ("DBClusterIdentifier", PRODUCTION),
                ("Engine", "aurora-postgresql"),
                ("EngineVersion", version),
                ("DatabaseName", "orcha"),
                ("MasterUsername", "master"),
                ("MasterUserPassword", PASSWORD),
                ("Tags.Tag.1.Key", "environment"),
                ("Tags.Tag.1.Value", "production"),
            ],
        )
        .await;
        self.rds(
            "CreateDBInstance",
            &[
                ("DBInstanceIdentifier", "orcha-prod-writer"),
                ("DBClusterIdentifier", PRODUCTION),
                ("DBInstanceClass", "db.r6g.large"),
                ("Engine", "aurora-postgresql"),
            ],
        )
        .await;
    }

    /// The way in that a run has, by the proxy.
    pub fn access(&self) -> Access {
        Access {
            rds_url: Some(self.url.clone()),
            sts_url: Some(self.url.clone()),
            keys: Some(test_keys()),
            ..Access::new(ACCOUNT, REGION)
        }
    }

    /// A way in of its own, at which one call is held and a new password is seen to take effect. Its URL.
    pub async fn door(&self, hold: &Hold) -> String {
        let state = State {
            resets: Resets::Seen,
            ..State::default()
        };
        let state = Arc::new(Mutex::new(state));
        let hold = Some(hold.clone());
        let address = serve(&self.moto, &state, hold).await;
        format!("http://{address}")
    }

    /// Lets a new password be seen to take effect.
    pub fn show_resets(&self) {
        self.state().resets = Resets::Seen;
    }

    /// What of a run is there, from moto's side.
    pub async fn left_of(&self, run: &str) -> Vec<String> {
        let part = run.replace('_', "-");
        let mut left = self.everything().await;
        left.retain(|one| one.contains(&part));
        left
    }

    /// Lets the next calls of an action meet a fault; what was set first comes first.
    pub fn trap(&self, action: &'static str, times: usize, fault: Fault) {
        self.state().traps.push(Trap {
            action,
            left: times,
            fault: Arc::new(fault),
        });
    }

    pub fn no_more_traps(&self) {
        self.state().traps.clear();
    }

    /// Every call so far, and no call again.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.state().calls)
    }

    /// The actions of every call so far.
    pub fn actions(&self) -> Vec<String> {
        let state = self.state();
        state.calls.iter().map(|call| call.action.clone()).collect()
    }

    /// The last call of that action.
    pub fn call(&self, action: &str) -> Call {
        let state = self.state();
        let found = state.calls.iter().rfind(|call| call.action == action);
        found.cloned().unwrap_or_else(|| {
            panic!("`{action}` was not called");
        })
    }

    /// Asks moto itself.
    pub async fn rds(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.ask("rds", "2014-10-31", action, parameters).await
    }

    pub async fn iam(&self, action: &str, parameters: &[(&str, &str)]) -> String {
        self.ask("iam", "2010-05-08", action, parameters).await
    }

    async fn ask(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> String {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", action)
            .append_pair("Version", version)
            .extend_pairs(parameters);
        let region = if service == "iam" {
            "us-east-1"
        } else {
            REGION
        };
        let answer = self
            .moto
            .client
            .post(format!("{}/", self.moto.url))
            .header("content-type", "application/x-www-form-urlencoded")
            .header(
                "authorization",
                format!(
                    "AWS4-HMAC-SHA256 Credential=test/20261121/{region}/{service}/aws4_request, SignedHeaders=host, Signature=0"
                ),
            )
            .body(form.finish())
            .send()
            .await
            .expect("moto answers");
        let status = answer.status();
        let text = answer.text().await.expect("text");
        assert!(status.is_success(), "{action}: {status} {text}");
        text
    }

    /// Lets moto check signatures and policies, or not.
    pub async fn check_permissions(&self, checked: Checked) {
        let count = match checked {
            Checked::Every => "0",
            Checked::None => "inf",
        };
        self.moto
            .client
            .post(format!("{}/moto-api/reset-auth", self.moto.url))
            .body(count)
            .send()
            .await
            .expect("moto answers");
    }

    /// Identifiers of everything that is there, from moto's side: `DBInstance orcha-prod`.
    pub async fn everything(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (action, kind) in [
            ("DescribeDBInstances", "DBInstance"),
            ("DescribeDBClusters", "DBCluster"),
            ("DescribeDBSnapshots", "DBSnapshot"),
        ] {
            let id = format!("<{kind}Identifier>([^<]*)</");
            let start = format!("<{kind}>");
            let mut marker = String::new();
            loop {
                let from = [("Marker", marker.as_str())];
                let text = self
                    .rds(action, &from[usize::from(marker.is_empty())..])
                    .await;
                for block in text.split(&start).skip(1) {
                    found.extend(values(block, &id).into_iter().take(1).map(|id| {
                        // Its name has the hour.
                        let id = if id.starts_with("rds:orcha-prod") {
                            "automatic"
                        } else {
                            &id
                        };
                        format!("{kind} {id}")
                    }));
                }
                match values(&text, "<Marker>([^<]+)</").pop() {
                    Some(next) => marker = next,
                    None => break,
                }
            }
        }
        found.sort();
        found
    }

    /// The tags that a thing wears, from moto's side.
    pub async fn tags(&self, kind: &str, id: &str) -> BTreeMap<String, String> {
        let arn = format!("arn:aws:rds:{REGION}:{ACCOUNT}:{kind}:{id}");
        let text = self
            .rds("ListTagsForResource", &[("ResourceName", &arn)])
            .await;
        let keys = values(&text, "<Key>([^<]*)</");
        let values = values(&text, "<Value>([^<]*)</");
        keys.into_iter().zip(values).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

/// moto takes any, until it checks permissions.
pub fn test_keys() -> Keys {
    Keys {
        id: "test".to_owned(),
        secret: "test".to_owned(),
        token: None,
        expires: None,
    }
}

#[derive(Clone, Copy)]
pub enum Checked {
    Every,
    None,
}

pub fn values(text: &str, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    (pattern.captures_iter(text))
        .map(|found| found[1].to_owned())
        .collect()
}
