//! The rows in a dump's text, counted as they pass.
//!
//! In COPY's text format a row is a line, since line ends inside values are escaped. That makes
//! counting cheap: a search for line ends, and a look at each line's first two bytes.

use std::collections::BTreeMap;

use super::quotes::Quotes;
use crate::text::QualifiedName;

/// What a script's rows come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowCounts {
    pub tables: BTreeMap<QualifiedName, u64>,
    /// Some rows are `INSERT` statements (`pg_dump --inserts`), which are not counted.
    pub has_inserts: bool,
    /// The text ended inside this table's rows.
    pub cut_off: Option<QualifiedName>,
}

impl RowCounts {
    /// Says that there are rows which are not counted.
    pub fn with_inserts() -> Self {
        Self {
            has_inserts: true,
            ..Self::default()
        }
    }
}

/// What is to become of a line outside rows, or of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Yes,
    No,
}

/// Reads a dump's script chunk by chunk.
///
/// The first line of each statement, comment or command goes to `on_line`, which says whether all of
/// it is kept; the rows of a table are kept if its `COPY` line is. What is kept is appended to the
/// output.
pub struct Scanner<F> {
    on_line: F,
    counts: RowCounts,
    state: State,
    quotes: Quotes,
    /// Inside a statement that began on an earlier line: what became of that.
    inside: Option<Keep>,
    /// The part of the last line that the previous chunk held.
    pending: Vec<u8>,
}

enum State {
    Statements,
    Rows {
        table: QualifiedName,
        keep: Keep,
        rows: u64,
    },
}

impl<F: FnMut(&str) -> Keep> Scanner<F> {
    pub fn new(on_line: F) -> Self {
        Self {
            on_line,
            counts: RowCounts::default(),
            state: State::Statements,
            quotes: Quotes::default(),
            inside: None,
            pending: Vec::new(),
        }
    }

    /// Takes the next chunk; what is to be passed on is appended to `kept`.
    pub fn feed(&mut self, mut chunk: &[u8], kept: &mut Vec<u8>) {
        if !self.pending.is_empty() {
            let Some(end) = chunk.iter().position(|&byte| byte == b'\n') else {
                self.pending.extend_from_slice(chunk);
                return;
            };
            let mut line = std::mem::take(&mut self.pending);
            line.extend_from_slice(&chunk[..=end]);
            self.lines(&line, kept);
            chunk = &chunk[end + 1..];
        }
        match chunk.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => {
                let (complete, rest) = chunk.split_at(end + 1);
                self.lines(complete, kept);
                self.pending.extend_from_slice(rest);
            }
            None => self.pending.extend_from_slice(chunk),
        }
    }

    /// Ends the text.
    pub fn finish(mut self, kept: &mut Vec<u8>) -> RowCounts {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.lines(&rest, kept);
        }
        if let State::Rows { table, rows, .. } = self.state {
            self.counts.cut_off = Some(table.clone());
            *self.counts.tables.entry(table).or_default() += rows;
        }
        self.counts
    }

    /// Complete lines, each with its line end (the text's last may have none).
    fn lines(&mut self, mut text: &[u8], kept: &mut Vec<u8>) {
        while !text.is_empty() {
            match &mut self.state {
                State::Rows { table, keep, rows } => {
                    let (passed, ended) = rows_until_end(text, rows);
                    if *keep == Keep::Yes {
                        kept.extend_from_slice(&text[..passed]);
                    }
                    if ended {
                        let table = std::mem::replace(table, QualifiedName::new("", ""));
                        *self.counts.tables.entry(table).or_default() += *rows;
                        self.state = State::Statements;
                    }
                    text = &text[passed..];
                }
                State::Statements => {
                    let end = memchr(text).map_or(text.len(), |end| end + 1);
                    let (line, rest) = text.split_at(end);
                    self.statement_line(line, kept);
                    text = rest;
                }
            }
        }
    }

    fn statement_line(&mut self, line: &[u8], kept: &mut Vec<u8>) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_end_matches(['\n', '\r']);
        let keep = self.inside.unwrap_or_else(|| (self.on_line)(text));
        if keep == Keep::Yes {
            kept.extend_from_slice(line);
        }
        if self.inside.is_none() {
            if text.is_empty() || text.starts_with("--") || text.starts_with('\\') {
                return;
            }
            if text.starts_with("INSERT INTO ") {
                self.counts.has_inserts = true;
            }
            if let Some(table) = copied_table(text) {
                self.state = State::Rows {
                    table,
                    keep,
                    rows: 0,
                };
                return;
            }
        }
        self.inside = (!self.quotes.ends_with(text)).then_some(keep);
    }
}

