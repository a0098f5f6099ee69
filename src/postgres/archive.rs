//! Archives of `pg_dump` (custom, directory, tar): their table of contents.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::binaries::Major;
use super::tools::{ToolError, Tools};
use crate::process::child::Program;
use crate::text::QualifiedName;

/// What an entry describes, as far as a restore treats it specially.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    Table,
    TableData,
    Extension,
    ExtensionComment,
    ForeignKey,
    UserMapping,
    Subscription,
    LargeObjects,
    MaterializedViewData,
    Other,
}

/// One line of the table of contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Names the entry, and in a directory archive its file.
    pub id: u32,
    /// The object's own; a table and its rows have the same.
    oid: u32,
    pub kind: EntryKind,
    /// Schema, name and owner as they are printed: names with spaces can't be told apart here.
    pub label: String,
    /// Schema and name, where the archive's script tells them apart.
    name: Option<QualifiedName>,
    line: String,
}

impl Entry {
    /// Whether this entry is about the relation of that name.
    pub fn is_about(&self, name: &QualifiedName) -> bool {
        if let Some(own) = &self.name {
            return own == name;
        }
        let wanted = format!("{} {}", name.schema, name.name);
        self.label
            .strip_prefix(&wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// The relation's name. Where only the label is known, names with spaces in them may be cut at
    /// the wrong one.
    pub fn name(&self) -> QualifiedName {
        if let Some(name) = &self.name {
            return name.clone();
        }
        let mut words: Vec<&str> = self.label.split(' ').collect();
        let schema = if words.is_empty() {
            ""
        } else {
            words.remove(0)
        };
        if words.len() > 1 {
            words.pop();
        }
        QualifiedName::new(schema, words.join(" "))
    }

    /// The schema that the object is in, or that it is.
    pub fn schema(&self) -> Option<&str> {
        let name = self.name.as_ref()?;
        if name.schema == "-" {
            let is_schema = self.label.starts_with("SCHEMA - ");
            return name
                .name
                .strip_prefix("SCHEMA ")
                .or(is_schema.then_some(name.name.as_str()));
        }
        Some(&name.schema)
    }
}

/// A table of contents.
#[derive(Clone, Debug)]
pub struct Contents {
    pub entries: Vec<Entry>,
    pub database: Option<String>,
    pub made_at: Option<String>,
    /// The server that was dumped.
    pub server_version: Option<String>,
    /// The `pg_dump` that made the archive: an older `pg_restore` may not read it.
    pub made_by: Option<Major>,
}

/// What `pg_restore` says of an archive.
async fn read(tools: &Tools, archive: &Path, program: Program) -> Result<Vec<u8>, ToolError> {
    tools
        .output_of(program)
        .await
        .map_err(|error| ToolError::Archive {
            path: archive.to_owned(),
            source: Box::new(error),
        })
}

impl Contents {
    /// Reads the table of contents of `archive`.
    pub async fn read(tools: &Tools, archive: &Path) -> Result<Self, ToolError> {
        let program = tools.program("pg_restore", None).arg("--list").arg(archive);
        let listing = read(tools, archive, program).await?;
        let mut contents = Self::parse(&String::from_utf8_lossy(&listing));
        let program = tools
            .program("pg_restore", None)
            .args(["--schema-only", "--verbose", "--file=-"])
            .arg(archive);
        let script = read(tools, archive, program).await?;
        contents.name_entries(&String::from_utf8_lossy(&script));
        Ok(contents)
    }

    /// Takes names from the comments of an archive's verbose script, where each part has its mark.
    fn name_entries(&mut self, script: &str) {
        static PLACE: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"^-- TOC entry (\d+) \(class (\d+) OID (\d+)\)"));
        static NAME: LazyLock<Regex> =
            LazyLock::new(|| pattern(r"^-- Name: (.*); Type: .*; Schema: (.*); Owner: "));
        let mut entries: BTreeMap<u32, QualifiedName> = BTreeMap::new();
        let mut relations: BTreeMap<u32, QualifiedName> = BTreeMap::new();
        let mut place = None;
        for line in script.lines() {
            if let Some(found) = PLACE.captures(line) {
                place = Some((
                    found[1].to_owned(),
                    &found[2] == "1259",
                    found[3].to_owned(),
                ));
            } else if let Some(found) = NAME.captures(line)
                && let Some((id, is_relation, oid)) = place.take()
            {
                let name = QualifiedName::new(&found[2], &found[1]);
                if let (true, Ok(oid)) = (is_relation, oid.parse()) {
                    relations.insert(oid, name.clone());
                }
                if let Ok(id) = id.parse() {
                    entries.insert(id, name);
                }
            }
        }
        for entry in &mut self.entries {
            entry.name = match entry.kind {
                EntryKind::TableData => relations.get(&entry.oid).cloned(),
                _ => entries.remove(&entry.id),
            };
        }
    }

    fn parse(listing: &str) -> Self {
        let mut contents = Self {
            entries: Vec::new(),
            database: None,
            made_at: None,
            server_version: None,
            made_by: None,
        };
        for line in listing.lines() {
            let Some(comment) = line.strip_prefix(';') else {
                contents.entries.extend(parse_entry(line));
                continue;
            };
            let comment = comment.trim();
            if let Some(name) = comment.strip_prefix("dbname: ") {
                contents.database = Some(name.to_owned());
            } else if let Some(time) = comment.strip_prefix("Archive created at ") {
                contents.made_at = Some(time.to_owned());
            } else if let Some(version) = comment.strip_prefix("Dumped from database version: ") {
                contents.server_version = Some(version.to_owned());
            } else if let Some(version) = comment.strip_prefix("Dumped by pg_dump version: ") {
                contents.made_by = Major::from_version_text(version);
            }
        }
        contents
    }

