//! Archives of `pg_dump` (custom, directory, tar): their table of contents, and what restoring
//! them will need.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::binaries::Major;
use super::tools::{ToolError, Tools};
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
    pub kind: EntryKind,
    /// Schema, name and owner as they are printed: names with spaces can't be told apart here.
    pub label: String,
    line: String,
}

impl Entry {
    /// Whether this entry is about the relation of that name.
    pub fn is_about(&self, name: &QualifiedName) -> bool {
        let wanted = format!("{} {}", name.schema, name.name);
        self.label
            .strip_prefix(&wanted)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// The name, if none of its parts has a space in it: for messages, and for patterns.
    pub fn name(&self) -> QualifiedName {
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
}

/// A table of contents.
#[derive(Clone, Debug)]
pub struct Contents {
    pub entries: Vec<Entry>,
    pub database: Option<String>,
    pub made_at: Option<String>,
    /// The server that was dumped.
    pub server_version: Option<String>,
}

impl Contents {
    /// Reads the table of contents of `archive`.
    pub async fn read(tools: &Tools, archive: &Path) -> Result<Self, ToolError> {
        let program = tools.program("pg_restore", None).arg("--list").arg(archive);
        let listing = tools
            .output_of(program)
            .await
            .map_err(|error| ToolError::Archive {
                path: archive.to_owned(),
                source: Box::new(error),
            })?;
        Ok(Self::parse(&String::from_utf8_lossy(&listing)))
    }

    fn parse(listing: &str) -> Self {
        let mut contents = Self {
            entries: Vec::new(),
            database: None,
            made_at: None,
            server_version: None,
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
    let described = words.nth(2)?;
    let (kind, label) = kind_of(described);
    Some(Entry {
        id: id.trim().parse().ok()?,
        kind,
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

/// What a script of `pg_dump` says beside its objects: roles that must exist, and how its database
/// was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    pub roles: BTreeSet<String>,
    /// `ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C'`, as in `CREATE DATABASE`.
    pub database_options: Option<String>,
    /// `search_path TO 'public', 'audit'`, as in `ALTER DATABASE … SET`.
    pub database_settings: Vec<String>,
    pub database_owner: Option<String>,
    /// What is granted on the database, and to whom: `CREATE`, `app`.
    pub database_grants: Vec<(String, String)>,
}

impl Surroundings {
    /// Reads the schema part of `archive`.
    pub async fn read(tools: &Tools, archive: &Path) -> Result<Self, ToolError> {
        let program = tools
            .program("pg_restore", None)
            .args(["--create", "--schema-only", "--file=-"])
            .arg(archive);
        let script = tools.output_of(program).await?;
        let mut surroundings = Self::default();
        for line in String::from_utf8_lossy(&script).lines() {
            surroundings.read_line(line);
        }
        Ok(surroundings)
    }

    /// Reads one line of a dump's script. `pg_dump` writes these statements in one form, each on a
    /// line of its own.
    pub fn read_line(&mut self, line: &str) {
        static OWNER: LazyLock<Regex> =
            LazyLock::new(|| pattern(r#"^ALTER .* OWNER TO ("(?:[^"]|"")+"|\w+);$"#));
        static GRANT: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r"^(?:GRANT|REVOKE) .* (?:TO|FROM) (.+?)(?: WITH GRANT OPTION)?;$")
        });
        static DEFAULTS: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r#"^ALTER DEFAULT PRIVILEGES FOR ROLE ("(?:[^"]|"")+"|\w+) .* (?:TO|FROM) (.+?)(?: WITH GRANT OPTION)?;$"#,
            )
        });
        static POLICY: LazyLock<Regex> = LazyLock::new(|| {
            pattern(
                r"^CREATE POLICY .* TO ((?:\x22(?:[^\x22]|\x22\x22)+\x22|\w+)(?:, (?:\x22(?:[^\x22]|\x22\x22)+\x22|\w+))*)(?: USING| WITH CHECK|;)",
            )
        });
        static DATABASE: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r"^CREATE DATABASE .* WITH TEMPLATE = template0 (ENCODING = .*);$")
        });
        static SETTING: LazyLock<Regex> =
            LazyLock::new(|| pattern(r#"^ALTER DATABASE (?:"(?:[^"]|"")+"|\w+) SET (.+);$"#));
        static DATABASE_OWNER: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r#"^ALTER DATABASE (?:"(?:[^"]|"")+"|\w+) OWNER TO ("(?:[^"]|"")+"|\w+);$"#)
        });
        static DATABASE_GRANT: LazyLock<Regex> = LazyLock::new(|| {
            pattern(r#"^GRANT (.+) ON DATABASE (?:"(?:[^"]|"")+"|\w+) TO (.+);$"#)
        });
        if let Some(found) = DATABASE_OWNER.captures(line) {
            self.database_owner = role_names(&found[1]).next();
        }
        if let Some(found) = DATABASE_GRANT.captures(line) {
            self.database_grants
                .push((found[1].to_owned(), found[2].to_owned()));
        }
        let mut role_lists = Vec::new();
        if let Some(found) = DATABASE.captures(line) {
            self.database_options = Some(found[1].to_owned());
        } else if let Some(found) = SETTING.captures(line) {
            self.database_settings.push(found[1].to_owned());
        } else if let Some(found) = DEFAULTS.captures(line) {
            role_lists.extend([found[1].to_owned(), found[2].to_owned()]);
        } else if let Some(found) = OWNER
            .captures(line)
            .or_else(|| GRANT.captures(line))
            .or_else(|| POLICY.captures(line))
        {
            role_lists.push(found[1].to_owned());
        }
        for list in role_lists {
            self.roles.extend(role_names(&list));
        }
    }
}

