//! From the lines of the server's log and the samples of its locks to one trace.

use std::collections::BTreeMap;
use std::time::Duration;

use super::event::{self, Ended};
use super::facts::{Sessions, Statement, Trace, Transaction};
use super::places::Places;
use super::relations::Relations;
use super::sampler::Samples;
use super::{slow, stalls, statements, transactions};
use crate::postgres::server_log::Record;
use crate::text::{one_line, sql};

/// A statement longer than this is cut.
const TEXT_LIMIT: usize = 600;

/// A transaction: its server process, and when it began, in microseconds since 1970.
pub type Key = (u32, i64);

/// A statement of a transaction that has no number yet.
pub type Keyed = (Key, Statement);

/// Puts the trace together that began at `began`, in seconds since 1970.
pub fn trace(
    records: &[Record],
    began: f64,
    mut samples: Samples,
    mut relations: Relations,
    places: &Places,
) -> Trace {
    let events: Vec<(&Record, Ended)> = records
        .iter()
        .filter_map(|record| Some((record, event::of(record)?)))
        .collect();
    for (_, ended) in &events {
        for dropped in ended.dropped() {
            if let Some(oid) = dropped.0 {
                relations.learn(oid, &dropped.1, &dropped.2);
            }
        }
    }
    let mut statements = statements::told(events, began, &relations, places);
    let mut others = slow::statements(records, began, &statements, places);
    slow::place_in_transactions(&mut others, &statements, &samples, began);
    statements.extend(others);
    statements.sort_by_key(|(_, statement)| statement.began);
    let felt = std::mem::take(&mut samples.told.felt);
    let transactions = transactions::of(&statements, samples, began, &relations);
    let place_of: BTreeMap<Key, usize> = transactions
        .iter()
        .enumerate()
        .map(|(place, (key, _))| (*key, place))
        .collect();
    let statements: Vec<Statement> = statements
        .into_iter()
        .filter_map(|(key, statement)| {
            Some(Statement {
                transaction: *place_of.get(&key)?,
                ..statement
            })
        })
        .collect();
    let transactions: Vec<Transaction> = transactions
        .into_iter()
        .map(|(_, transaction)| transaction)
        .collect();
    Trace {
        stalls: stalls::of(felt, began, &relations, &statements, &transactions),
        statements,
        transactions,
        totals: Vec::new(),
        sessions: Sessions::default(),
        missing: Vec::new(),
    }
}

/// A statement as a report may show it.
pub fn shown(text: &str) -> String {
    // Comments go first: on one line, all that follows a `--` would be one.
    one_line(&sql::folded(&sql::without_values(text)), TEXT_LIMIT)
}

/// What the server's clock says, as a duration; what is before the trace is its beginning.
pub fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_comment_ends_with_its_line() {
        assert_eq!(
            shown("-- up\ncreate table t (\n  id int, -- the key\n  n text default 'x'\n);\n"),
            "create table t ( id int, n text default ? )"
        );
    }
}
