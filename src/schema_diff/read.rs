//! Reads a catalogue: a handful of queries that see one moment of the database.

use serde_json::Value as Json;

use crate::policy::LockTimeout;
use crate::postgres::session::{ConnectError, During as _};
use crate::postgres::{Endpoint, Major, QueryError, Session};

use super::acl;
use super::kind::ObjectKind;
use super::model::{Catalog, Facts, Key, Value};
use super::property::Property;

/// A catalogue could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Query(#[from] QueryError),
    #[error("the catalogue holds `{0}`, which is not known here")]
    Unknown(String),
}

impl ReadError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect(error) => error.hint(),
            Self::Query(_) | Self::Unknown(_) => None,
        }
    }
}

macro_rules! query {
    ($file:literal) => {
        concat!(
            include_str!("sql/common.sql"),
            include_str!(concat!("sql/", $file))
        )
    };
}

/// Each query's rows are: kind, schema, relation, name, signature, facts.
const QUERIES: [(&str, &str); 11] = [
    ("read the schemas", query!("database.sql")),
    ("read the tables and views", query!("relations.sql")),
    ("read the columns", query!("columns.sql")),
    ("read the constraints", query!("constraints.sql")),
    ("read the indexes", query!("indexes.sql")),
    ("read the sequences", query!("sequences.sql")),
    ("read the functions", query!("routines.sql")),
    ("read the types", query!("types.sql")),
    ("read the triggers and policies", query!("attached.sql")),
    ("read the operators", query!("operators.sql")),
    ("read the text search objects", query!("text_search.sql")),
];

/// What changes how PostgreSQL writes definitions; `pg_dump` sets the same, but for the time zone.
const SETTINGS: [(&str, &str); 9] = [
    ("search_path", ""),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("quote_all_identifiers", "off"),
    ("jit", "off"),
    ("default_transaction_read_only", "on"),
];

/// Options of foreign servers whose names contain one of these may hold a secret.
const SECRETIVE: [&str; 5] = ["password", "passphrase", "secret", "token", "credential"];

/// Reads everything that [`compare()`](super::compare()) looks at, in one read-only transaction.
pub async fn read(endpoint: &Endpoint) -> Result<Catalog, ReadError> {
    read_with(endpoint, &[]).await
}

/// The same from production: a definition takes a lock to be read, and must not wait long for it.
pub async fn read_source(
    endpoint: &Endpoint,
    lock_timeout: LockTimeout,
) -> Result<Catalog, ReadError> {
    read_with(endpoint, &[("lock_timeout", &lock_timeout.as_setting())]).await
}

async fn read_with(endpoint: &Endpoint, more: &[(&str, &str)]) -> Result<Catalog, ReadError> {
    let session = Session::open(endpoint, &[&SETTINGS, more].concat()).await?;
    session
        .run(
            "begin isolation level repeatable read read only",
            "begin to read the catalogue",
        )
        .await?;
    let version: i32 = session
        .query_one("select current_setting('server_version_num')::int", &[])
        .await
        .during("ask for the server's version")?
        .get(0);
    let mut catalog = Catalog {
        major: Major::from_version_num(version.unsigned_abs()),
        objects: std::collections::BTreeMap::new(),
    };
    for (doing, query) in QUERIES {
        for row in session.query(query, &[]).await.during(doing)? {
            let kind: &str = row.get(0);
            let key = Key {
                kind: ObjectKind::from_term(kind)
                    .ok_or_else(|| ReadError::Unknown(kind.to_owned()))?,
                schema: row.get(1),
                relation: row.get(2),
                name: row.get(3),
                signature: row.get(4),
            };
            let facts = facts(row.get(5))?;
            catalog.objects.insert(key, facts);
        }
    }
    session.run("commit", "end reading the catalogue").await?;
    Ok(catalog)
}

fn facts(json: &str) -> Result<Facts, ReadError> {
    let unknown = || ReadError::Unknown(json.to_owned());
    let Ok(Json::Object(fields)) = serde_json::from_str(json) else {
        return Err(unknown());
    };
    let mut facts = Facts::new();
    for (name, value) in fields {
        let property = Property::from_key(&name).ok_or(ReadError::Unknown(name))?;
        let value = match value {
            Json::Null => continue,
            Json::Array(members) => Value::Many(
                members
                    .into_iter()
                    .map(|member| match member {
                        Json::String(text) => text,
                        other => other.to_string(),
                    })
                    .collect(),
            ),
            Json::String(text) => Value::Text(text),
            other => Value::Text(other.to_string()),
        };
        facts.insert(property, value);
    }
    normalise(&mut facts);
    Ok(facts)
}

/// Takes out of the facts what means nothing: the order of sets, the grantor, the owner's name in
/// grants. Takes out secrets as well.
fn normalise(facts: &mut Facts) {
    let owner = facts.get(&Property::Owner).map(Value::to_text);
    for (property, value) in facts.iter_mut() {
        let Value::Many(members) = value else {
            continue;
        };
        if property.is_grants() {
            *members = acl::describe(members, owner.as_deref());
        } else if property.is_set() {
            members.sort();
        }
        if *property == Property::ForeignOptions {
            for option in members.iter_mut() {
                hide_secret(option);
            }
        }
    }
    if facts.contains_key(&Property::OwnerFollows) {
        facts.remove(&Property::Owner);
    }
}

fn hide_secret(option: &mut String) {
    if let Some((name, _)) = option.split_once('=') {
        let lower = name.to_ascii_lowercase();
        if SECRETIVE.iter().any(|word| lower.contains(word)) {
            *option = format!("{name}=***");
        }
    }
}
