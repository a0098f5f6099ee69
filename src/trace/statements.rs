//! The statements that the event triggers tell of.
//!
//! A session's events come in order: a statement starts, may tell of a rewrite or a drop, may hold other
//! statements (a function's, a `DO` block's), and ends. One that fails does not end.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use super::assemble::{Keyed, duration, shown};
use super::event::{Event, Scans, Sent, nested_statement};
use super::facts::{HeldLock, Inside, LockMode, Rewrite, Scan, Statement, Taken};
use super::places::Places;
use super::relations::Relations;
use super::sampler::microseconds;
use crate::postgres::server_log::Record;
use crate::text::sql;

/// A statement that has started and not ended.
struct Open {
    tag: String,
    at: f64,
    scans: BTreeMap<u32, (u64, u64)>,
    rewrites: Vec<(u32, u64, u32)>,
    dropped: Vec<String>,
}

/// What is known of one session.
#[derive(Default)]
struct SessionState {
    open: Vec<Open>,
    /// When its transaction began, in microseconds since 1970, and the locks it was seen with.
    transaction: Option<(i64, BTreeSet<(u32, LockMode)>)>,
    /// By what stands for them.
    texts: BTreeMap<String, Rc<Text>>,
    sent: Rc<Text>,
    /// How many statements of the text that was sent last have started, by their first words.
    started: BTreeMap<String, usize>,
}

/// What a client sent as one text.
#[derive(Default)]
struct Text {
    whole: String,
    /// Its statements, by their first words.
    statements: BTreeMap<String, Vec<String>>,
    /// The only one of them that can have run code.
    caller: Option<String>,
}

/// The statements of `events`; the trace began at `began`, in seconds since 1970.
pub fn told(
    events: Vec<(&Record, Event)>,
    began: f64,
    relations: &Relations,
    places: &Places,
) -> Vec<Keyed> {
    let mut sessions: BTreeMap<u32, SessionState> = BTreeMap::new();
    let mut statements: Vec<Keyed> = Vec::new();
    for (record, event) in events {
        let session = sessions.entry(record.pid).or_default();
        let nested = record.context.as_deref().and_then(nested_statement);
        match event {
            Event::Started {
                tag,
                sent,
                at,
                scans,
            } => {
                session.learns(sent);
                if nested.is_none() {
                    // Whatever was open has failed.
                    session.open.clear();
                    *session.started.entry(first_word(&tag)).or_insert(0) += 1;
                }
                session.open.push(Open {
                    tag,
                    at,
                    scans: by_relation(scans),
                    rewrites: Vec::new(),
                    dropped: Vec::new(),
                });
            }
            Event::Rewriting {
                relation,
                reason,
                bytes,
            } => {
                if let Some(open) = session.open.last_mut() {
                    open.rewrites.push((relation, bytes, reason));
                }
            }
            Event::Dropped { objects } => {
                if let Some(open) = session.open.last_mut() {
                    open.dropped.extend(
                        objects
                            .unwrap_or_default()
                            .into_iter()
                            .filter(|dropped| dropped.3)
                            .map(|dropped| format!("{} {}", dropped.1, dropped.2)),
                    );
                }
            }
            Event::Ended {
                tag,
                sent,
                at,
                transaction,
                locks,
                scans,
                lock_timeout,
                statement_timeout,
                made: _,
            } => {
                session.learns(sent);
                let Some(place) = session.open.iter().rposition(|open| open.tag == tag) else {
                    continue;
                };
                let open = session.open.drain(place..).next();
                let Some(open) = open else { continue };
                let transaction = session.transaction(transaction);
                let text = nested.map_or_else(|| session.text(&tag), str::to_owned);
                let outer = session.sent.clone();
                let statement = Statement {
                    pid: record.pid,
                    transaction: 0,
                    place: places
                        .of(&text)
                        .or_else(|| places.of(&outer.whole))
                        .or_else(|| places.of(outer.caller.as_deref()?)),
                    text: shown(&text),
                    inside: if nested.is_some() {
                        Inside::Code
                    } else {
                        Inside::Nothing
                    },
                    began: duration(open.at - began),
                    took: duration(at - open.at),
                    rows: None,
                    locks: session.locks(locks.unwrap_or_default(), relations),
                    rewrites: rewrites(&open, relations),
                    scans: scanned(&open, by_relation(scans), relations),
                    dropped: open.dropped,
                    lock_timeout: limit(lock_timeout),
                    statement_timeout: limit(statement_timeout),
                    tag,
                };
                statements.push(((record.pid, transaction), statement));
            }
        }
    }
    statements
}

impl SessionState {
    /// The text whose statement is told of: one that was told of before, or a new one.
    fn learns(&mut self, sent: Sent) {
        let Sent { digest, text } = sent;
        // Told again after a rollback it is the same text, of which statements have started.
        let text = self.texts.entry(digest).or_insert_with(|| {
            let text = text.unwrap_or_default();
            Rc::new(Text::of(text))
        });
        if !Rc::ptr_eq(text, &self.sent) {
            self.sent = text.clone();
            self.started.clear();
        }
    }

