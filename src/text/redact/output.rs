//! What a child process prints, without the values that clients of PostgreSQL print.
//!
//! The server puts values into a few fields of an error (`DETAIL`, `CONTEXT`, `HINT`, a function's own
//! statement) and into a few messages. Each client prints them in a layout of its own, but the words are
//! the server's in all of them. What a program says in words of its own can't be told from a name.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::pattern;

/// A value of more lines than these has ended without a sign of it.
const MOST_LINES: u32 = 40;

/// One output of a child, read line by line: a value may go over several.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// What the line before left open, and for how many lines at most.
    open: Option<(Open, u32)>,
}

/// A value that does not end on its line, by what comes at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Row,
    Key,
    Quote,
    /// A function's own statement, until the field that always follows it.
    Query,
    /// A field whose text stands on the next line.
    Field,
}

impl Output {
    /// The next line, without values; one that is nothing but values is shown as `…`.
    pub fn line(&mut self, line: &str) -> String {
        let Some((open, left)) = self.open.take() else {
            return self.first(line);
        };
        let is_last = match open {
            Open::Row => ROW_END.is_match(line),
            Open::Key => ends_key(line),
            Open::Quote => quotes(line) % 2 == 1,
            Open::Query if CONTEXT.is_match(line) => return self.first(line),
            Open::Query => false,
            Open::Field if !QUOTED.is_match(line) => return self.first(line),
            Open::Field => {
                let goes_on = CONCATENATED.is_match(line).then_some(Open::Field);
                self.open = goes_on
                    .or_else(|| left_open(line))
                    .map(|open| (open, MOST_LINES));
                return "…".to_owned();
            }
        };
        if !is_last && left > 1 {
            self.open = Some((open, left - 1));
        }
        "…".to_owned()
    }

    fn first(&mut self, line: &str) -> String {
        self.open = left_open(line).map(|open| (open, MOST_LINES));
        child_line(line)
    }
}

/// One line that a child process wrote, without values. [`Output`] also knows what went before it.
pub fn child_line(line: &str) -> String {
    let line = KEY.replace(line, |found: &Captures<'_>| {
        // The last end: a value may look like one.
        let end = KEY_END.find_iter(&found[2]).last();
        let rest = end.map_or(")", |end| &found[2][end.start()..]);
        format!("{}(…{rest}", &found[1])
    });
    let mut line = ROW.replace_all(&line, "$1(…)").into_owned();
    for around in [&OUT_OF_RANGE, &QUOTED_VALUE, &BATCH] {
        line = around.replace_all(&line, "${1}…${2}").into_owned();
    }
    let line = PARAMETERS.replace_all(&line, "${1}…");
    let line = BEFORE_VALUE.replace_all(&line, "$1 …");
    without_fields(&line)
}

/// What is left open when this line ends.
fn left_open(line: &str) -> Option<Open> {
    let after = |pattern: &Regex| Some(&line[pattern.find(line)?.end()..]);
    if FIELD_ALONE.is_match(line) || (CONCATENATED.is_match(line) && without_fields(line) != line) {
        return Some(Open::Field);
    }
    if let Some(row) = after(&ROW_BEGIN) {
        return (!ROW_END.is_match(row)).then_some(Open::Row);
    }
    if KEY.is_match(line) {
        return (!ends_key(line)).then_some(Open::Key);
    }
    if QUERY.is_match(line) {
        return Some(Open::Query);
    }
    // A value with quotes in it is taken to end on its line. Statements have quoted names in them.
    let message = after(&MESSAGE).is_some_and(|value| quotes(value) == 1);
    let statement = after(&STATEMENT).is_some_and(|statement| quotes(statement).is_multiple_of(2));
    let detail = after(&DETAIL).is_some_and(|detail| quotes(detail) % 2 == 1);
    (message || statement || detail).then_some(Open::Quote)
}