/// Counts the rows at the front of `text`: how many bytes they and a `\.` take, and whether the
/// `\.` was reached.
fn rows_until_end(text: &[u8], rows: &mut u64) -> (usize, bool) {
    let mut offset = 0;
    while offset < text.len() {
        let rest = &text[offset..];
        let end = memchr(rest).map_or(rest.len(), |end| end + 1);
        if rest.starts_with(b"\\.") && matches!(&rest[2..end], b"" | b"\n" | b"\r\n") {
            return (offset + end, true);
        }
        *rows += 1;
        offset += end;
    }
    (offset, false)
}

fn memchr(text: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', text)
}

/// The table of `COPY public.orders (id, note) FROM stdin;`.
fn copied_table(line: &str) -> Option<QualifiedName> {
    let rest = line.strip_prefix("COPY ")?;
    let name = rest.strip_suffix(" FROM stdin;")?;
    // The columns follow the first parenthesis outside quotes.
    let mut quoted = false;
    let end = name
        .char_indices()
        .find(|&(_, character)| {
            quoted ^= character == '"';
            character == '(' && !quoted
        })
        .map_or(name.len(), |(index, _)| index);
    QualifiedName::parse(name[..end].trim_end())
}

/// Counts the rows of one data file of a directory archive: everything before its `\.`.
#[derive(Debug, Default)]
pub struct DataFileCounter {
    pub rows: u64,
    ended: bool,
    pending: Vec<u8>,
}

impl DataFileCounter {
    pub fn feed(&mut self, chunk: &[u8]) {
        if self.ended {
            return;
        }
        let complete = chunk
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |end| end + 1);
        let (lines, rest) = chunk.split_at(complete);
        if self.pending.is_empty() {
            self.ended = rows_until_end(lines, &mut self.rows).1;
        } else if complete > 0 {
            let mut joined = std::mem::take(&mut self.pending);
            joined.extend_from_slice(lines);
            self.ended = rows_until_end(&joined, &mut self.rows).1;
        }
        self.pending.extend_from_slice(rest);
    }

    /// The rows, or `None` if the end mark never came: the file was cut off.
    pub fn finish(mut self) -> Option<u64> {
        if !self.ended && !self.pending.is_empty() {
            self.ended = rows_until_end(&self.pending.clone(), &mut self.rows).1;
        }
        self.ended.then_some(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::{DataFileCounter, Keep, Scanner};
    use crate::text::QualifiedName;

    const DUMP: &str = "\\restrict abc\nCREATE TABLE public.a (id int);\n\
        COPY public.a (id, note) FROM stdin;\n1\tx\n2\tCOPY public.b FROM stdin;\n\\.\n\n\n\
        COPY audit.\"e (v\" (id) FROM stdin;\n\\.\nSELECT 1;\n\\unrestrict abc\n";

    fn scan(chunk: usize, text: &str) -> (String, super::RowCounts) {
        let mut scanner = Scanner::new(|line: &str| {
            if line.starts_with('\\') || line.starts_with("COPY audit") {
                Keep::No
            } else {
                Keep::Yes
            }
        });
        let mut kept = Vec::new();
        for part in text.as_bytes().chunks(chunk) {
            scanner.feed(part, &mut kept);
        }
        let counts = scanner.finish(&mut kept);
        (String::from_utf8(kept).expect("text"), counts)
    }

    #[test]
    fn rows_are_counted_whatever_the_chunks_are() {
        for chunk in [1, 2, 3, 7, 64, 1000] {
            let (kept, counts) = scan(chunk, DUMP);
            assert_eq!(
                kept,
                "CREATE TABLE public.a (id int);\nCOPY public.a (id, note) FROM stdin;\n1\tx\n\
                 2\tCOPY public.b FROM stdin;\n\\.\n\n\nSELECT 1;\n",
                "{chunk}"
            );
            assert_eq!(
                counts.tables.into_iter().collect::<Vec<_>>(),
                [
                    (QualifiedName::new("audit", "e (v"), 0),
                    (QualifiedName::new("public", "a"), 2)
                ]
            );
        }
    }

    #[test]
    fn a_text_that_ends_inside_rows_is_cut_off() {
        let (_, counts) = scan(5, "COPY public.a (id) FROM stdin;\n1\n2");
        assert_eq!(counts.cut_off, Some(QualifiedName::new("public", "a")));
        assert_eq!(counts.tables[&QualifiedName::new("public", "a")], 2);
    }

    #[test]
    fn data_files_end_with_their_mark() {
        for chunk in [1, 3, 100] {
            let count = |text: &str| {
                let mut counter = DataFileCounter::default();
                for part in text.as_bytes().chunks(chunk) {
                    counter.feed(part);
                }
                counter.finish()
            };
            assert_eq!(count("1\ta\n2\tb\n\\.\n\n\n"), Some(2));
            assert_eq!(count("\\.\n\n\n"), Some(0));
            assert_eq!(count("1\ta\n2\tb\n"), None);
            assert_eq!(count("1\ta\n2\t"), None);
        }
    }
}