    /// The statement among those that were sent as one text: the next that begins as `tag` does.
    fn text(&self, tag: &str) -> String {
        let word = first_word(tag);
        let place = self.started.get(&word).map_or(0, |started| started - 1);
        match self.sent.statements.get(&word).map(Vec::as_slice) {
            None | Some([]) => self.sent.whole.clone(),
            Some(alike) => alike[place.min(alike.len() - 1)].clone(),
        }
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

    /// The locks on relations with a name. Those of the past are of this transaction.
    fn locks(&mut self, held: Vec<(u32, String)>, relations: &Relations) -> Vec<HeldLock> {
        let Some((_, seen)) = &mut self.transaction else {
            return Vec::new();
        };
        let mut locks: Vec<HeldLock> = held
            .into_iter()
            .filter_map(|(oid, mode)| {
                let mode = LockMode::from_catalogue(&mode)?;
                let relation = relations.get(oid)?;
                let taken = if seen.insert((oid, mode)) {
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
    fn of(whole: String) -> Self {
        const CALLERS: [&str; 7] = ["do", "call", "select", "with", "insert", "update", "delete"];
        let mut statements: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for statement in sql::statements(&whole) {
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
            whole,
            statements,
        }
    }
}

/// `ALTER` of `ALTER TABLE`, in lower case.
fn first_word(tag: &str) -> String {
    tag.split(' ').next().unwrap_or_default().to_lowercase()
}

fn rewrites(open: &Open, relations: &Relations) -> Vec<Rewrite> {
    open.rewrites
        .iter()
        .filter_map(|(oid, bytes, reason)| {
            Some(Rewrite {
                relation: relations.get(*oid)?,
                bytes: *bytes,
                reasons: reasons(*reason),
            })
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
fn scanned(open: &Open, after: BTreeMap<u32, (u64, u64)>, relations: &Relations) -> Vec<Scan> {
    after
        .into_iter()
        .filter_map(|(oid, (times, rows))| {
            let (times_before, rows_before) = match open.scans.get(&oid) {
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

fn by_relation(scans: Option<Vec<Scans>>) -> BTreeMap<u32, (u64, u64)> {
    scans
        .unwrap_or_default()
        .into_iter()
        .map(|Scans(oid, times, rows)| (oid, (times, rows)))
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
    use crate::trace::event::{Event, Sent};
    use crate::trace::places::Places;
    use crate::trace::relations::Relations;

    fn started(tag: &str) -> Event {
        Event::Started {
            tag: tag.to_owned(),
            sent: Sent::default(),
            at: 1.0,
            scans: None,
        }
    }

    fn ended(tag: &str) -> Event {
        Event::Ended {
            tag: tag.to_owned(),
            sent: Sent::default(),
            at: 2.0,
            transaction: 0.5,
            locks: None,
            scans: None,
            made: None,
            lock_timeout: 0.0,
            statement_timeout: 0.0,
        }
    }

    fn texts(sent: &str, events: Vec<Event>) -> Vec<String> {
        let record = Record {
            pid: 1,
            ..Record::default()
        };
        // As a session tells it: with the first event, and not again.
        let mut text = Some(sent.to_owned());
        let events = events
            .into_iter()
            .map(|mut event| {
                if let Event::Started { sent, .. } | Event::Ended { sent, .. } = &mut event {
                    sent.text = text.take().or(sent.text.take());
                }
                (&record, event)
            })
            .collect();
        let relations = Relations::new(BTreeMap::new(), BTreeMap::new());
        told(events, 0.0, &relations, &Places::default())
            .into_iter()
            .map(|(_, statement)| statement.text)
            .collect()
    }

    #[test]
    fn statements_sent_as_one_text_are_told_apart() {
        let tags = [
            "ALTER TABLE",
            "CREATE TABLE",
            "CREATE TABLE",
            "CREATE INDEX",
        ];
        assert_eq!(
            texts(
                "select 1; alter table a add x int; create table b (); create table c (x int); create index on c (x)",
                tags.iter()
                    .flat_map(|tag| [started(tag), ended(tag)])
                    .collect(),
            ),
            [
                "alter table a add x int",
                "create table b ()",
                "create table c (x int)",
                "create index on c (x)"
            ]
        );
    }

    #[test]
    fn a_statement_that_failed_is_not_taken_for_the_next() {
        assert_eq!(
            texts(
                "alter table a add x int; alter table b add x int",
                vec![
                    started("ALTER TABLE"),
                    started("ALTER TABLE"),
                    ended("ALTER TABLE"),
                    ended("ALTER TABLE"),
                ],
            ),
            ["alter table b add x int"]
        );
    }

    /// A rollback inside the text takes back that it was told of.
    #[test]
    fn a_text_that_is_told_again_goes_on() {
        let sent = "alter table a add x int; alter table b add x int";
        let mut again = started("ALTER TABLE");
        if let Event::Started { sent: told, .. } = &mut again {
            told.text = Some(sent.to_owned());
        }
        let first = [started("ALTER TABLE"), ended("ALTER TABLE")];
        assert_eq!(
            texts(
                sent,
                first
                    .into_iter()
                    .chain([again, ended("ALTER TABLE")])
                    .collect()
            ),
            ["alter table a add x int", "alter table b add x int"]
        );
    }
}
