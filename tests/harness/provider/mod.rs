//! Providers that make clones: each clone is a real server with production's data, started when it is
//! asked for. What they are asked is held against what their own descriptions say of each request.

mod dblab;
mod neon;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use pgrehearse::postgres::{Endpoint, Session};
use pgrehearse::text::Secret;
use serde_json::{Value, json};

use super::Server;
use super::github::Fault;
use super::hold::{Hold, When};

/// The key of each provider's API.
pub const KEY: &str = "napi_0123456789abcdef";

/// What production's role logs in with. No report and no request may have it.
pub const PASSWORD: &str = "productions-own-password";

/// Production, and so each clone.
pub const PRODUCTION: &str = "create role shop login password 'productions-own-password' createdb;
    alter schema public owner to shop; set role shop;
    create table orders (id int primary key, note text);
    insert into orders select i, 'a note' from generate_series(1, 1000) i;";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Neon,
    Dblab,
}

/// A clone, as its provider knows it.
pub struct Clone {
    pub id: String,
    pub name: String,
    /// What it was asked for with.
    pub asked: Value,
    pub endpoint: Endpoint,
    pub protected: bool,
    /// How often its state is still "not yet".
    pub not_yet: usize,
    server: Option<Server>,
}

/// How a provider lies.
#[derive(Clone, Debug, Default)]
pub enum Lie {
    #[default]
    None,
    /// The clone is at production's address.
    ProductionsAddress,
    /// The clone that it made is production.
    ProductionItself,
}

/// Whether a provider says how large production is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    #[default]
    Told,
    Untold,
}

#[derive(Default)]
pub struct State {
    pub clones: Vec<Clone>,
    /// Every request, as `POST /projects/…`.
    pub requests: Vec<String>,
    /// What was wrong with requests.
    pub problems: Vec<String>,
    /// Names of clones that were deleted.
    pub deleted: Vec<String>,
    pub lie: Lie,
    pub size: Size,
    /// So often a new clone is not ready.
    pub not_yet: usize,
    traps: Vec<(Method, &'static str, usize, Fault)>,
}

/// A provider with production in it.
pub struct Provider {
    pub kind: Kind,
    door: Door,
    state: Arc<Mutex<State>>,
    /// Production's own server.
    pub production: Arc<Server>,
    runtime: tokio::runtime::Runtime,
}

/// A key that a request's description has, and which values.
type Described = (&'static str, fn(&Value) -> bool);

/// What a handler has.
struct Asked<'a> {
    method: Method,
    /// Without its query.
    path: Vec<String>,
    query: BTreeMap<String, String>,
    body: Value,
    state: &'a Mutex<State>,
    production: &'a Server,
    waits: Waits,
}

/// Who waits for the answer to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waits {
    Somebody,
    /// Whoever has sent it was killed.
    Nobody,
}

/// A way to the provider of its own, at which one call is held.
pub struct Door {
    kind: Kind,
    address: SocketAddr,
}

impl Door {
    /// The policy's source, with more keys.
    pub fn source(&self, more: &str) -> String {
        let address = self.address;
        match self.kind {
            Kind::Neon => format!(
                "source: {{ neon: {{ project: shop, api_key: '${{KEY}}', api: 'http://{address}/api/v2'{more} }} }}"
            ),
            Kind::Dblab => format!(
                "source: {{ dblab: {{ url: 'http://{address}', token: '${{KEY}}', database: shop{more} }} }}"
            ),
        }
    }
}

