//! What the server logs of statements that take long: it is told of everything that a client sends, not
//! of DDL alone.
//!
//! Every statement would be too much: 50,000 single inserts ran 2.1 to 2.9 times slower when each was
//! logged.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::assemble::{Key, Keyed, duration, shown};
use super::facts::{Inside, Statement};
use super::places::Places;
use super::sampler::{self, Samples, microseconds};
use crate::postgres::server_log::{Logged, Record};
use crate::text::sql;

/// How exactly the log tells when a statement ended.
const LOG_PRECISION: Duration = Duration::from_millis(2);

/// Statements from this long on are logged, in the server's words.
pub const FROM: &str = "5ms";

/// A statement as the client sent it.
struct Slow<'r> {
    /// Seconds since 1970.
    began: f64,
    /// Seconds.
    took: f64,
    text: &'r str,
}

/// The statement that a record tells of, if it is such a record.
fn of(record: &Record) -> Option<Slow<'_>> {
    let Logged { took, text } = record.logged()?;
    Some(Slow {
        began: logged_at(&record.timestamp)? - took,
        took,
        text,
    })
}

/// The statements that the log has and no trigger told of: what is not DDL, and a `DO` block around it.
pub fn statements(records: &[Record], began: f64, told: &[Keyed], places: &Places) -> Vec<Keyed> {
    let mut known: BTreeMap<(u32, &str), Vec<&Statement>> = BTreeMap::new();
    for (_, statement) in told {
        if statement.inside == Inside::Nothing {
            let key = (statement.pid, statement.text.as_str());
            known.entry(key).or_default().push(statement);
        }
    }
    records
        .iter()
        .filter_map(|record| Some((record, of(record)?)))
        .map(|(record, slow)| Statement {
            pid: record.pid,
            transaction: 0,
            tag: tag_of(slow.text),
            text: shown(slow.text),
            place: places.of(slow.text),
            inside: Inside::Nothing,
            began: duration(slow.began - began),
            took: duration(slow.took),
            rows: None,
            locks: Vec::new(),
            rewrites: Vec::new(),
            scans: Vec::new(),
            dropped: Vec::new(),
            lock_timeout: None,
            statement_timeout: None,
        })
        .filter(|slow| {
            let ended = slow.began + slow.took + LOG_PRECISION;
            let alike = known.get(&(slow.pid, slow.text.as_str()));
            !alike.into_iter().flatten().any(|known| {
                known.began + LOG_PRECISION >= slow.began && known.began + known.took <= ended
            })
        })
        .map(|statement| ((statement.pid, 0), statement))
        .collect()
}

/// Finds the transaction of each by the time: the one of its session that was open when it began, or
/// one of its own. Its timeouts are those that the session's statement before it told of.
pub fn place_in_transactions(others: &mut [Keyed], told: &[Keyed], samples: &Samples, began: f64) {
    let mut spans: BTreeMap<Key, Duration> = samples
        .transactions
        .iter()
        .map(|(key, seen)| (*key, duration(seen.last - began)))
        .collect();
    for (key, statement) in told {
        let ended = spans.entry(*key).or_default();
        *ended = (*ended).max(statement.began + statement.took);
    }
    for (key, statement) in others {
        let start = began + statement.began.as_secs_f64();
        let latest = microseconds(start + LOG_PRECISION.as_secs_f64());
        let open = spans
            .range((statement.pid, i64::MIN)..=(statement.pid, latest))
            .next_back()
            .filter(|(_, ended)| **ended + sampler::INTERVAL * 2 >= statement.began);
        key.1 = open.map_or_else(|| microseconds(start), |(known, _)| known.1);
        spans
            .entry(*key)
            .and_modify(|ended| *ended = (*ended).max(statement.began + statement.took))
            .or_insert(statement.began + statement.took);
        let before = told
            .iter()
            .rfind(|(_, known)| known.pid == statement.pid && known.began <= statement.began);
        if let Some((_, before)) = before {
            statement.lock_timeout = before.lock_timeout;
            statement.statement_timeout = before.statement_timeout;
        }
    }
}

/// What PostgreSQL would call a statement that is no DDL: its first word.
fn tag_of(text: &str) -> String {
    sql::leading_words(text, 1)
        .first()
        .map(|word| word.to_uppercase())
        .unwrap_or_default()
}

/// The moment of a record, in seconds since 1970. Servers of ours log in UTC, to the millisecond.
fn logged_at(timestamp: &str) -> Option<f64> {
    let moment: DateTime = timestamp.strip_suffix(" UTC")?.parse().ok()?;
    let since = moment.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(since.as_duration().as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::postgres::server_log::Record;

    #[test]
    fn statements_are_told_from_their_parts() {
        let record = |message: &str| Record {
            timestamp: "1970-01-01 00:00:02.500 UTC".to_owned(),
            message: message.to_owned(),
            ..Record::default()
        };
        let told = record("duration: 1500.250 ms  execute s1: update t\nset a = 1");
        let slow = of(&told).expect("a statement");
        assert!((slow.began - 0.99975).abs() < 1e-6, "{}", slow.began);
        assert_eq!((slow.took, slow.text), (1.50025, "update t\nset a = 1"));
        assert!(of(&record("duration: 15.0 ms  parse s1: update t")).is_none());
        assert!(of(&record("duration: 15.0 ms")).is_none());
    }
}
