//! What `pg_restore` complains of: each error it goes past, without values, with what it is about.

use super::noise;
use crate::text::{redact, sql};

/// A statement up to the name of what it is about: no value comes before that.
fn beginning(statement: &str) -> String {
    let end = statement.find(['(', '\'', '=', '$', ';']);
    let words = statement[..end.unwrap_or(statement.len())].split_whitespace();
    let words: Vec<&str> = words.take_while(|word| *word != "AS").take(6).collect();
    words.join(" ")
}

/// Reads what `pg_restore` prints: an entry, an error, its details, the statement.
#[derive(Default)]
pub(super) struct ErrorReader {
    entry: String,
    open: Option<noise::RestoreError>,
    done: Vec<noise::RestoreError>,
}

impl ErrorReader {
    pub fn line(&mut self, line: &str) {
        if let Some(entry) = line.strip_prefix("pg_restore: from TOC entry ") {
            self.close();
            // `3; 3079 16385 EXTENSION aws_s3 (no owner)`: the numbers say nothing to a reader.
            self.entry = entry.splitn(4, ' ').nth(3).unwrap_or(entry).to_owned();
        } else if let Some(text) = line
            .strip_prefix("pg_restore: error: ")
            .or_else(|| line.strip_prefix("pg_restore: fatal: "))
        {
            self.close();
            let message = text.rsplit("ERROR:  ").next().unwrap_or(text);
            let rows_of = (text.strip_prefix("COPY failed for table \""))
                .and_then(|rest| rest.split('"').next())
                .filter(|_| self.entry.is_empty());
            self.open = Some(noise::RestoreError {
                about: rows_of.map_or(self.entry.clone(), |table| format!("TABLE DATA {table}")),
                message: redact::child_line(message),
                statement: String::new(),
            });
        } else if line.starts_with("pg_restore: ") {
            self.close();
        } else if let (Some(error), Some(statement)) =
            (&mut self.open, line.strip_prefix("Command was: "))
        {
            error.statement = sql::leading_words(statement, 3).join(" ");
            // From 15 on the entry is not told.
            if error.about.is_empty() {
                error.about = beginning(statement);
            }
        }
        // Details and the rest of the statement may hold values: they are not kept.
    }

    fn close(&mut self) {
        self.done.extend(self.open.take());
    }

    pub fn finish(mut self) -> Vec<noise::RestoreError> {
        self.close();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::{ErrorReader, beginning};

    #[test]
    fn a_statement_names_what_it_is_about() {
        for (statement, expected) in [
            (
                "CREATE FUNCTION public.uri(n text) RETURNS text",
                "CREATE FUNCTION public.uri",
            ),
            (
                "ALTER TABLE public.x OWNER TO master;",
                "ALTER TABLE public.x OWNER TO master",
            ),
            ("CREATE VIEW public.names AS", "CREATE VIEW public.names"),
            (
                "COMMENT ON TABLE public.x IS 'a secret';",
                "COMMENT ON TABLE public.x IS",
            ),
        ] {
            assert_eq!(beginning(statement), expected);
        }
    }

    #[test]
    fn errors_are_read_with_their_entries_and_without_values() {
        let mut reader = ErrorReader::default();
        for line in "\
pg_restore: while PROCESSING TOC:
pg_restore: from TOC entry 3; 3079 16385 EXTENSION aws_s3 (no owner)
pg_restore: error: could not execute query: ERROR:  extension \"aws_s3\" is not available
DETAIL:  Could not open extension control file \"/x\": No such file or directory.
Command was: CREATE EXTENSION IF NOT EXISTS aws_s3 WITH SCHEMA public;


pg_restore: from TOC entry 3532; 0 16603 TABLE DATA c x
pg_restore: error: COPY failed for table \"c\": ERROR:  duplicate key value violates unique constraint \"c_pkey\"
DETAIL:  Key (id)=(1) already exists.
CONTEXT:  COPY c, line 2
pg_restore: warning: errors ignored on restore: 2"
            .lines()
        {
            reader.line(line);
        }
        let errors: Vec<(String, String, String)> = reader
            .finish()
            .into_iter()
            .map(|error| (error.about, error.message, error.statement))
            .collect();
        assert_eq!(
            errors,
            [
                (
                    "EXTENSION aws_s3 (no owner)".into(),
                    "extension \"aws_s3\" is not available".into(),
                    "create extension if".into()
                ),
                (
                    "TABLE DATA c x".into(),
                    "duplicate key value violates unique constraint \"c_pkey\"".into(),
                    String::new()
                ),
            ]
        );
    }
}
