//! The statements that the event triggers tell of.
//!
//! A session's events come in the order in which its statements ended: those of a function or a `DO`
//! block before what comes after it. One that failed is not told of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::assemble::{Keyed, duration, shown};
use super::event::{Ended, Part, Scans, nested_statement};
use super::facts::{HeldLock, Inside, LockMode, Relation, Rewrite, Scan, Statement, Taken};
use super::places::Places;
use super::relations::Relations;
use super::sampler::microseconds;
use crate::postgres::server_log::Record;
use crate::text::sql;

/// What is known of one session.
#[derive(Default)]
struct SessionState {
    /// When its transaction began, in microseconds since 1970, and the locks it was seen with.
    transaction: Option<(i64, BTreeSet<(u32, LockMode)>)>,
    /// When its last message came, in microseconds since 1970, and what it said.
    message: Option<(i64, Text)>,
}

/// What a client sent as one text.
#[derive(Default)]
struct Text {
    whole: String,
    /// Its statements, by their first words.
    statements: BTreeMap<String, Vec<String>>,
    /// The only one of them that can have run code.
    caller: Option<String>,
    /// How many of them were told of, by their first words.
    told: BTreeMap<String, usize>,
}

/// The statements of `events`; the trace began at `began`, in seconds since 1970.
pub fn told(
    events: Vec<(&Record, Ended)>,
    began: f64,
    relations: &Relations,
    places: &Places,
) -> Vec<Keyed> {
    let mut sessions: BTreeMap<u32, SessionState> = BTreeMap::new();
    events
        .into_iter()
        .map(|(record, ended)| {
            let session = sessions.entry(record.pid).or_default();
            session.statement(record, ended, began, relations, places)
        })
        .collect()
}

impl SessionState {
    fn statement(
        &mut self,
        record: &Record,
        ended: Ended,
        began: f64,
        relations: &Relations,
        places: &Places,
    ) -> Keyed {
        let nested = record.context.as_deref().and_then(nested_statement);
        let transaction = self.transaction(ended.transaction);
        let locks = self.locks(ended.locks.as_deref().unwrap_or_default(), relations);
        let sent = self.sent(ended.received, ended.text.as_deref());
        let text = match nested {
            Some(nested) => nested.to_owned(),
            None => sent.next(&ended.tag).to_owned(),
        };
        let (from, scans_before) = match &ended.open {
            Some(open) => (open.at, open.scans.as_deref()),
            None => (ended.received, None),
        };
        let statement = Statement {
            pid: record.pid,
            transaction: 0,
            place: places
                .of(&text)
                .or_else(|| places.of(&sent.whole))
                .or_else(|| places.of(sent.caller.as_deref()?)),
            text: shown(&text),
            inside: if nested.is_some() {
                Inside::Code
            } else {
                Inside::Nothing
            },
            began: duration(from - began),
            took: duration(ended.at - from),
            rows: None,
            locks,
            rewrites: rewrites(&ended, relations),
            scans: scanned(
                &by_relation(scans_before),
                by_relation(ended.scans.as_deref()),
                relations,
            ),
            dropped: ended
                .dropped()
                .filter(|dropped| dropped.3)
                .map(|dropped| format!("{} {}", dropped.1, dropped.2))
                .collect(),
            lock_timeout: limit(ended.lock_timeout),
            statement_timeout: limit(ended.statement_timeout),
            tag: ended.tag,
        };
        ((record.pid, transaction), statement)
    }

    /// What the message of that time said. A rollback has it told again.
    fn sent(&mut self, received: f64, text: Option<&str>) -> &mut Text {
        let received = microseconds(received);
        let known = self.message.take().filter(|(of, _)| *of == received);
        let message = known.unwrap_or_else(|| (received, Text::of(text.unwrap_or_default())));
        &mut self.message.insert(message).1
    }

    fn transaction(&mut self, began: f64) -> i64 {
        let began = microseconds(began);
        if self
            .transaction
            .as_ref()
            .is_none_or(|(known, _)| *known != began)
        {
            self.transaction = Some((began, BTreeSet::new()));
        }
        began
    }

    /// The locks on relations that others know. Those of the past are of this transaction.
    fn locks(&mut self, held: &[(u32, String)], relations: &Relations) -> Vec<HeldLock> {
        let Some((_, seen)) = &mut self.transaction else {
            return Vec::new();
        };
        let mut locks: Vec<HeldLock> = held
            .iter()
            .filter_map(|(oid, mode)| {
                let mode = LockMode::from_catalogue(mode)?;
                let relation = relations.get(*oid).filter(Relation::is_existing)?;
                let taken = if seen.insert((*oid, mode)) {
                    Taken::Now
                } else {
                    Taken::Before
                };
                Some(HeldLock {
                    relation,
                    mode,
                    taken,
                })
            })
            .collect();
        locks.sort_by(|a, b| (&a.relation.name, a.mode).cmp(&(&b.relation.name, b.mode)));
        locks
    }
}

impl Text {
    fn of(whole: &str) -> Self {
        const CALLERS: [&str; 7] = ["do", "call", "select", "with", "insert", "update", "delete"];
        let mut statements: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for statement in sql::statements(whole) {
            if let Some(word) = sql::leading_words(statement.text, 1).pop() {
                let alike = statements.entry(word).or_default();
                alike.push(statement.text.to_owned());
            }
        }
        let mut callers = CALLERS
            .iter()
            .filter_map(|word| statements.get(*word))
            .flatten();
        let caller = callers.next().cloned();
        Self {
            caller: caller.filter(|_| callers.next().is_none()),
            whole: whole.to_owned(),
            statements,
            told: BTreeMap::new(),
        }
    }

