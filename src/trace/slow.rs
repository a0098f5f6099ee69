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

/// How late the log may tell of a statement that has ended, where processors are busy: then it seems to
/// have begun later, too.
const LATE: Duration = Duration::from_millis(100);

/// Statements from this long on are logged.
pub const FROM: Duration = Duration::from_millis(5);

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
    let mut known: BTreeMap<u32, Vec<&Statement>> = BTreeMap::new();
    for (_, statement) in told {
        if statement.inside == Inside::Nothing {
            known.entry(statement.pid).or_default().push(statement);
        }
    }
    records
        .iter()
        .filter_map(|record| Some((record.pid, of(record)?)))
        .filter_map(|(pid, slow)| {
            let known = known.get(&pid).map_or(&[][..], Vec::as_slice);
            untold(pid, &slow, began, known, places)
        })
        .map(|statement| ((statement.pid, 0), statement))
        .collect()
}

/// What is left of `slow` without the statements that triggers told of. A client may send many as one
/// text, which the log has as one.
fn untold(
    pid: u32,
    slow: &Slow<'_>,
    trace_began: f64,
    known: &[&Statement],
    places: &Places,
) -> Option<Statement> {
    let mut began = duration(slow.began - trace_began);
    let mut took = duration(slow.took);
    let ended = began + took + LOG_PRECISION;
    let start = known.partition_point(|known| known.began + known.took + LATE < began);
    let end = known.partition_point(|known| known.began <= ended);
    let mut candidates = known.get(start..end).unwrap_or_default();
    let mut is_alone = true;
    let mut parts: Vec<&str> = sql::statements(slow.text)
        .iter()
        .map(|statement| statement.text)
        .collect();
    if parts.len() < 2 {
        parts = vec![slow.text];
    }
    let mut rest = Vec::new();
    for part in &parts {
        let text = shown(part);
        if let Some(place) = candidates.iter().position(|told| told.text == text) {
            let told = candidates[place];
            candidates = &candidates[place + 1..];
            is_alone = false;
            took = took.saturating_sub(told.took);
            if rest.is_empty() {
                began = told.began + told.took;
            }
        } else if parts.len() == 1 || !is_of_the_session(part) {
            rest.push((*part, text));
        }
    }
    let (first, _) = rest.first()?;
    // The rest of a text that was logged for what was told of it.
    (is_alone || took >= FROM).then_some(())?;
    Some(Statement {
        pid,
        transaction: 0,
        tag: tag_of(first),
        text: rest
            .iter()
            .map(|(_, text)| text.as_str())
            .collect::<Vec<_>>()
            .join("; "),
        place: places.of(first),
        inside: Inside::Nothing,
        began,
        took,
        rows: None,
        locks: Vec::new(),
        rewrites: Vec::new(),
        scans: Vec::new(),
        dropped: Vec::new(),
        lock_timeout: None,
        statement_timeout: None,
    })
}

/// Whether a statement only begins or ends a transaction, or sets something.
fn is_of_the_session(text: &str) -> bool {
    sql::leading_words(text, 1).first().is_some_and(|word| {
        [
            "begin", "start", "commit", "end", "rollback", "set", "reset",
        ]
        .contains(&word.as_str())
    })
}

/// Finds the transaction of each by the time: the one of its session that was open when it began, or
/// one of its own. Its timeouts are those that the statement before it in that transaction told of.
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
            .rfind(|(of, known)| of == key && known.began <= statement.began);
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
    use std::time::Duration;

    use super::super::assemble::Keyed;
    use super::super::facts::{Inside, Statement};
    use super::super::places::Places;
    use super::{of, statements};
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

    /// A statement that a trigger told of.
    fn told(text: &str, began: f64, took: f64) -> Keyed {
        let statement = Statement {
            pid: 1,
            transaction: 0,
            tag: String::new(),
            text: text.to_owned(),
            place: None,
            inside: Inside::Nothing,
            began: Duration::from_secs_f64(began),
            took: Duration::from_secs_f64(took),
            rows: None,
            locks: Vec::new(),
            rewrites: Vec::new(),
            scans: Vec::new(),
            dropped: Vec::new(),
            lock_timeout: None,
            statement_timeout: None,
        };
        ((1, 0), statement)
    }

    #[test]
    fn of_statements_sent_as_one_text_the_rest_is_told() {
        // Sent at 1.0, took 2 s.
        let left = |sent: &str, told: &[Keyed]| -> Vec<(String, String, Duration, Duration)> {
            let record = Record {
                pid: 1,
                timestamp: "1970-01-01 00:00:03.000 UTC".to_owned(),
                message: format!("duration: 2000.000 ms  statement: {sent}"),
                ..Record::default()
            };
            statements(&[record], 0.0, told, &Places::default())
                .into_iter()
                .map(|(_, left)| (left.tag, left.text, left.began, left.took))
                .collect()
        };
        let (second, half) = (Duration::from_secs(1), Duration::from_millis(500));
        let (alter, index) = ("alter table t add a int", "create index on t (a)");
        let sent = "-- up\nset local lock_timeout = 1; alter table t add a int;\n\
                    update t set a = 'x';\ncreate index on t (a);";
        assert_eq!(
            left(sent, &[told(alter, 1.0, 0.5), told(index, 2.5, 0.5)]),
            [(
                "UPDATE".to_owned(),
                "update t set a = ?".to_owned(),
                second + half,
                second
            )]
        );
        let told_all = [told(alter, 1.0, 0.5), told(index, 1.5, 1.5)];
        assert_eq!(left(&format!("{alter}; {index}"), &told_all), []);
        // What was told before is of another text.
        assert_eq!(
            left(alter, &[told(alter, 0.1, 0.2)]),
            [("ALTER".to_owned(), alter.to_owned(), second, second * 2)]
        );
    }
}
