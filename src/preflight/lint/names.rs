//! Names in squawk's tree: what a statement makes, and what it is about.

use squawk_syntax::{SyntaxKind, SyntaxNode};

use crate::text::{QualifiedName, sql};

/// What a name is looked up among.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Tables, views, indexes and sequences share their names.
    Relation,
    Routine,
    Type,
    /// By its table's schema, and its table's name with its own.
    Constraint,
}

/// Something that a statement names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub kind: Kind,
    pub name: QualifiedName,
}

/// What a statement makes that was certainly not there before.
pub fn made(statement: &SyntaxNode) -> Vec<Named> {
    let mut made = Vec::new();
    let words = sql::leading_words(&statement.text().to_string(), 8);
    let is_new = words.first().is_some_and(|word| word == "create")
        && !words
            .iter()
            .any(|word| word == "replace" || word == "exists");
    if is_new
        && let Some(kind) = kind(statement)
        && let Some(path) = descendant(statement, &[SyntaxKind::PATH])
    {
        made.extend(named(kind, &path));
    }
    let table = made
        .first()
        .cloned()
        .or_else(|| subjects(statement).into_iter().next());
    if let Some(table) = table.filter(|table| table.kind == Kind::Relation) {
        made.extend(constraints(statement, &table, SyntaxKind::CONSTRAINT_NAME));
    }
    made
}

/// What a statement is about, in the order in which it is written: what it makes, changes or drops,
/// or the table of what it makes.
pub fn subjects(statement: &SyntaxNode) -> Vec<Named> {
    let Some(kind) = kind(statement) else {
        return Vec::new();
    };
    let tables = [SyntaxKind::TABLE_NAME_REF, SyntaxKind::RELATION_NAME_REF];
    let name = format!("{:?}", statement.kind());
    let is_drop = name.starts_with("DROP_");
    let is_on_a_table = !name.starts_with("CREATE_")
        || ["INDEX", "TRIGGER", "POLICY", "RULE"]
            .iter()
            .any(|noun| name.ends_with(noun));
    let mut paths: Vec<SyntaxNode> = match kind {
        Kind::Relation if is_on_a_table => statement
            .descendants()
            .filter(|node| tables.contains(&node.kind()))
            .filter_map(|node| descendant(&node, &[SyntaxKind::PATH_REF]))
            .collect(),
        _ => Vec::new(),
    };
    if paths.is_empty() {
        paths.extend(descendant(
            statement,
            if is_on_a_table {
                &[SyntaxKind::PATH_REF, SyntaxKind::PATH]
            } else {
                &[SyntaxKind::PATH]
            },
        ));
    }
    // Elsewhere the further ones are only mentioned: the table that a foreign key points to.
    if !is_drop && statement.kind() != SyntaxKind::TRUNCATE {
        paths.truncate(1);
    }
    paths.iter().filter_map(|path| named(kind, path)).collect()
}

/// The constraints of `table` that a part of a statement names.
pub fn constraints_named(part: &SyntaxNode, table: &Named) -> Vec<Named> {
    constraints(part, table, SyntaxKind::CONSTRAINT_NAME_REF)
}

fn constraints(part: &SyntaxNode, table: &Named, kind: SyntaxKind) -> Vec<Named> {
    part.descendants()
        .filter(|node| node.kind() == kind)
        .filter_map(|node| {
            let own = identifier(&node.text().to_string())?;
            Some(Named {
                kind: Kind::Constraint,
                name: QualifiedName::new(
                    table.name.schema.clone(),
                    format!("{}.{own}", table.name.name),
                ),
            })
        })
        .collect()
}

/// What the name of a statement's object is looked up among; `None` where it has no schema.
fn kind(statement: &SyntaxNode) -> Option<Kind> {
    let name = format!("{:?}", statement.kind());
    let noun = match name.split_once('_') {
        Some(("CREATE" | "ALTER" | "DROP", noun)) => noun,
        _ => name.as_str(),
    };
    Some(match noun {
        "FUNCTION" | "PROCEDURE" | "ROUTINE" | "AGGREGATE" => Kind::Routine,
        "TYPE" | "DOMAIN" => Kind::Type,
        "TABLE" | "TABLE_AS" | "FOREIGN_TABLE" | "INDEX" | "VIEW" | "MATERIALIZED_VIEW"
        | "SEQUENCE" | "TRIGGER" | "POLICY" | "RULE" | "REINDEX" | "CLUSTER" | "VACUUM"
        | "TRUNCATE" | "REFRESH" | "LOCK" | "UPDATE" | "INSERT" | "DELETE" | "MERGE"
        | "SELECT_INTO" => Kind::Relation,
        _ => return None,
    })
}

fn descendant(node: &SyntaxNode, kinds: &[SyntaxKind]) -> Option<SyntaxNode> {
    node.descendants().find(|node| kinds.contains(&node.kind()))
}

fn named(kind: Kind, path: &SyntaxNode) -> Option<Named> {
    let segments = [SyntaxKind::PATH_SEGMENT, SyntaxKind::PATH_SEGMENT_REF];
    let mut parts = path
        .descendants()
        .filter(|node| segments.contains(&node.kind()))
        .map(|node| identifier(&node.text().to_string()))
        .collect::<Option<Vec<String>>>()?;
    let name = parts.pop()?;
    let schema = parts.pop().unwrap_or_else(|| "public".to_owned());
    Some(Named {
        kind,
        name: QualifiedName { schema, name },
    })
}

/// A name as PostgreSQL takes it: in small letters unless it is quoted.
fn identifier(written: &str) -> Option<String> {
    let written = written.trim();
    let name = match written
        .strip_prefix('"')
        .and_then(|inner| inner.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => written.to_lowercase(),
    };
    (!name.is_empty()).then_some(name)
}
