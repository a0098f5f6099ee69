//! What the event triggers tell, as it stands in the server's log.

use serde::Deserialize;

use crate::postgres::server_log::Record;

/// What begins a line of ours.
const MARK: &str = "pgrehearse trace: ";

/// A DDL statement that has ended. Times are seconds since 1970, by the server's clock.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Ended {
    pub tag: String,
    /// When the message came that it was sent with: other messages came at other times.
    pub received: f64,
    /// All that the message said; `None`: it was told before.
    pub text: Option<String>,
    /// `None`: the session's settings were reset meanwhile.
    pub open: Option<Open>,
    pub at: f64,
    /// When its transaction began.
    pub transaction: f64,
    pub locks: Option<Vec<(u32, String)>>,
    pub scans: Option<Vec<Scans>>,
    pub parts: Option<Vec<Part>>,
    /// Seconds; 0 is none.
    pub lock_timeout: f64,
    pub statement_timeout: f64,
}

/// How it began.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Open {
    pub at: f64,
    pub scans: Option<Vec<Scans>>,
}

/// A relation's OID, how often this session has scanned it, and how many rows it has read so.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Scans(pub u32, pub u64, pub u64);

/// What it did on the way.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "part", rename_all = "lowercase")]
pub enum Part {
    Dropped {
        objects: Option<Vec<Dropped>>,
    },
    Rewritten {
        relation: u32,
        /// The bits of `pg_event_trigger_table_rewrite_reason()`.
        reason: u32,
        bytes: u64,
    },
}

/// A relation's OID, if it is one; type; identity; whether it was named by the statement.
#[derive(Clone, Debug, Deserialize)]
pub struct Dropped(pub Option<u32>, pub String, pub String, pub bool);

impl Ended {
    pub fn dropped(&self) -> impl Iterator<Item = &Dropped> {
        let parts = self.parts.iter().flatten();
        parts
            .filter_map(|part| match part {
                Part::Dropped { objects } => objects.as_ref(),
                Part::Rewritten { .. } => None,
            })
            .flatten()
    }
}

/// What a record tells, if it is one of ours.
pub fn of(record: &Record) -> Option<Ended> {
    serde_json::from_str(record.message.strip_prefix(MARK)?).ok()
}

/// The statement that a function or a `DO` block ran, from the innermost `SQL statement "…"` of a
/// record's context.
pub fn nested_statement(context: &str) -> Option<&str> {
    const BEFORE: &str = "SQL statement \"";
    let start = context.find(BEFORE)? + BEFORE.len();
    let rest = &context[start..];
    let end = [
        "\"\nPL/pgSQL function ",
        "\"\nSQL function ",
        "\"\nSQL statement ",
    ]
    .iter()
    .filter_map(|after| rest.find(after))
    .min()
    .or_else(|| rest.rfind('"'))?;
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::nested_statement;

    #[test]
    fn the_innermost_statement_is_the_one_that_ran() {
        let context = "PL/pgSQL function pgrehearse_trace.tell() line 48 at RAISE\n\
                       SQL statement \"alter table \"t\" add \"x\ny\" int\"\n\
                       PL/pgSQL function add_it() line 1 at SQL statement\n\
                       SQL statement \"select add_it()\"\n\
                       PL/pgSQL function inline_code_block line 1 at PERFORM";
        assert_eq!(
            nested_statement(context),
            Some("alter table \"t\" add \"x\ny\" int")
        );
        assert_eq!(
            nested_statement("PL/pgSQL function f() line 5 at RAISE"),
            None
        );
    }
}
