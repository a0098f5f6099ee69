//! A GitHub that keeps what it is told and fails as it is asked to, on a port of its own.
//!
//! It refuses what GitHub refuses, and its addresses have the `/api/v3` of an Enterprise server, so that
//! no address can be fixed. What GitHub's own description says of each body is held in
//! `tests/contract.rs`.

mod routes;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::gate::Project;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Response, Uri};
use pgrehearse::github::event::Context;
use serde_json::{Value, json};

pub const TOKEN: &str = "ghs_0123456789abcdef";
pub const HEAD: &str = "ec26c3e57ca3a959ca5aad62de7213c562f8c821";
pub const BASE: &str = "f95f852bd8fca8fcc58a9a2d6c842781e32a215e";
pub const MERGE: &str = "a10867b14bb761a232cd80139fbd4c0d33264240";

/// A job's own token.
pub const ACTIONS: &str = "github-actions[bot]";

/// What a request comes to instead of its answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An answer, and nothing is done.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        message: &'static str,
    },
    /// It is done, and the connection ends without an answer.
    LostAfterwards,
    /// It is done, and the answer says it was not.
    DoneAnd(u16),
    /// Nothing is answered, for as long as anybody waits.
    Hang,
}

impl Fault {
    pub fn status(status: u16, message: &'static str) -> Self {
        Self::Answer {
            status,
            headers: Vec::new(),
            message,
        }
    }

