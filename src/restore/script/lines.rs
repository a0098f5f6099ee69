//! What becomes of each statement of a plain dump, told by its first line.

use std::collections::BTreeSet;

use crate::context::Context;
use crate::policy::ObjectGlob;
use crate::postgres::Binaries;
use crate::postgres::copy_text::Keep;
use crate::postgres::surroundings::Surroundings;
use crate::restore::noise;
use crate::target::Target;
use crate::text::QualifiedName;

/// The line that `pg_dump` begins its scripts with.
const FIRST_LINE: &str = "-- PostgreSQL database dump";

/// Judges the lines outside rows.
pub struct LineReader {
    pub surroundings: Surroundings,
    pub tables: Vec<QualifiedName>,
    pub excluded: Vec<ObjectGlob>,
    pub dropped: BTreeSet<String>,
    restrict: Keep,
    /// What becomes of owners and privileges.
    roles: Keep,
    available: Vec<String>,
    /// The provider's extensions that are left out.
    pub left_out: Vec<String>,
    /// Extensions that this machine lacks.
    pub not_installed: Vec<String>,
    pub end: End,
    preamble: Preamble,
}

/// What `pg_dump` writes before its first object: settings, and with `--clean` statements that
/// drop everything, for which an empty database has no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Preamble {
    Open,
    Over,
}

/// Whether the script has its last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has no first line either: another program wrote it.
    Unmarked,
    Missing,
    Written,
}

impl LineReader {
    pub fn new(context: &Context, target: &Target, available: &[String]) -> Self {
        Self {
            roles: if target.is_ours() {
                Keep::Yes
            } else {
                // Roles belong to the whole server, which is not ours to add to.
                Keep::No
            },
            available: available.to_vec(),
            left_out: Vec::new(),
            not_installed: Vec::new(),
            end: End::Unmarked,
            preamble: Preamble::Over,
            surroundings: Surroundings::default(),
            tables: Vec::new(),
            excluded: context.policy.restore.exclude_data.clone(),
            dropped: BTreeSet::new(),
            restrict: if knows_restrict(&target.tools.binaries) {
                Keep::Yes
            } else {
                Keep::No
            },
        }
    }

    pub fn line(&mut self, line: &str) -> Keep {
        if line == FIRST_LINE {
            self.end = End::Missing;
            self.preamble = Preamble::Open;
        } else if ["-- Name: ", "-- Data for Name: ", "-- TOC entry "]
            .iter()
            .any(|start| line.starts_with(start))
        {
            self.preamble = Preamble::Over;
        }
        if self.preamble == Preamble::Open && !is_of_a_preamble(line) {
            if drops(line) {
                return Keep::No;
            }
            self.preamble = Preamble::Over;
        }
        self.surroundings.read_line(line);
        if line.starts_with("\\restrict ") || line.starts_with("\\unrestrict ") {
            return self.restrict;
        }
        if is_about_the_database(line) || line.starts_with("SET default_tablespace = ") {
            return Keep::No;
        }
        if line.starts_with("CREATE USER MAPPING ") {
            self.dropped
                .insert("user mappings to other servers".to_owned());
            return Keep::No;
        }
        if ["CREATE", "ALTER", "COMMENT ON"].iter().any(|verb| {
            line.strip_prefix(verb)
                .is_some_and(|rest| rest.starts_with(" SUBSCRIPTION "))
        }) {
            self.dropped.insert("subscriptions".to_owned());
            return Keep::No;
        }
        if let Some(extension) = extension_of(line) {
            return self.extension(extension);
        }
        if is_about_roles(line) {
            return self.roles;
        }
        if let Some(name) = line
            .strip_prefix("CREATE TABLE ")
            .or_else(|| line.strip_prefix("CREATE UNLOGGED TABLE "))
            .and_then(|rest| QualifiedName::parse(name_before_columns(rest)))
        {
            self.tables.push(name);
        }
        if let Some(name) = line
            .strip_prefix("COPY ")
            .and_then(|rest| QualifiedName::parse(name_before_columns(rest)))
            && self.excluded.iter().any(|pattern| pattern.matches(&name))
        {
            self.dropped.insert(format!("the rows of `{name}`"));
            return Keep::No;
        }
        Keep::Yes
    }
}

impl LineReader {
    /// A provider's extension is left out, with what is said of it; another one must be there.
    fn extension(&mut self, name: &str) -> Keep {
        let is_there = self.available.iter().any(|known| known == name);
        let list = if noise::is_provider_only(name) && (!is_there || name == "pg_cron") {
            &mut self.left_out
        } else if is_there {
            return Keep::Yes;
        } else {
            &mut self.not_installed
        };
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
        Keep::No
    }
}

/// `pg_trgm` of `CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;`, and of its comment.
fn extension_of(line: &str) -> Option<&str> {
    let rest = line
        .strip_prefix("CREATE EXTENSION IF NOT EXISTS ")
        .or_else(|| line.strip_prefix("CREATE EXTENSION "))
        .or_else(|| line.strip_prefix("COMMENT ON EXTENSION "))?;
    let name = rest.split([' ', ';']).next()?;
    Some(name.trim_matches('"'))
}

/// A dump made with `--create` makes a database of its own and goes there.
fn is_about_the_database(line: &str) -> bool {
    [
        "\\connect ",
        "CREATE DATABASE ",
        "DROP DATABASE ",
        "ALTER DATABASE ",
        "COMMENT ON DATABASE ",
        "SECURITY LABEL ON DATABASE ",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        || (line.starts_with("GRANT ") || line.starts_with("REVOKE "))
            && line.contains(" ON DATABASE ")
}

fn is_about_roles(line: &str) -> bool {
    [
        "GRANT ",
        "REVOKE ",
        "ALTER DEFAULT PRIVILEGES ",
        "SET SESSION AUTHORIZATION ",
        "RESET SESSION AUTHORIZATION",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        || line.starts_with("ALTER ") && line.contains(" OWNER TO ")
}

fn is_of_a_preamble(line: &str) -> bool {
    line.is_empty()
        || ["--", "\\", "SET ", "SELECT pg_catalog.set_config("]
            .iter()
            .any(|start| line.starts_with(start))
}

/// Whether `line` begins a statement that `--clean` writes. Nothing else may be left out: a script
/// whose comments were taken away has no other sign of where its objects begin.
fn drops(line: &str) -> bool {
    line.starts_with("DROP ")
        || line.starts_with("ALTER ") && line.contains(" DROP ") && line.ends_with(';')
        // A view in a circle is cut out of it before what it reads is dropped.
        || line.starts_with("CREATE OR REPLACE VIEW ")
        || line.starts_with("SELECT ") && line.contains("pg_catalog.lo_unlink(")
}

/// `public.orders` of `public.orders (`.
fn name_before_columns(text: &str) -> &str {
    text.find(" (").map_or(text, |end| &text[..end])
}

/// `\restrict` came with the minor releases of August 2025.
fn knows_restrict(binaries: &Binaries) -> bool {
    let minor: u32 = binaries
        .version
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse().ok())
        .unwrap_or(0);
    match binaries.major.0 {
        15 => minor >= 14,
        16 => minor >= 10,
        17 => minor >= 6,
        _ => true,
    }
}