impl Provider {
    pub fn start(kind: Kind) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let state = Arc::new(Mutex::new(State::default()));
        let production = runtime.block_on(async { Arc::new(filled().await.0) });
        let door = open(kind, &runtime, &state, &production, None);
        Self {
            kind,
            door,
            state,
            production,
            runtime,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.door.address
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    /// The next so many requests of this kind meet this.
    pub fn fail(&self, method: Method, part: &'static str, times: usize, fault: Fault) -> &Self {
        self.state().traps.push((method, part, times, fault));
        self
    }

    /// Where Neon's API is.
    pub fn neon_api(&self) -> String {
        format!("http://{}/api/v2", self.address())
    }

    /// The policy's source, with more keys.
    pub fn source(&self, more: &str) -> String {
        self.door.source(more)
    }

    /// Another way in.
    pub fn door(&self, hold: &Hold) -> Door {
        let hold = Some(hold.clone());
        open(
            self.kind,
            &self.runtime,
            &self.state,
            &self.production,
            hold,
        )
    }

    /// What of a run is there.
    pub fn left_of(&self, run: &str) -> Vec<String> {
        let part = run.replace('_', "-");
        let state = self.state();
        let names = state.clones.iter().map(|clone| clone.name.clone());
        names.filter(|name| name.contains(&part)).collect()
    }

    /// A branch that somebody has made.
    pub fn branch(&self, name: &str, expires: &str, labels: &Value) {
        let endpoint = self
            .production
            .throwaway
            .role("shop", &Secret::new(PASSWORD), "shop");
        let mut state = self.state();
        let id = format!("br-other-{:06}", state.clones.len());
        state.clones.push(Clone {
            id,
            name: name.to_owned(),
            asked: json!({ "branch": { "expires_at": expires }, "annotation_value": labels }),
            endpoint,
            protected: false,
            not_yet: 0,
            server: None,
        });
    }

    /// How often it was asked something that begins so.
    pub fn asked(&self, what: &str) -> usize {
        let state = self.state();
        let asked = state.requests.iter();
        asked.filter(|request| request.starts_with(what)).count()
    }

    /// What production's database has in a query's only column.
    pub fn in_production(&self, query: &str) -> String {
        self.runtime.block_on(async {
            let endpoint = self.production.throwaway.superuser("shop");
            let session = Session::open(&endpoint, &[])
                .await
                .expect("production answers");
            let row = session.query_one(query, &[]).await.expect("a row");
            row.get(0)
        })
    }

    /// Nothing that was made is left, and every request was as it is described.
    #[track_caller]
    pub fn nothing_is_left(&self) -> &Self {
        let state = self.state();
        let left: Vec<&str> = state
            .clones
            .iter()
            .map(|clone| clone.name.as_str())
            .collect();
        assert!(left.is_empty(), "{left:?}\n{:#?}", state.requests);
        assert!(state.problems.is_empty(), "{:#?}", state.problems);
        drop(state);
        self
    }
}

fn open(
    kind: Kind,
    runtime: &tokio::runtime::Runtime,
    state: &Arc<Mutex<State>>,
    production: &Arc<Server>,
    hold: Option<Hold>,
) -> Door {
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (state, production) = (state.clone(), production.clone());
    runtime.spawn(async move {
        let answer = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let (state, production) = (state.clone(), production.clone());
            let hold = hold.clone();
            // A request that was sent is done, whoever is there to be told.
            let answered = tokio::spawn(async move {
                let call = format!("{method} {uri}");
                let met = hold.and_then(|hold| Some((hold.meets(&call)?, hold)));
                let waits = match met {
                    Some((When::Before, _)) => Waits::Nobody,
                    _ => Waits::Somebody,
                };
                let request = (method, &uri, &headers, &body);
                let answer = answer(kind, &state, &production, request, waits);
                match &met {
                    Some((_, hold)) => hold.pass(&call, answer).await,
                    None => answer.await,
                }
            });
            async move { answered.await.expect("no panic") }
        };
        axum::serve(listener, axum::Router::new().fallback(answer))
            .await
            .expect("it serves");
    });
    Door { kind, address }
}

/// A server with production's data, and the way in of production's role.
async fn filled() -> (Server, Endpoint) {
    let server = Server::newest().await;
    let session = Session::open(&server.throwaway.superuser("postgres"), &[])
        .await
        .expect("the server answers");
    session
        .batch_execute("create database shop template template0")
        .await
        .expect("a database is made");
    let session = Session::open(&server.throwaway.superuser("shop"), &[])
        .await
        .expect("the server answers");
    session
        .batch_execute(PRODUCTION)
        .await
        .expect("production is made");
    let endpoint = server
        .throwaway
        .role("shop", &Secret::new(PASSWORD), "shop");
    (server, endpoint)
}

