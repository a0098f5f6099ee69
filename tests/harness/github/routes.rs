//! What each address does, and what is refused there.

use axum::body::{Body, Bytes};
use axum::http::{Method, Response, Uri};
use serde_json::{Value, json};

use super::{Answered, State};

/// GitHub's limits, by characters.
const COMMENT: usize = 65_535;
const SUMMARY: usize = 65_535;
const DESCRIPTION: usize = 140;
const ANNOTATIONS: usize = 50;

pub fn refusal(status: u16, message: &str) -> Answered {
    respond(
        status,
        &json!({ "message": message, "documentation_url": "https://docs.github.com/rest" }),
    )
}

/// A body that GitHub does not take, with its reason where GitHub puts it.
fn unprocessable(field: &str, reason: &str) -> Answered {
    respond(
        422,
        &json!({
            "message": "Validation Failed",
            "errors": [{ "resource": "IssueComment", "code": "unprocessable", "field": field, "message": reason }],
        }),
    )
}

fn respond(status: u16, body: &Value) -> Answered {
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .expect("a response")
}

pub fn route(state: &mut State, method: &Method, uri: &Uri, body: &Bytes) -> Answered {
    if uri.path() == "/api/graphql" {
        return match &state.viewer {
            Some(login) => respond(200, &json!({ "data": { "viewer": { "login": login } } })),
            None => refusal(403, "Resource not accessible by integration"),
        };
    }
    let Some(path) = uri.path().strip_prefix("/api/v3/") else {
        return refusal(404, "Not Found");
    };
    if path == "user" {
        return match &state.tells_user {
            Some(login) => respond(200, &json!({ "login": login, "type": "User" })),
            None => refusal(403, "Resource not accessible by integration"),
        };
    }
    let Some(path) = path.strip_prefix("repos/octo/shop/") else {
        return refusal(404, "Not Found");
    };
    let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let parts: Vec<&str> = path.split('/').collect();
    match (method, parts.as_slice()) {
        (&Method::GET, ["pulls"]) => respond(200, &json!(State::pull_requests(uri))),
        (&Method::GET, ["pulls", "34"]) => respond(
            200,
            &json!({ "number": 34, "head": { "ref": "faster", "sha": super::HEAD } }),
        ),
        (&Method::GET, ["issues", "34", "comments"]) => page(&state.comments, uri),
        (&Method::POST, ["issues", "34", "comments"]) => make_comment(state, &body),
        (&Method::PATCH, ["issues", "comments", id]) => change_comment(state, id, &body),
        (&Method::POST, ["check-runs"]) => make_check(state, body),
        (&Method::PATCH, ["check-runs", id]) => change_check(state, id, &body),
        (&Method::GET, ["check-runs", id]) => match find(&mut state.checks, id) {
            Some(check) => respond(200, check),
            None => refusal(404, "Not Found"),
        },
        (&Method::GET, ["commits", super::HEAD, "check-runs"]) => respond(
            200,
            &json!({ "total_count": state.checks.len(), "check_runs": state.checks }),
        ),
        (&Method::POST, ["statuses", super::HEAD]) => make_status(state, body),
        (&Method::GET, ["commits", super::HEAD, "statuses"]) => {
            let newest_first: Vec<Value> = state.statuses.iter().rev().cloned().collect();
            respond(200, &json!(newest_first))
        }
        _ => refusal(404, "Not Found"),
    }
}

fn page(comments: &[Value], uri: &Uri) -> Answered {
    let parameter = |name: &str, default: usize| {
        uri.query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .and_then(|(_, value)| value.parse().ok())
            .unwrap_or(default)
    };
    let size = parameter("per_page", 30).min(100);
    let number = parameter("page", 1);
    let shown: Vec<&Value> = comments
        .iter()
        .skip((number - 1) * size)
        .take(size)
        .collect();
    let mut response = respond(200, &json!(shown));
    if number * size < comments.len() {
        // A client that follows it by its address would show its token to a stranger.
        let link = format!(
            "<http://127.0.0.1:9/repositories/7/issues/34/comments?page={}>; rel=\"next\", <http://127.0.0.1:9/>; rel=\"last\"",
            number + 1
        );
        let link = link.parse().expect("a header");
        response.headers_mut().insert("link", link);
    }
    response
}