/// The roles of a list such as `app, "odd role", PUBLIC`, without those every server has.
fn role_names(list: &str) -> impl Iterator<Item = String> {
    static NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r#""((?:[^"]|"")+)"|(\w+)"#));
    let names: Vec<String> = NAME
        .captures_iter(list)
        .filter_map(|found| match (found.get(1), found.get(2)) {
            (Some(quoted), _) => Some(quoted.as_str().replace("\"\"", "\"")),
            (None, Some(plain)) if plain.as_str() == "PUBLIC" => None,
            (None, plain) => plain.map(|plain| plain.as_str().to_owned()),
        })
        .filter(|name| !name.starts_with("pg_") && name != "public")
        .collect();
    names.into_iter()
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
    use super::{Contents, EntryKind, Surroundings};
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
    fn roles_and_the_database_are_read_from_a_script() {
        let mut surroundings = Surroundings::default();
        for line in [
            "CREATE DATABASE toc WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8';",
            "ALTER DATABASE toc OWNER TO boss;",
            "GRANT CREATE ON DATABASE toc TO app;",
            "ALTER DATABASE toc SET search_path TO 'public', 'audit';",
            "ALTER TABLE public.\"We ird\" OWNER TO \"od\"\"d\";",
            "GRANT SELECT,INSERT ON TABLE public.c TO reader WITH GRANT OPTION;",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
            "ALTER DEFAULT PRIVILEGES FOR ROLE app IN SCHEMA public GRANT SELECT ON TABLES  TO \"odd role\";",
            "CREATE POLICY pol ON public.c FOR SELECT TO p1, \"p 2\" USING (true);",
            "GRANT SELECT ON TABLE public.c TO pg_monitor;",
            "    RAISE 'GRANT x TO y;';",
        ] {
            surroundings.read_line(line);
        }
        assert_eq!(
            surroundings
                .roles
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
            ["app", "boss", "od\"d", "odd role", "p 2", "p1", "reader"]
        );
        assert_eq!(
            surroundings.database_options.as_deref(),
            Some("ENCODING = 'UTF8' LOCALE_PROVIDER = libc LOCALE = 'C.UTF-8'")
        );
        assert_eq!(
            surroundings.database_settings,
            ["search_path TO 'public', 'audit'"]
        );
        assert_eq!(surroundings.database_owner.as_deref(), Some("boss"));
        assert_eq!(
            surroundings.database_grants,
            [("CREATE".to_owned(), "app".to_owned())]
        );
    }
}