/// The line up to the text of the first field that has one.
fn without_fields(line: &str) -> String {
    let has_text = |end: usize| {
        let text = line[end..].trim_start();
        !text.is_empty() && !NOTHING.is_match(text)
    };
    let of_any = FIELD.find_iter(line).find(|found| has_text(found.end()));
    let of_quoted = QUOTED_FIELD
        .find_iter(line)
        .find(|found| has_text(found.end()) && QUOTED.is_match(&line[found.end()..]));
    let first = [of_any, of_quoted]
        .into_iter()
        .flatten()
        .map(|found| found.end())
        .min();
    match first {
        Some(end) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

fn ends_key(line: &str) -> bool {
    KEY_END.is_match(line) || KEYS_END.is_match(line)
}

fn quotes(text: &str) -> usize {
    text.matches('"').count()
}

/// Messages that end with a value.
const MESSAGES: &str = r#"(?:invalid input (?:syntax|value) for (?:[^:,"]|\\?"[^"]*")+|\bout of range|malformed [a-z ]+ literal|invalid (?:byte sequence for encoding [^:]*|hexadecimal digit|cidr value)):"#;

const STATEMENTS: &str = r"\b(?:SQL (?:statement|expression)|PL/pgSQL (?:assignment|expression))";

macro_rules! patterns {
    ($($(#[$about:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$about])* static $name: LazyLock<Regex> = LazyLock::new(|| pattern($text));)+
    };
}

patterns! {
    /// `Key (mail)=(jane@example.org) is duplicated.` All that follows may be values.
    KEY = r"(?i)(\bkey \(.*?\)=)\((.*)$";
    KEY_END = r"\) (?:already exists|is duplicated|is not present in table|is still referenced from table)";
    KEYS_END = r"\) conflicts with .*\)\.";
    ROW = r"(?i)\b(failing row contains )\(.*$";
    ROW_BEGIN = r"(?i)\bfailing row contains \(";
    ROW_END = r#"\)\.(?:$|[\s"'`\\<,])"#;
    OUT_OF_RANGE = r#"(?i)\b(value \\?").*(\\?" is out of range)"#;
    QUOTED_VALUE = r#"(?i)\b((?:invalid value|time zone|symbol|token|but found) \\?").*(\\?"(?: for | not recognized| found while| is invalid|\.))"#;
    /// What the JDBC driver and `SQLAlchemy` say of a statement.
    BATCH = r"(?i)\b(batch entry \d+ ).*( was aborted)";
    PARAMETERS = r"(?i)(\bparameters: ?)[\[({][^\])}].*$";
    BEFORE_VALUE = &format!(
        r#"(?i)({MESSAGES}|\bCOPY [^,]+, line \d+[^:]*:|\bJSON data, line \d+:|\b(?:portal|query)\b[^:=]* parameters?(?: \$\d+ =|:)|{STATEMENTS} \\?")\s*.*$"#
    );
    MESSAGE = &format!("(?i){MESSAGES}");
    /// Where its quotes are escaped, so are its line ends.
    STATEMENT = &format!(r#"(?i){STATEMENTS} ""#);
    /// As psql, psycopg, Rails and the JDBC driver print them: a text without quotes may follow.
    FIELD = r#"\b(?:(?i:detail)|CONTEXT|HINT|WHERE|QUERY)\\?['"]?\s*[:=]\s*|^\s*(?:Hint|Where|Internal Query)\s*:\s*"#;
    /// As node-postgres, pq and Rust's drivers print them. Others have fields of these names too.
    QUOTED_FIELD = r#"(?i)\b(?:context|hint|where_?|internal_?query)\\?['"]?\s*[:=]\s*"#;
    FIELD_ALONE = r"^\s*(?:detail|hint|where|internalQuery):\s*$";
    DETAIL = r"(?i)\bdetail\s*:";
    /// How node-postgres's errors are shown where a text has several lines.
    CONCATENATED = r#"["'`] \+$"#;
    QUOTED = r#"^\s*(?:Some\(\s*)?\\?["'`]"#;
    NOTHING = r#"^(?:(?:undefined|None|null|nil)\b|""|''|\\"\\")"#;
    QUERY = r"^\s*QUERY:";
    CONTEXT = r"^\s*CONTEXT:";
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Output, child_line};

    fn safe(text: &str) -> String {
        let mut output = Output::default();
        text.lines().map(|line| output.line(line) + "\n").collect()
    }

    #[test]
    fn values_leave_what_tools_print_and_the_rest_stays() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/output");
        let read = |file: &str| std::fs::read_to_string(directory.join(file)).expect("a fixture");
        for tool in [
            "alembic",
            "flyway",
            "golang-migrate",
            "knex",
            "prisma",
            "psql",
            "rails",
        ] {
            let said = read(&format!("{tool}.txt"));
            assert!(said.contains("leakrow"), "{tool}");
            let expected = read(&format!("{tool}.safe.txt"));
            assert!(!expected.contains("leak"), "{tool}");
            assert_eq!(safe(&said), expected, "{tool}");
            let again: String = expected
                .lines()
                .map(|line| child_line(line) + "\n")
                .collect();
            assert_eq!(again, expected, "{tool}, a second time");
        }
        let near = read("near-misses.txt");
        assert_eq!(safe(&near), near);
    }

    #[test]
    fn values_leave_single_lines() {
        let cases = [
            (
                "DETAIL:  Key (email)=(jane@x.org) already exists.",
                "DETAIL:  …",
            ),
            (
                "error: Key (email)=(jane@x.org) already exists.",
                "error: Key (email)=(…) already exists.",
            ),
            (
                "  detail: 'Failing row contains (1, Jane).',",
                "  detail: …",
            ),
            (
                "ERROR:  invalid input syntax for type integer: \"Jane\"",
                "ERROR:  invalid input syntax for type integer: …",
            ),
            (
                "ERROR:  value \"9999\" is out of range for type integer",
                "ERROR:  value \"…\" is out of range for type integer",
            ),
            (
                "ERROR:  invalid value \"Jane\" for \"YYYY\"",
                "ERROR:  invalid value \"…\" for \"YYYY\"",
            ),
            (
                "CONTEXT:  COPY users, line 3, column mail: \"jane\"",
                "CONTEXT:  …",
            ),
            (
                "Key (a, lower(b))=(1, (2)) is not present in table \"t\".",
                "Key (a, lower(b))=(…) is not present in table \"t\".",
            ),
            (
                "Key (a)=(1) conflicts with existing key (a)=(2).",
                "Key (a)=(…)",
            ),
            (
                r#"{"msg":"failed","where_":"SQL statement \"x\"","code":"23505"}"#,
                r#"{"msg":"failed","where_":…"#,
            ),
            (
                "Batch entry 0 insert into t values ('Jane') was aborted: ERROR: duplicate key",
                "Batch entry 0 … was aborted: ERROR: duplicate key",
            ),
            ("applied 3 migrations", "applied 3 migrations"),
        ];
        for (line, safe) in cases {
            assert_eq!(child_line(line), safe);
            assert_eq!(child_line(safe), safe, "a second time");
        }
    }

    #[test]
    fn a_value_of_several_lines_ends_where_the_server_ends_it() {
        let cases = [
            (
                "DETAIL:  Failing row contains (1, first\nsecond, (third)\nlast, null).\ngo on",
                "DETAIL:  …\n…\n…\ngo on\n",
            ),
            (
                "Key (note)=(first (1)\nlast) already exists.\ngo on",
                "Key (note)=(…)\n…\ngo on\n",
            ),
            (
                "ERROR:  invalid input syntax for type integer: \"first\nlast\"\ngo on",
                "ERROR:  invalid input syntax for type integer: …\n…\ngo on\n",
            ),
            (
                "QUERY:  insert into t\nvalues ('Jane')\nCONTEXT:  SQL statement \"insert into t\nvalues ('Jane')\"\nPL/pgSQL function f() line 3 at EXECUTE",
                "QUERY:  …\n…\nCONTEXT:  …\n…\nPL/pgSQL function f() line 3 at EXECUTE\n",
            ),
            (
                "  detail:\n   'Token \"Jane\" is invalid.',\n  hint:\nundefined",
                "  detail:\n…\n  hint:\nundefined\n",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(safe(text), expected);
        }
        let endless = format!("DETAIL:  Failing row contains (1{}", "\nmore".repeat(60));
        assert_eq!(safe(&endless).matches("more\n").count(), 20);
    }
}
