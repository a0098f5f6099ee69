//! The proxy between us and moto: it writes down every call, and fails as it is asked to.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Response, StatusCode, Uri};
use regex::Regex;

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
}

pub(super) fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) async fn serve(
    moto: &str,
    client: &reqwest::Client,
    state: &Arc<Mutex<State>>,
) -> SocketAddr {
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
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>0</RequestId></ErrorResponse>"
    )
}
