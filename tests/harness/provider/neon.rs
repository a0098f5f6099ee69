//! Neon, as far as its API's description goes for what is asked here.

use pgrehearse::postgres::Endpoint;
use serde_json::{Value, json};

use super::{Asked, Clone, Lie, Size, State, run};

/// The project's branch that production is.
const MAIN: &str = "br-main-000001";

const MAIN_HOST: &str = "ep-main-000001.neon.invalid";

/// So many branches are on a page, whatever is asked for: pages are short in tests.
const PAGE: usize = 2;

pub async fn answer(asked: Asked<'_>) -> (u16, Value) {
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    match (asked.method.as_str(), path.as_slice()) {
        ("GET", ["projects", "shop"]) => (
            200,
            json!({ "project": { "id": "shop", "pg_version": pgrehearse::postgres::binaries::newest(None).expect("installed").major.0,
                "default_endpoint_settings": { "autoscaling_limit_min_cu": 0.25, "autoscaling_limit_max_cu": 2, "suspend_timeout_seconds": 0 },
            } }),
        ),
        ("GET", ["projects", "shop", "branches"]) => branches(&asked),
        ("POST", ["projects", "shop", "branches"]) => make(&asked).await,
        ("GET", ["projects", "shop", "endpoints"]) => {
            let state = asked.state();
            let mut all = vec![compute(MAIN, MAIN_HOST)];
            all.extend(
                state
                    .clones
                    .iter()
                    // Each has a host of its own there.
                    .map(|clone| compute(&clone.id, &format!("{}.neon.invalid", clone.id))),
            );
            (200, json!({ "endpoints": all }))
        }
        ("GET", ["projects", "shop", "operations"]) => {
            let state = asked.state();
            let all: Vec<Value> = state
                .clones
                .iter()
                .map(|clone| operation(&clone.id, clone))
                .collect();
            (200, json!({ "operations": all }))
        }
        ("GET", ["projects", "shop", "operations", id]) => {
            let mut state = asked.state();
            let id = (*id).to_owned();
            match state
                .clones
                .iter_mut()
                .find(|clone| operation_id(&clone.id) == id)
            {
                Some(clone) => {
                    clone.not_yet = clone.not_yet.saturating_sub(1);
                    (
                        200,
                        json!({ "operation": operation(&clone.id.clone(), clone) }),
                    )
                }
                None => missing(),
            }
        }
        ("GET", ["projects", "shop", "connection_uri"]) => uri(&asked),
        ("GET", ["projects", "shop", "branches", id]) => match shown(&asked.state(), id) {
            Some(branch) => (200, json!({ "branch": branch })),
            None => missing(),
        },
        ("GET", ["projects", "shop", "branches", id, "databases"]) => (
            200,
            json!({ "databases": [{ "branch_id": id, "name": "shop", "owner_name": "shop" }] }),
        ),
        ("GET", ["projects", "shop", "branches", id, "endpoints"]) => {
            let state = asked.state();
            match state.clones.iter().find(|clone| clone.id == *id) {
                Some(clone) => {
                    let host = match state.lie {
                        Lie::ProductionsAddress => MAIN_HOST.to_owned(),
                        _ => host(&clone.endpoint),
                    };
                    (200, json!({ "endpoints": [compute(id, &host)] }))
                }
                None => missing(),
            }
        }
        (
            "POST",
            [
                "projects",
                "shop",
                "branches",
                id,
                "roles",
                "shop",
                "reset_password",
            ],
        ) => reset(&asked, id).await,
        ("DELETE", ["projects", "shop", "branches", id]) => {
            let mut state = asked.state();
            let Some(at) = state.clones.iter().position(|clone| clone.id == *id) else {
                return (204, Value::Null);
            };
            let gone = state.clones.remove(at);
            state.deleted.push(gone.name.clone());
            (200, json!({ "branch": { "id": id }, "operations": [] }))
        }
        _ => missing(),
    }
}

fn missing() -> (u16, Value) {
    (
        404,
        json!({ "code": "", "message": "there is no such thing" }),
    )
}

fn host(endpoint: &Endpoint) -> String {
    match &endpoint.host {
        pgrehearse::postgres::endpoint::Host::Tcp(host) => host.clone(),
        pgrehearse::postgres::endpoint::Host::Socket(_) => panic!("a host"),
    }
}

fn compute(branch: &str, host: &str) -> Value {
    json!({ "id": branch.replace("br-", "ep-"), "host": host, "branch_id": branch, "type": "read_write" })
}

fn operation_id(branch: &str) -> String {
    format!("operation-{branch}")
}

fn operation(branch: &str, clone: &Clone) -> Value {
    let status = if clone.not_yet == 0 {
        "finished"
    } else {
        "running"
    };
    json!({ "id": operation_id(branch), "branch_id": branch, "action": "create_branch", "status": status })
}

fn main_branch(state: &State) -> Value {
    let size = (state.size == Size::Told).then_some(12_000_000);
    json!({
        "id": MAIN, "name": "main", "default": true, "protected": true,
        "current_state": "ready", "logical_size": size,
    })
}

fn branch(clone: &Clone) -> Value {
    json!({
        "id": clone.id, "name": clone.name, "parent_id": MAIN, "default": false,
        "protected": clone.protected, "current_state": "ready",
        "expires_at": clone.asked["branch"]["expires_at"], "logical_size": 12_000_000,
    })
}