async fn run(server: &Server, sql: &str) {
    let session = Session::open(&server.throwaway.superuser("shop"), &[])
        .await
        .expect("the server answers");
    session.batch_execute(sql).await.expect("it runs");
}

type Answered = Response<axum::body::Body>;

async fn answer(
    kind: Kind,
    state: &Mutex<State>,
    production: &Server,
    (method, uri, headers, body): (Method, &Uri, &HeaderMap, &Bytes),
    waits: Waits,
) -> Answered {
    let shown = uri.to_string().replacen("/api/v2", "", 1);
    let fault = {
        let mut state = state.lock().expect("not poisoned");
        state.requests.push(format!("{method} {shown}"));
        let trap = (state.traps.iter_mut())
            .find(|(of, part, left, _)| *left > 0 && *of == method && shown.contains(part));
        trap.map(|(_, _, left, fault)| {
            *left -= 1;
            fault.clone()
        })
    };
    if let Some(Fault::Answer {
        status, message, ..
    }) = &fault
    {
        return say(*status, &json!({ "code": "", "message": message }));
    }
    let key = match kind {
        Kind::Neon => headers.get("authorization"),
        Kind::Dblab => headers.get("verification-token"),
    };
    let key = key.and_then(|key| key.to_str().ok()).unwrap_or_default();
    if key.trim_start_matches("Bearer ") != KEY {
        return say(
            401,
            &json!({ "code": "UNAUTHORIZED", "message": "who are you?" }),
        );
    }
    let (path, query) = shown.split_once('?').unwrap_or((&shown, ""));
    let decoded = |text: &str| {
        let decoded = percent_encoding::percent_decode_str(text);
        decoded.decode_utf8_lossy().into_owned()
    };
    let asked = Asked {
        method,
        path: path.split('/').skip(1).map(decoded).collect(),
        query: (query.split('&').filter_map(|pair| pair.split_once('=')))
            .map(|(name, value)| (name.to_owned(), decoded(value)))
            .collect(),
        body: serde_json::from_slice(body).unwrap_or(Value::Null),
        state,
        production,
        waits,
    };
    let (status, json) = match kind {
        Kind::Neon => neon::answer(asked).await,
        Kind::Dblab => dblab::answer(asked).await,
    };
    match fault {
        Some(Fault::LostAfterwards) => {
            let lost = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("lost"))]);
            Response::new(axum::body::Body::from_stream(lost))
        }
        Some(Fault::DoneAnd(status)) => say(status, &json!({ "message": "it was not done" })),
        Some(Fault::Hang) => std::future::pending().await,
        _ => say(status, &json),
    }
}

fn say(status: u16, json: &Value) -> Answered {
    let mut response = Response::new(axum::body::Body::from(json.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    response
}

impl Asked<'_> {
    /// The server of a new clone, and production's role's way in. What nobody waits for is nowhere.
    async fn filled(&self) -> (Option<Server>, Endpoint) {
        if self.waits == Waits::Nobody {
            let secret = Secret::new(PASSWORD);
            return (
                None,
                self.production.throwaway.role("shop", &secret, "shop"),
            );
        }
        let (server, endpoint) = filled().await;
        (Some(server), endpoint)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    /// Notes what the body has that is not described, or not of the described kind.
    fn check(&self, object: &Value, described: &[Described]) {
        let mut state = self.state.lock().expect("not poisoned");
        let Some(object) = object.as_object() else {
            state.problems.push(format!("{object} is no object"));
            return;
        };
        for (name, value) in object {
            let known = described.iter().find(|(known, _)| known == name);
            if !known.is_some_and(|(_, fits)| fits(value)) {
                state.problems.push(format!("`{name}` can't be {value}"));
            }
        }
    }
}
