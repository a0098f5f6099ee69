//! Names for OIDs: of what was there before, of what is there now, of what was dropped in between.

use std::collections::BTreeMap;

use super::facts::{Age, Relation, RelationKind};
use crate::postgres::Session;
use crate::postgres::session::{During as _, QueryError};
use crate::text::QualifiedName;

/// The relations of a database at one moment.
pub type Catalogue = BTreeMap<u32, Entry>;

#[derive(Clone, Debug)]
pub struct Entry {
    pub name: QualifiedName,
    pub kind: RelationKind,
    bytes: u64,
    /// Of an index: the OID of its table.
    pub index_of: Option<u32>,
}

pub async fn read(session: &Session) -> Result<Catalogue, QueryError> {
    let rows = session
        .query(include_str!("sql/relations.sql"), &[])
        .await
        .during("list the clone's relations")?;
    Ok(rows
        .iter()
        .map(|row| {
            let entry = Entry {
                name: QualifiedName::new(
                    row.get::<_, String>("schema"),
                    row.get::<_, String>("name"),
                ),
                kind: RelationKind::from_relkind(row.get("kind")),
                bytes: row.get::<_, i64>("bytes").unsigned_abs(),
                index_of: row.get("index_of"),
            };
            (row.get("oid"), entry)
        })
        .collect())
}

/// Every relation that a trace may speak of.
pub struct Relations {
    before: Catalogue,
    after: Catalogue,
    /// Dropped while the trace ran.
    told: BTreeMap<u32, (RelationKind, QualifiedName)>,
}

impl Relations {
    pub fn new(before: Catalogue, after: Catalogue) -> Self {
        Self {
            before,
            after,
            told: BTreeMap::new(),
        }
    }

    /// Learns a relation that was dropped: its type and its identity, which is quoted where it must be.
    pub fn learn(&mut self, oid: u32, object_type: &str, identity: &str) {
        match QualifiedName::parse(identity) {
            Some(name) if name.schema != "pg_toast" => {
                self.told
                    .insert(oid, (RelationKind::from_object_type(object_type), name));
            }
            _ => {}
        }
    }

    /// Of an index that was there before: the OID of its table.
    pub fn index_of(&self, oid: u32) -> Option<u32> {
        self.before.get(&oid)?.index_of
    }

    /// By the name it had before, which is the one that the reader knows.
    pub fn get(&self, oid: u32) -> Option<Relation> {
        if let Some(entry) = self.before.get(&oid) {
            return Some(Relation {
                oid,
                name: entry.name.clone(),
                kind: entry.kind,
                age: Age::Existing { bytes: entry.bytes },
            });
        }
        let (kind, name) = self
            .after
            .get(&oid)
            .map(|entry| (entry.kind, entry.name.clone()))
            .or_else(|| self.told.get(&oid).cloned())?;
        Some(Relation {
            oid,
            name,
            kind,
            age: Age::New,
        })
    }
}
