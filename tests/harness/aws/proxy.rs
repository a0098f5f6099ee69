//! The proxy between us and moto: it writes down every call, and fails as it is asked to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use regex::Regex;

use super::super::hold::Hold;

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

pub(super) struct Trap {
    pub action: &'static str,
    pub left: usize,
    pub fault: Arc<Fault>,
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
pub(super) struct State {
    pub calls: Vec<Call>,
    pub traps: Vec<Trap>,
    pub resets: Resets,
}

/// Whether a password that was set is seen to take effect, for one look, as AWS shows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Resets {
    #[default]
    Never,
    Seen,
    /// The next look sees it.
    Due,
}

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// moto's server. It takes calls at once and is not made for it: one of them at a time is let in.
pub(super) struct Moto {
    pub url: String,
    pub client: reqwest::Client,
    turn: tokio::sync::Mutex<()>,
}

impl Moto {
    pub fn new(url: &str, client: &reqwest::Client) -> Self {
        Self {
            url: url.to_owned(),
            client: client.clone(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

pub(super) async fn serve(
    moto: &Arc<Moto>,
    state: &Arc<Mutex<State>>,
    hold: Option<Hold>,
) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let (moto, state) = (moto.clone(), state.clone());
    let answer = move |uri: Uri, headers: HeaderMap, body: Bytes| {
        let (moto, state) = (moto.clone(), state.clone());
        let hold = hold.clone();
        // A request that was sent is done, whoever is there to be told.
        let answered = tokio::spawn(async move {
            let call = action(&body);
            let met = hold.filter(|hold| hold.meets(&call).is_some());
            let answer = one(&moto, &state, (&uri, headers, body));
            match met {
                Some(hold) => hold.pass(&call, answer).await,
                None => answer.await,
            }
        });
        async move { answered.await.expect("no panic") }
    };
    tokio::spawn(async move {
        let _ = axum::serve(listener, axum::Router::new().fallback(answer)).await;
    });
    address
}

/// One call: what it comes to, and its answer.
async fn one(
    moto: &Moto,
    state: &Mutex<State>,
    (uri, headers, body): (&Uri, HeaderMap, Bytes),
) -> Response<Body> {
    let fault = written_down(state, &body);
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
            let resetting = resets(state, &body);
            let (status, text) = forward(moto, uri, headers, body).await;
            match fault {
                Some(Fault::LostAfterwards) => answer(503, String::new()),
                Some(Fault::Rewrite(what, with)) => {
                    let what = Regex::new(what).expect("a pattern");
                    answer(status, what.replace_all(&text, with).into_owned())
                }
                _ if resetting == Resets::Due => {
                    let available = "Status>available</";
                    answer(
                        status,
                        text.replace(available, "Status>resetting-master-credentials</"),
                    )
                }
                _ => answer(status, text),
            }
        }
    }
}

/// Notes that a password is set; whether this look is the one that sees it.
fn resets(state: &Mutex<State>, body: &[u8]) -> Resets {
    let mut state = lock(state);
    let call = action(body);
    let sets = String::from_utf8_lossy(body).contains("MasterUserPassword=");
    match state.resets {
        Resets::Seen if call.starts_with("ModifyDB") && sets => {
            state.resets = Resets::Due;
            Resets::Seen
        }
        Resets::Due if matches!(call.as_str(), "DescribeDBInstances" | "DescribeDBClusters") => {
            state.resets = Resets::Seen;
            Resets::Due
        }
        _ => Resets::Never,
    }
}

fn action(body: &[u8]) -> String {
    let mut parameters = url::form_urlencoded::parse(body);
    let found = parameters.find(|(name, _)| name == "Action");
    found
        .map(|(_, action)| action.into_owned())
        .unwrap_or_default()
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

async fn forward(moto: &Moto, uri: &Uri, headers: HeaderMap, body: Bytes) -> (u16, String) {
    // The host stays, for it is signed.
    let _turn = moto.turn.lock().await;
    let sent = (moto.client)
        .post(format!("{}{uri}", moto.url))
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
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    )
}