    pub fn major(&self) -> Option<Major> {
        Major::from_version_text(self.server_version.as_deref()?)
    }

    pub fn of_kind(&self, kind: EntryKind) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.kind == kind)
    }

    /// The list that makes `pg_restore --use-list` restore only the entries that `wanted` accepts.
    pub fn list(&self, mut wanted: impl FnMut(&Entry) -> bool) -> String {
        self.entries
            .iter()
            .filter(|entry| wanted(entry))
            .map(|entry| format!("{}\n", entry.line))
            .collect()
    }
}

fn parse_entry(line: &str) -> Option<Entry> {
    let (id, rest) = line.split_once("; ")?;
    // Catalogue and object OIDs come before the description.
    let mut words = rest.splitn(3, ' ');
    let oid = words.nth(1)?.parse().ok()?;
    let described = words.next()?;
    let (kind, label) = kind_of(described);
    Some(Entry {
        id: id.trim().parse().ok()?,
        oid,
        kind,
        name: None,
        label: label.trim_end().to_owned(),
        line: line.to_owned(),
    })
}

/// The descriptions that matter; longer ones first where one begins another.
fn kind_of(described: &str) -> (EntryKind, &str) {
    const KINDS: &[(&str, EntryKind)] = &[
        ("TABLE DATA ", EntryKind::TableData),
        ("TABLE ATTACH ", EntryKind::Other),
        ("TABLE ", EntryKind::Table),
        ("FOREIGN TABLE ", EntryKind::Other),
        ("EXTENSION - ", EntryKind::Extension),
        ("COMMENT - EXTENSION ", EntryKind::ExtensionComment),
        ("FK CONSTRAINT ", EntryKind::ForeignKey),
        ("USER MAPPING ", EntryKind::UserMapping),
        ("SUBSCRIPTION ", EntryKind::Subscription),
        ("BLOBS ", EntryKind::LargeObjects),
        ("BLOB ", EntryKind::LargeObjects),
        ("MATERIALIZED VIEW DATA ", EntryKind::MaterializedViewData),
    ];
    KINDS
        .iter()
        .find_map(|(prefix, kind)| Some((*kind, described.strip_prefix(prefix)?)))
        .unwrap_or((EntryKind::Other, described))
}

/// The data files of a directory archive, by the id of their entry.
pub fn data_file(archive: &Path, entry: &Entry) -> Option<PathBuf> {
    ["dat", "dat.gz", "dat.zst", "dat.lz4"]
        .iter()
        .map(|ending| archive.join(format!("{}.{ending}", entry.id)))
        .find(|path| path.is_file())
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern is valid")
}

#[cfg(test)]
mod tests {
    use super::{Contents, EntryKind};
    use crate::text::QualifiedName;

    const LISTING: &str = "\
;
; Archive created at 2026-11-21 04:50:28 UTC
;     dbname: toc
;     Format: CUSTOM
;     Dumped from database version: 15.18 (Debian 15.18-0+deb12u1)
;
4; 1262 16388 DATABASE - toc x
2; 3079 16392 EXTENSION - pg_trgm
3543; 0 0 COMMENT - EXTENSION pg_trgm
218; 1259 16578 TABLE public We ird app
3528; 0 16578 TABLE DATA public We ird app
3370; 0 0 TABLE ATTACH public p1 x
3545; 0 0 USER MAPPING - USER MAPPING x SERVER srv x
";

    #[test]
    fn a_listing_is_read() {
        let contents = Contents::parse(LISTING);
        assert_eq!(contents.database.as_deref(), Some("toc"));
        assert_eq!(contents.major().map(|major| major.0), Some(15));
        let kinds: Vec<EntryKind> = contents.entries.iter().map(|entry| entry.kind).collect();
        assert_eq!(
            kinds,
            [
                EntryKind::Other,
                EntryKind::Extension,
                EntryKind::ExtensionComment,
                EntryKind::Table,
                EntryKind::TableData,
                EntryKind::Other,
                EntryKind::UserMapping,
            ]
        );
        let table = &contents.entries[3];
        assert!(table.is_about(&QualifiedName::new("public", "We ird")));
        assert!(!table.is_about(&QualifiedName::new("public", "We ir")));
        assert_eq!(table.name(), QualifiedName::new("public", "We ird"));
        assert_eq!(
            contents.list(|entry| entry.kind == EntryKind::Table),
            "218; 1259 16578 TABLE public We ird app\n"
        );
    }

    #[test]
    fn the_script_tells_names_with_spaces_apart() {
        let mut contents = Contents::parse(
            "218; 1259 16578 TABLE my schema We ird odd role\n\
             3532; 0 16578 TABLE DATA my schema We ird odd role\n\
             7; 2615 16400 SCHEMA - my schema odd role\n",
        );
        contents.name_entries(
            "--\n-- TOC entry 218 (class 1259 OID 16578)\n-- Dependencies: 7\n\
             -- Name: We ird; Type: TABLE; Schema: my schema; Owner: odd role\n--\n\
             -- TOC entry 7 (class 2615 OID 16400)\n\
             -- Name: my schema; Type: SCHEMA; Schema: -; Owner: odd role\n",
        );
        let name = QualifiedName::new("my schema", "We ird");
        assert!(
            contents.entries[..2]
                .iter()
                .all(|entry| entry.is_about(&name))
        );
        assert_eq!(contents.entries[1].name(), name);
        assert!(!contents.entries[1].is_about(&QualifiedName::new("my", "schema")));
        assert!(
            contents
                .entries
                .iter()
                .all(|entry| entry.schema() == Some("my schema"))
        );
    }
}
