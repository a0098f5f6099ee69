//! An AWS that keeps what it is told: moto's server, and between it and us a proxy that writes down every
//! call and fails as it is asked to.
//!
//! What is there is asked of moto itself, by plain requests: nothing of ours is between.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use pgrehearse::cloud::aws::{Access, Keys, Pace};
use regex::Regex;

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

/// What a call comes to instead of its answer.
pub enum Fault {
    /// An error, and nothing is done.
    Error {
        status: u16,
        code: &'static str,
        message: &'static str,
    },
    /// None: it is answered as it is.
    Pass,
    /// A status alone, and nothing is done.
    Status(u16),
    /// It is done, and the answer says that the service is not available.
    LostAfterwards,
    /// Nothing is answered, for as long as anybody waits.
    Hang,
    /// It is done, and the answer is changed: what this matches becomes that.
    Rewrite(&'static str, String),
}

struct Trap {
    action: &'static str,
    left: usize,
    fault: Arc<Fault>,
}

/// A call as it came.
#[derive(Clone, Debug)]
pub struct Call {
    pub action: String,
    pub parameters: BTreeMap<String, String>,
}

impl Call {
    pub fn get(&self, parameter: &str) -> Option<&str> {
        self.parameters.get(parameter).map(String::as_str)
    }

    /// Tags that it gives.
    pub fn tags(&self) -> BTreeMap<String, String> {
        (1..)
            .map_while(|number| {
                let key = self.get(&format!("Tags.Tag.{number}.Key"))?;
                let value = self.get(&format!("Tags.Tag.{number}.Value"))?;
                Some((key.to_owned(), value.to_owned()))
            })
            .collect()
    }
}

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    traps: Vec<Trap>,
}

pub struct Aws {
    moto: Child,
    moto_url: String,
    pub url: String,
    client: reqwest::Client,
    state: Arc<Mutex<State>>,
}

impl Drop for Aws {
    fn drop(&mut self) {
        let _ = self.moto.kill();
        let _ = self.moto.wait();
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
    pub async fn start() -> Option<Self> {
        let program = moto();
        if !Path::new(&program).is_file() {
            eprintln!(
                "not tested: `{}` is missing: run {SCRIPT}",
                program.display()
            );
            return None;
        }
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let moto = Command::new(program)
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
        let address = serve(&moto_url, &client, &state).await;
        let aws = Self {
            moto,
            url: format!("http://{address}"),
            moto_url,
            client,
            state,
        };
        for _ in 0..300 {
            let answer = aws.client.get(format!("{}/moto-api/", aws.moto_url));
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
        self.rds(
            "CreateDBInstance",
            &[
                ("DBInstanceIdentifier", PRODUCTION),
                ("DBInstanceClass", "db.r6g.large"),
                ("Engine", "postgres"),
                ("EngineVersion", "17.4"),
                ("AllocatedStorage", "100"),
                ("StorageType", "gp3"),
                ("DBName", "orcha"),
                ("MasterUsername", "master"),
                ("MasterUserPassword", PASSWORD),
                ("DeletionProtection", "true"),
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
        self.rds(
            "CreateDBCluster",
            &[
                ("DBClusterIdentifier", PRODUCTION),
                ("Engine", "aurora-postgresql"),
                ("EngineVersion", "16.6"),
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
            keys: Some(Keys {
                id: "test".to_owned(),
                secret: "test".to_owned(),
                token: None,
                expires: None,
            }),
            ..Access::new(ACCOUNT, REGION)
        }
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
            .client
            .post(format!("{}/", self.moto_url))
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
        self.client
            .post(format!("{}/moto-api/reset-auth", self.moto_url))
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
            let text = self.rds(action, &[("MaxRecords", "100")]).await;
            let id = format!("<{kind}Identifier>([^<]*)</");
            let start = format!("<{kind}>");
            for block in text.split(&start).skip(1) {
                found.extend(values(block, &id).into_iter().take(1).map(|id| {
                    // Its name has the hour.
                    let id = if id.starts_with("rds:") {
                        "automatic"
                    } else {
                        &id
                    };
                    format!("{kind} {id}")
                }));
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

#[derive(Clone, Copy)]
pub enum Checked {
    Every,
    None,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn values(text: &str, pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).expect("a pattern");
    (pattern.captures_iter(text))
        .map(|found| found[1].to_owned())
        .collect()
}

async fn serve(moto: &str, client: &reqwest::Client, state: &Arc<Mutex<State>>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (moto, client, state) = (moto.to_owned(), client.clone(), state.clone());
    let answer = move |uri: Uri, headers: HeaderMap, body: Bytes| {
        let (moto, client, state) = (moto.clone(), client.clone(), state.clone());
        async move {
            let fault = written_down(&state, &body);
            match fault.as_deref() {
                Some(Fault::Hang) => {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                    answer(504, String::new())
                }
                Some(Fault::Status(status)) => answer(*status, String::new()),
                Some(Fault::Error {
                    status,
                    code,
                    message,
                }) => answer(*status, error(code, message)),
                fault => {
                    let (status, text) = forward(&moto, &client, &uri, headers, body).await;
                    match fault {
                        Some(Fault::LostAfterwards) => answer(503, String::new()),
                        Some(Fault::Rewrite(what, with)) => {
                            let what = Regex::new(what).expect("a pattern");
                            answer(status, what.replace_all(&text, with).into_owned())
                        }
                        _ => answer(status, text),
                    }
                }
            }
        }
    };
    tokio::spawn(async move {
        let _ = axum::serve(listener, axum::Router::new().fallback(answer)).await;
    });
    address
}

/// Keeps the call, and finds the fault that it meets.
fn written_down(state: &Mutex<State>, body: &[u8]) -> Option<Arc<Fault>> {
    let parameters: BTreeMap<String, String> =
        url::form_urlencoded::parse(body).into_owned().collect();
    let action = parameters.get("Action").cloned().unwrap_or_default();
    let mut state = lock(state);
    let trap = state
        .traps
        .iter_mut()
        .find(|trap| trap.action == action && trap.left > 0);
    let fault = trap.map(|trap| {
        trap.left -= 1;
        trap.fault.clone()
    });
    state.calls.push(Call { action, parameters });
    fault
}

async fn forward(
    moto: &str,
    client: &reqwest::Client,
    uri: &Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (u16, String) {
    // The host stays, for it is signed.
    let sent = client
        .post(format!("{moto}{uri}"))
        .headers(headers)
        .body(body)
        .send()
        .await;
    match sent {
        Ok(answer) => {
            let status = answer.status().as_u16();
            (status, answer.text().await.unwrap_or_default())
        }
        Err(error) => (502, error.to_string()),
    }
}

fn answer(status: u16, text: String) -> Response<Body> {
    Response::builder()
        .status(StatusCode::from_u16(status).expect("a status"))
        .header("content-type", "text/xml")
        .body(Body::from(text))
        .expect("an answer")
}

/// An error as RDS and STS write it.
fn error(code: &str, message: &str) -> String {
    let mut text = String::new();
    let _ = write!(
        text,
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    );
    text
}