fn shown(state: &State, id: &str) -> Option<Value> {
    if id == MAIN {
        return Some(main_branch(state));
    }
    state.clones.iter().find(|clone| clone.id == id).map(branch)
}

fn branches(asked: &Asked<'_>) -> (u16, Value) {
    let state = asked.state();
    let search = asked.query.get("search").cloned().unwrap_or_default();
    let mut all = vec![(main_branch(&state), Value::Null)];
    all.extend(
        state
            .clones
            .iter()
            .map(|clone| (branch(clone), clone.asked["annotation_value"].clone())),
    );
    all.retain(|(branch, _)| {
        branch["name"]
            .as_str()
            .is_some_and(|name| name.contains(&search))
    });
    let from: usize = asked
        .query
        .get("cursor")
        .and_then(|at| at.parse().ok())
        .unwrap_or(0);
    let page: Vec<_> = all.iter().skip(from).take(PAGE).cloned().collect();
    let annotations: serde_json::Map<String, Value> = (page.iter())
        .filter(|(_, value)| !value.is_null())
        .map(|(branch, value)| {
            let id = branch["id"].as_str().expect("an id").to_owned();
            (
                id,
                json!({ "object": { "type": "console/branch" }, "value": value }),
            )
        })
        .collect();
    let pagination = if from + PAGE < all.len() {
        json!({ "next": (from + PAGE).to_string() })
    } else {
        json!({})
    };
    let page: Vec<Value> = page.into_iter().map(|(branch, _)| branch).collect();
    (
        200,
        json!({ "branches": page, "annotations": annotations, "pagination": pagination }),
    )
}

async fn make(asked: &Asked<'_>) -> (u16, Value) {
    asked.check(
        &asked.body,
        &[
            ("branch", Value::is_object),
            ("endpoints", Value::is_array),
            ("annotation_value", |value| {
                value
                    .as_object()
                    .is_some_and(|map| map.len() <= 50 && map.values().all(Value::is_string))
            }),
        ],
    );
    asked.check(
        &asked.body["branch"],
        &[
            ("name", Value::is_string),
            ("parent_id", |id| *id == *MAIN),
            ("expires_at", |at| {
                at.as_str()
                    .is_some_and(|at| at.len() == 20 && at.ends_with('Z'))
            }),
        ],
    );
    let name = asked.body["branch"]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let id = {
        let state = asked.state();
        if state.clones.iter().any(|clone| clone.name == name) {
            return (
                409,
                json!({ "code": "", "message": "branch already exists" }),
            );
        }
        format!("br-clone-{:06}", state.requests.len())
    };
    let (server, endpoint) = asked.filled().await;
    let mut state = asked.state();
    let endpoint = match state.lie {
        Lie::ProductionItself => Endpoint {
            port: asked.production.throwaway.superuser("shop").port,
            ..endpoint
        },
        _ => endpoint,
    };
    let clone = Clone {
        id: id.clone(),
        name,
        asked: asked.body.clone(),
        endpoint,
        protected: false,
        not_yet: state.not_yet,
        server,
    };
    let answer = json!({
        "branch": branch(&clone),
        "endpoints": [compute(&id, &host(&clone.endpoint))],
        "operations": [operation(&id, &clone)],
    });
    state.clones.push(clone);
    (201, answer)
}

async fn reset(asked: &Asked<'_>, id: &str) -> (u16, Value) {
    let password = format!("reset-{:032x}", rand::random::<u128>());
    let server = {
        let mut state = asked.state();
        let Some(clone) = state.clones.iter_mut().find(|clone| clone.id == *id) else {
            return missing();
        };
        clone.server.take().expect("one request at a time")
    };
    let sql = format!("alter role shop password '{password}'");
    run(&server, &sql).await;
    if matches!(asked.state().lie, Lie::ProductionItself) {
        run(asked.production, &sql).await;
    }
    let mut state = asked.state();
    let not_yet = state.not_yet;
    // It may be deleted meanwhile.
    let Some(clone) = state.clones.iter_mut().find(|clone| clone.id == *id) else {
        return missing();
    };
    clone.server = Some(server);
    clone.not_yet = not_yet;
    let done = operation(id, clone);
    (
        200,
        json!({ "role": { "branch_id": id, "name": "shop", "password": password }, "operations": [done] }),
    )
}

fn uri(asked: &Asked<'_>) -> (u16, Value) {
    let state = asked.state();
    let Some(id) = asked.query.get("branch_id") else {
        // As described: the default branch's.
        return (
            200,
            json!({ "uri": format!("postgresql://shop:x@{MAIN_HOST}/shop?sslmode=require") }),
        );
    };
    let clone = state
        .clones
        .iter()
        .find(|clone| clone.id == *id)
        .expect("it is there");
    let host = match state.lie {
        Lie::ProductionsAddress => MAIN_HOST.to_owned(),
        _ => host(&clone.endpoint),
    };
    let port = clone.endpoint.port;
    (
        200,
        json!({ "uri": format!("postgresql://shop:{}@{host}:{port}/shop?sslmode=disable", super::PASSWORD) }),
    )
}