fn body_of_comment(body: &Value) -> Result<&str, Answered> {
    match body["body"].as_str() {
        None => Err(unprocessable("body", "body is missing")),
        Some(text) if text.chars().count() > COMMENT => Err(unprocessable(
            "data",
            "Body is too long (maximum is 65536 characters)",
        )),
        Some(text) => Ok(text),
    }
}

fn make_comment(state: &mut State, body: &Value) -> Answered {
    let text = match body_of_comment(body) {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    let id = state.next_id();
    let kind = if state.login.ends_with("[bot]") {
        "Bot"
    } else {
        "User"
    };
    let made = json!({ "id": id, "user": { "login": state.login, "type": kind }, "body": text });
    state.comments.push(made.clone());
    respond(201, &made)
}

fn change_comment(state: &mut State, id: &str, body: &Value) -> Answered {
    let text = match body_of_comment(body) {
        Ok(text) => text,
        Err(refused) => return refused,
    };
    let login = state.login.clone();
    match find(&mut state.comments, id) {
        None => refusal(404, "Not Found"),
        Some(comment) if comment["user"]["login"] != login.as_str() => {
            refusal(403, "Resource not accessible by integration")
        }
        Some(comment) => {
            comment["body"] = text.into();
            respond(200, comment)
        }
    }
}

fn find<'a>(all: &'a mut [Value], id: &str) -> Option<&'a mut Value> {
    let id: u64 = id.parse().ok()?;
    all.iter_mut().find(|one| one["id"] == id)
}

/// What is wrong with the output of a check run.
fn refused_output(body: &Value) -> Option<Answered> {
    let output = body.get("output")?;
    let title = output["title"].as_str().unwrap_or_default();
    let summary = output["summary"].as_str().unwrap_or_default();
    let annotations = output["annotations"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let four_bytes = |annotation: &Value| {
        ["path", "title", "message"].iter().any(|key| {
            let text = annotation[key].as_str().unwrap_or_default();
            text.chars().any(|character| character > '\u{ffff}')
        })
    };
    if title.is_empty() || title.chars().count() > 255 || summary.is_empty() {
        Some(unprocessable("output", "title or summary"))
    } else if summary.chars().count() > SUMMARY {
        Some(unprocessable(
            "summary",
            "Only 65535 characters are allowed; 70000 were supplied.",
        ))
    } else if annotations.len() > ANNOTATIONS {
        Some(unprocessable(
            "annotations",
            "No more than 50 items are allowed",
        ))
    } else if annotations.iter().any(four_bytes) {
        Some(unprocessable("annotations", "four-byte characters"))
    } else {
        None
    }
}

fn make_check(state: &mut State, mut body: Value) -> Answered {
    if body["name"].as_str().is_none() || body["head_sha"] != super::HEAD {
        return unprocessable("head_sha", "No commit found for SHA");
    }
    if let Some(refused) = refused_output(&body) {
        return refused;
    }
    body["id"] = state.next_id().into();
    body["conclusion"] = Value::Null;
    body["output"]["annotations_count"] = 0.into();
    body["annotations"] = json!([]);
    state.checks.push(body.clone());
    respond(201, &body)
}

fn change_check(state: &mut State, id: &str, body: &Value) -> Answered {
    if let Some(refused) = refused_output(body) {
        return refused;
    }
    if body["status"] == "completed" && body["conclusion"].is_null() {
        return unprocessable("conclusion", "conclusion is missing");
    }
    let Some(check) = find(&mut state.checks, id) else {
        return refusal(404, "Not Found");
    };
    for key in ["status", "conclusion", "completed_at"] {
        if !body[key].is_null() {
            check[key] = body[key].clone();
        }
    }
    if body["output"].is_object() {
        let mut all = check["annotations"].as_array().cloned().unwrap_or_default();
        let added = body["output"]["annotations"].as_array();
        all.extend(added.into_iter().flatten().cloned());
        check["output"] = json!({
            "title": body["output"]["title"],
            "summary": body["output"]["summary"],
            "annotations_count": all.len(),
        });
        check["annotations"] = json!(all);
    }
    respond(200, check)
}

fn make_status(state: &mut State, mut body: Value) -> Answered {
    let is_state = ["error", "failure", "pending", "success"]
        .iter()
        .any(|known| body["state"] == *known);
    let description = body["description"].as_str().unwrap_or_default();
    if !is_state || description.chars().count() > DESCRIPTION {
        return unprocessable(
            "description",
            "description is too long (maximum is 140 characters)",
        );
    }
    body["id"] = state.next_id().into();
    state.statuses.push(body.clone());
    respond(201, &body)
}
