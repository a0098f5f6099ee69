//! A DBLab Engine, as far as its API's description goes for what is asked here.

use pgrehearse::postgres::Endpoint;
use serde_json::{Value, json};

use super::{Asked, Clone, Lie, Size, run};

const SNAPSHOT: &str = "dblab_pool@snapshot_20261121000000";

pub async fn answer(asked: Asked<'_>) -> (u16, Value) {
    let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
    match (asked.method.as_str(), path.as_slice()) {
        ("GET", ["snapshots"]) => {
            let old = json!({
                "id": "dblab_pool@snapshot_20261001000000", "dataStateAt": "2026-10-01T00:00:00Z",
                "logicalSize": 9_000_000, "numClones": 0,
            });
            let now = jiff::Timestamp::now()
                .strftime("%Y-%m-%d %H:%M:%S UTC")
                .to_string();
            let size = (asked.state().size == Size::Told).then_some(12_000_000);
            let new =
                json!({ "id": SNAPSHOT, "dataStateAt": now, "logicalSize": size, "numClones": 1 });
            (200, json!([old, new]))
        }
        ("GET", ["status"]) => {
            let state = asked.state();
            let clones: Vec<Value> = state.clones.iter().map(shown).collect();
            (
                200,
                json!({ "status": { "code": "OK" }, "cloning": { "numClones": clones.len(), "clones": clones } }),
            )
        }
        ("POST", ["clone"]) => make(&asked).await,
        ("GET", ["clone", id]) => {
            let mut state = asked.state();
            match state.clones.iter_mut().find(|clone| clone.id == *id) {
                Some(clone) => {
                    let answer = shown(clone);
                    clone.not_yet = clone.not_yet.saturating_sub(1);
                    (200, answer)
                }
                None => missing(),
            }
        }
        ("PATCH", ["clone", id]) => {
            asked.check(&asked.body, &[("protected", Value::is_boolean)]);
            let mut state = asked.state();
            match state.clones.iter_mut().find(|clone| clone.id == *id) {
                Some(clone) => {
                    clone.protected = asked.body["protected"] == true;
                    (200, shown(clone))
                }
                None => missing(),
            }
        }
        ("DELETE", ["clone", id]) => {
            let mut state = asked.state();
            let Some(at) = state.clones.iter().position(|clone| clone.id == *id) else {
                return missing();
            };
            if state.clones[at].protected {
                return (
                    500,
                    json!({ "code": "INTERNAL_ERROR", "message": "clone is protected" }),
                );
            }
            let gone = state.clones.remove(at);
            state.deleted.push(gone.name);
            (200, json!("OK"))
        }
        _ => missing(),
    }
}

/// Some versions answer so.
fn missing() -> (u16, Value) {
    (
        500,
        json!({ "code": "INTERNAL_ERROR", "message": "clone not found" }),
    )
}

fn shown(clone: &Clone) -> Value {
    let code = if clone.not_yet == 0 { "OK" } else { "CREATING" };
    let minutes = clone.asked["protectionDurationMinutes"]
        .as_u64()
        .unwrap_or_default();
    let till = jiff::Timestamp::now() + std::time::Duration::from_mins(minutes);
    json!({
        "id": clone.id,
        "snapshot": { "id": clone.asked["snapshot"]["id"], "dataStateAt": "2026-11-21T00:00:00Z" },
        "protected": clone.protected,
        "protectedTill": till.to_string(),
        "status": { "code": code, "message": "" },
        "db": {
            "host": "localhost", "port": clone.endpoint.port.to_string(),
            "username": clone.asked["db"]["username"], "password": "", "dbName": "shop",
        },
    })
}

async fn make(asked: &Asked<'_>) -> (u16, Value) {
    asked.check(
        &asked.body,
        &[
            ("id", Value::is_string),
            ("snapshot", |snapshot| snapshot["id"] == SNAPSHOT),
            ("protected", Value::is_boolean),
            ("protectionDurationMinutes", Value::is_u64),
            ("db", Value::is_object),
        ],
    );
    asked.check(
        &asked.body["db"],
        &[
            ("username", Value::is_string),
            ("password", Value::is_string),
            ("restricted", Value::is_boolean),
            ("db_name", |name| name == "shop"),
        ],
    );
    let (server, endpoint) = asked.filled().await;
    let text = |name: &str| {
        asked.body["db"][name]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let sql = format!(
        "create role {} superuser login password '{}'",
        text("username"),
        text("password")
    );
    if let Some(server) = &server {
        run(server, &sql).await;
    }
    let lies = !matches!(asked.state().lie, Lie::None);
    if lies {
        run(asked.production, &sql).await;
    }
    let endpoint = if lies {
        Endpoint {
            port: asked.production.throwaway.superuser("shop").port,
            ..endpoint
        }
    } else {
        endpoint
    };
    let id = asked.body["id"].as_str().unwrap_or_default().to_owned();
    let mut state = asked.state();
    if state.clones.iter().any(|clone| clone.id == id) {
        return (
            400,
            json!({ "code": "BAD_REQUEST", "message": "clone with such ID already exists" }),
        );
    }
    let clone = Clone {
        name: id.clone(),
        id,
        asked: asked.body.clone(),
        endpoint,
        protected: true,
        not_yet: state.not_yet.max(1),
        server,
    };
    let answer = shown(&clone);
    state.clones.push(clone);
    (201, answer)
}
