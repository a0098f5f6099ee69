//! One text, read by squawk, and what it says put where our statements are.

use squawk_linter::{Linter, Rule, Violation};
use squawk_syntax::ast::AstNode as _;
use squawk_syntax::{Parse, SourceFile, SyntaxNode};

use super::Reading;
use super::names::{self, Named};
use crate::postgres::tools::Transaction;
use crate::text::sql;

/// Squawk's parser calls itself for whatever stands in something else, and a stack that runs out ends
/// the whole process. A statement of no more words than this fits, however it is nested; a longer one
/// is data.
const LENGTH_LIMIT: usize = 2_000;

/// Room for that and to spare: 20,000 levels, without optimisation, were too many for 8 MB.
const STACK: usize = 64 * 1024 * 1024;

/// Lines from which on a file says how its change is undone, in the words of the tools that keep
/// both in one file.
const WAY_BACK: [&str; 3] = ["-- +goose down", "-- migrate:down", "-- +migrate down"];

/// Something that a rule of squawk's says of a place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Squawk's name of the rule.
    pub rule: String,
    pub message: String,
    pub help: Option<String>,
    pub line: u32,
    /// Its statement's place among those of the file.
    pub statement: usize,
    /// The line on which its statement begins.
    pub statement_line: u32,
    /// What the statement is about, most telling first.
    pub subjects: Vec<Named>,
    /// The constraints that the place itself names.
    pub constraints: Vec<Named>,
}

/// Something that a statement makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    pub statement: usize,
    pub what: Named,
}

/// Lints a text. `None`: squawk panicked.
pub(super) fn lint(text: &str, reading: Reading) -> Option<(Vec<Hit>, Vec<Made>)> {
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || read(way_forth(text), reading))
            .ok()?
            .join()
            .ok()
    })
}

/// The text without what is no SQL, and without statements that are too long.
fn readable(text: &str) -> String {
    let mut readable = sql::without_data(text);
    for statement in sql::statements(text) {
        if statement.text.len() > LENGTH_LIMIT && sql::length(statement.text) > LENGTH_LIMIT {
            let range = statement.start..statement.start + statement.text.len();
            let blank: String = statement
                .text
                .bytes()
                .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
                .collect();
            readable.replace_range(range, &blank);
        }
    }
    readable
}

fn read(text: &str, reading: Reading) -> (Vec<Hit>, Vec<Made>) {
    let sql = readable(text);
    let parse = SourceFile::parse(&sql);
    let mut linter = Linter::from(reading.rules());
    if let Ok(version) = format!("{}.0", reading.major.0).parse() {
        linter.settings.pg_version = version;
    }
    linter.settings.assume_in_transaction = reading.transaction == Transaction::Single;
    let violations = linter.lint(&parse, &sql);
    let statements = Statements::of(text, &parse);
    let mut hits: Vec<Hit> = violations
        .iter()
        .filter_map(|violation| statements.hit(violation))
        .collect();
    hits.dedup();
    (hits, statements.made())
}

/// The part of a file that migrates.
fn way_forth(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        let line_text = line.trim_start().to_ascii_lowercase();
        if WAY_BACK.iter().any(|marker| line_text.starts_with(marker)) {
            return &text[..end];
        }
        end += line.len();
    }
    text
}

/// The statements of a text: where they are by our own splitter, which the trace goes by too, and
/// what they name by squawk's tree.
struct Statements<'a> {
    text: &'a str,
    ours: Vec<sql::Statement<'a>>,
    trees: Vec<SyntaxNode>,
    errors: Vec<usize>,
}

impl<'a> Statements<'a> {
    fn of(text: &'a str, parse: &Parse<SourceFile>) -> Self {
        Self {
            text,
            ours: sql::statements(text),
            trees: parse
                .tree()
                .stmts()
                .map(|statement| statement.syntax().clone())
                .collect(),
            errors: parse
                .errors()
                .iter()
                .map(|error| error.range().start().into())
                .collect(),
        }
    }

    /// `None` for a statement that squawk can't read: what it then says is a guess.
    fn hit(&self, violation: &Violation) -> Option<Hit> {
        let start = usize::from(violation.text_range.start());
        let line = self.line(start);
        let after = self.ours.partition_point(|ours| ours.start <= start);
        let number = after.saturating_sub(1);
        let (mut subjects, mut constraints) = (Vec::new(), Vec::new());
        let mut statement_line = line;
        if let Some(ours) = self.ours.get(number).filter(|_| after > 0) {
            let end = ours.start + ours.text.len();
            let is_read = |error: &usize| !(ours.start..=end).contains(error);
            if start < end {
                if !self.errors.iter().all(is_read) {
                    return None;
                }
                statement_line = ours.first_line;
            }
        }
        if let Some(tree) = self.tree_at(start) {
            subjects = names::subjects(tree);
            if let Some(table) = subjects.first()
                && let Some(part) = part_at(tree, violation)
            {
                constraints = names::constraints_named(&part, table);
            }
        }
        Some(Hit {
            rule: violation.code.to_string(),
            message: message(violation),
            help: violation.help.as_deref().map(sentence),
            line,
            statement: number,
            statement_line,
            subjects,
            constraints,
        })
    }

    fn made(&self) -> Vec<Made> {
        let mut made = Vec::new();
        for (number, ours) in self.ours.iter().enumerate() {
            if let Some(tree) = self.tree_at(ours.start) {
                made.extend(names::made(tree).into_iter().map(|what| Made {
                    statement: number,
                    what,
                }));
            }
        }
        made
    }

    fn tree_at(&self, offset: usize) -> Option<&SyntaxNode> {
        let after = self
            .trees
            .partition_point(|tree| usize::from(tree.text_range().start()) <= offset);
        let tree = self.trees.get(after.checked_sub(1)?)?;
        (offset <= usize::from(tree.text_range().end())).then_some(tree)
    }

    fn line(&self, offset: usize) -> u32 {
        let before = &self.text.as_bytes()[..offset];
        u32::try_from(memchr::memchr_iter(b'\n', before).count() + 1).unwrap_or(u32::MAX)
    }
}

/// The part of a statement that a violation is about.
fn part_at(statement: &SyntaxNode, violation: &Violation) -> Option<SyntaxNode> {
    let range = violation.text_range;
    let within = statement.text_range();
    within.contains_range(range).then(|| {
        let element = statement.covering_element(range);
        element
            .as_node()
            .cloned()
            .or_else(|| element.parent())
            .unwrap_or_else(|| statement.clone())
    })
}

/// What squawk says, as our findings are written. Its messages name identifiers and no values; but
/// a comment may say anything.
fn message(violation: &Violation) -> String {
    if violation.code == Rule::UnusedIgnore {
        return "the comment names no rule of squawk's".to_owned();
    }
    sentence(&violation.message)
}

/// Without a capital at its beginning and without a full stop.
fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches(['.', '!']);
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            format!("{}{}", first.to_lowercase(), &text[first.len_utf8()..])
        }
        _ => text.to_owned(),
    }
}