    /// The statement that has ended: the next that begins as `tag` does. One that fails ends the
    /// message with it, so none is left out.
    fn next(&mut self, tag: &str) -> &str {
        let word = first_word(tag);
        let alike = self.statements.get(&word).map_or(&[][..], Vec::as_slice);
        let told = self.told.entry(word).or_default();
        let place = *told;
        *told += 1;
        match alike.get(place).or_else(|| alike.last()) {
            Some(statement) => statement,
            None => &self.whole,
        }
    }
}

/// `ALTER` of `ALTER TABLE`, in lower case.
fn first_word(tag: &str) -> String {
    tag.split(' ').next().unwrap_or_default().to_lowercase()
}

fn rewrites(ended: &Ended, relations: &Relations) -> Vec<Rewrite> {
    let parts = ended.parts.iter().flatten();
    parts
        .filter_map(|part| match part {
            Part::Rewritten {
                relation,
                reason,
                bytes,
            } => Some(Rewrite {
                relation: relations.get(*relation)?,
                bytes: *bytes,
                reasons: reasons(*reason),
            }),
            Part::Dropped { .. } => None,
        })
        .collect()
}

/// The bits of `pg_event_trigger_table_rewrite_reason()`.
fn reasons(bits: u32) -> Vec<&'static str> {
    [
        (1, "its persistence changed"),
        (2, "a column's default was written into every row"),
        (4, "a column's type changed"),
        (8, "its access method changed"),
    ]
    .into_iter()
    .filter(|(bit, _)| bits & bit != 0)
    .map(|(_, reason)| reason)
    .collect()
}

/// The tables that the statement has read, by what the session's counts were before.
///
/// The counts are of what the session has not yet reported to the server. Where a count is smaller
/// than before it has been reported in between, and all of it is new.
fn scanned(
    before: &BTreeMap<u32, (u64, u64)>,
    after: BTreeMap<u32, (u64, u64)>,
    relations: &Relations,
) -> Vec<Scan> {
    after
        .into_iter()
        .filter_map(|(oid, (times, rows))| {
            let (times_before, rows_before) = match before.get(&oid) {
                Some(before) if before.0 <= times => *before,
                _ => (0, 0),
            };
            (times > times_before).then_some(())?;
            Some(Scan {
                relation: relations.get(oid)?,
                times: times - times_before,
                rows: rows.saturating_sub(rows_before),
            })
        })
        .collect()
}

fn by_relation(scans: Option<&[Scans]>) -> BTreeMap<u32, (u64, u64)> {
    scans
        .unwrap_or_default()
        .iter()
        .map(|Scans(oid, times, rows)| (*oid, (*times, *rows)))
        .collect()
}

/// A timeout setting: 0 is none.
fn limit(seconds: f64) -> Option<Duration> {
    Some(duration(seconds)).filter(|limit| !limit.is_zero())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::told;
    use crate::postgres::server_log::Record;
    use crate::trace::event::Ended;
    use crate::trace::places::Places;
    use crate::trace::relations::Relations;

    /// What ended of a message that came at `received`, with the message where it is told.
    fn ended(tag: &str, received: f64, text: Option<&str>) -> Ended {
        Ended {
            tag: tag.to_owned(),
            received,
            text: text.map(str::to_owned),
            ..Ended::default()
        }
    }

    fn texts(events: Vec<Ended>) -> Vec<String> {
        let record = Record {
            pid: 1,
            ..Record::default()
        };
        let events = events.into_iter().map(|ended| (&record, ended)).collect();
        let relations = Relations::new(BTreeMap::new(), BTreeMap::new());
        told(events, 0.0, &relations, &Places::default())
            .into_iter()
            .map(|(_, statement)| statement.text)
            .collect()
    }

    #[test]
    fn statements_sent_as_one_text_are_told_apart() {
        let sent = "select 1; alter table a add x int; create table b (); create table c (x int); \
                    create index on c (x)";
        assert_eq!(
            texts(vec![
                ended("ALTER TABLE", 1.0, Some(sent)),
                ended("CREATE TABLE", 1.0, None),
                ended("CREATE TABLE", 1.0, None),
                ended("CREATE INDEX", 1.0, None),
            ]),
            [
                "alter table a add x int",
                "create table b ()",
                "create table c (x int)",
                "create index on c (x)"
            ]
        );
    }

    /// Its first message failed after one statement.
    #[test]
    fn a_text_that_is_sent_again_begins_anew() {
        let sent = "alter table a add x int; alter table b add x int";
        assert_eq!(
            texts(vec![
                ended("ALTER TABLE", 1.0, Some(sent)),
                ended("ALTER TABLE", 2.0, Some(sent)),
                ended("ALTER TABLE", 2.0, None),
            ]),
            [
                "alter table a add x int",
                "alter table a add x int",
                "alter table b add x int"
            ]
        );
    }

    /// A rollback inside the text takes back that it was told of.
    #[test]
    fn a_text_that_is_told_again_goes_on() {
        let sent = "alter table a add x int; alter table b add x int";
        assert_eq!(
            texts(vec![
                ended("ALTER TABLE", 1.0, Some(sent)),
                ended("ALTER TABLE", 1.0, Some(sent)),
            ]),
            ["alter table a add x int", "alter table b add x int"]
        );
    }
}