    pub fn limit(status: u16, headers: &[(&'static str, &str)]) -> Self {
        Self::Answer {
            status,
            headers: (headers.iter())
                .map(|(name, value)| (*name, (*value).to_owned()))
                .collect(),
            message: "API rate limit exceeded",
        }
    }
}

/// Which requests meet a fault, and how often.
struct Trap {
    method: Method,
    part: &'static str,
    left: usize,
    fault: Fault,
}

#[derive(Default)]
pub struct State {
    pub comments: Vec<Value>,
    pub checks: Vec<Value>,
    pub statuses: Vec<Value>,
    /// Every request, as `POST /repos/…`.
    pub requests: Vec<String>,
    traps: VecDeque<Trap>,
    /// Whose token it is.
    pub login: String,
    /// What `GET /user` is answered: a job's token may not ask.
    pub tells_user: Option<String>,
    /// What GraphQL calls the viewer.
    pub viewer: Option<String>,
    last_id: u64,
}

/// A GitHub with one repository, `octo/shop`, and one pull request, 34.
pub struct GitHub {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    directory: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl GitHub {
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let state = Arc::new(Mutex::new(State {
            login: ACTIONS.to_owned(),
            viewer: Some("github-actions[bot]".to_owned()),
            ..State::default()
        }));
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .expect("a free port");
        let address = listener.local_addr().expect("bound");
        let served = state.clone();
        runtime.spawn(async move {
            let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
                let state = served.clone();
                async move { answer(&state, &method, &uri, &headers, &body).await }
            };
            axum::serve(listener, axum::Router::new().fallback(answer))
                .await
                .expect("it serves");
        });
        Self {
            address,
            state,
            directory: tempfile::tempdir().expect("a directory"),
            _runtime: runtime,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    /// The next so many requests of this kind meet this.
    pub fn fail(&self, method: Method, part: &'static str, times: usize, fault: Fault) -> &Self {
        self.state().traps.push_back(Trap {
            method,
            part,
            left: times,
            fault,
        });
        self
    }

    /// Puts a comment there.
    pub fn comment(&self, login: &str, kind: &str, body: &str) -> u64 {
        let mut state = self.state();
        let id = state.next_id();
        state
            .comments
            .push(json!({ "id": id, "user": { "login": login, "type": kind }, "body": body }));
        id
    }

    pub fn bodies(&self) -> Vec<String> {
        let state = self.state();
        let body = |comment: &Value| comment["body"].as_str().expect("a text").to_owned();
        state.comments.iter().map(body).collect()
    }

    /// How many requests begin with this.
    pub fn asked(&self, what: &str) -> usize {
        let state = self.state();
        let asked = state.requests.iter();
        asked.filter(|request| request.starts_with(what)).count()
    }

    /// The event of the pull request.
    pub fn event() -> Value {
        let repository = json!({ "id": 7, "full_name": "octo/shop" });
        json!({
            "action": "synchronize",
            "number": 34,
            "pull_request": {
                "number": 34,
                "head": { "ref": "faster", "sha": HEAD, "repo": repository },
                "base": { "ref": "main", "sha": BASE, "repo": repository },
            },
            "repository": repository,
        })
    }

    /// The same for a project of which the base has the policy and no migration.
    pub fn event_of(project: &Project) -> Value {
        project.commit(&["pgrehearse.yml"]);
        let mut event = Self::event();
        event["pull_request"]["base"]["sha"] = project.head().into();
        event
    }

    /// What a runner sets for a run of this number.
    pub fn variables(&self, run: u64, event: &Value) -> Vec<(&'static str, String)> {
        let file = self.directory.path().join("event.json");
        std::fs::write(&file, event.to_string()).expect("a file is written");
        let address = self.address;
        vec![
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_EVENT_NAME", "pull_request".to_owned()),
            ("GITHUB_EVENT_PATH", file.display().to_string()),
            ("GITHUB_REPOSITORY", "octo/shop".to_owned()),
            ("GITHUB_SHA", MERGE.to_owned()),
            ("GITHUB_RUN_ID", run.to_string()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_WORKFLOW", "database".to_owned()),
            ("GITHUB_ACTOR", "octocat".to_owned()),
            ("GITHUB_SERVER_URL", format!("http://{address}")),
            ("GITHUB_API_URL", format!("http://{address}/api/v3")),
            (
                "GITHUB_GRAPHQL_URL",
                format!("http://{address}/api/graphql"),
            ),
        ]
    }

    /// The job of a run of this number.
    pub fn context(&self, run: u64) -> Context {
        let event = Self::event();
        let variables = self.variables(run, &event);
        let lookup = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.clone())
        };
        Context::read(lookup, &event.to_string()).expect("a job")
    }
}

impl State {
    /// The open pull requests of a branch of a fork's.
    pub fn pull_requests(uri: &Uri) -> Vec<Value> {
        let query = uri.query().unwrap_or_default();
        if query.contains("head=stranger%3Afaster") {
            return vec![
                json!({ "number": 33, "head": { "sha": MERGE } }),
                json!({ "number": 34, "head": { "sha": HEAD } }),
            ];
        }
        Vec::new()
    }

    pub fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn fault(&mut self, request: &str, method: &Method) -> Option<Fault> {
        let trap = self
            .traps
            .iter_mut()
            .find(|trap| trap.left > 0 && trap.method == *method && request.contains(trap.part))?;
        trap.left -= 1;
        Some(trap.fault.clone())
    }
}

type Answered = Response<axum::body::Body>;

async fn answer(
    state: &Mutex<State>,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Answered {
    let request = format!("{method} {uri}");
    let fault = {
        let mut state = state.lock().expect("not poisoned");
        let told = request.replacen("/api/v3", "", 1);
        state.requests.push(told);
        state.fault(&request, method)
    };
    match fault {
        Some(Fault::Answer {
            status,
            headers,
            message,
        }) => {
            let mut response = routes::refusal(status, message);
            for (name, value) in headers {
                let value = value.parse().expect("a header");
                response.headers_mut().insert(name, value);
            }
            return response;
        }
        Some(Fault::Hang) => tokio::time::sleep(Duration::from_secs(600)).await,
        _ => {}
    }
    let authorization = headers.get("authorization");
    if authorization.and_then(|value| value.to_str().ok()) != Some(&format!("Bearer {TOKEN}")) {
        return routes::refusal(401, "Bad credentials");
    }
    let response = {
        let mut state = state.lock().expect("not poisoned");
        routes::route(&mut state, method, uri, body)
    };
    match fault {
        // Ends the connection, without the words of a panic.
        Some(Fault::LostAfterwards) => std::panic::resume_unwind(Box::new(())),
        Some(Fault::DoneAnd(status)) => routes::refusal(status, "Server Error"),
        _ => response,
    }
}
