//! Canaries: sessions that feel what the application would.
//!
//! Where the sampler sees a lock that reads or writes of a table wait for, a canary reads or writes that
//! table at once, and what it waits is the stall: the lock queue with it. A canary plans a read, which
//! takes the locks of one, those on the indexes too, or takes a writer's lock on the table. No row is
//! touched, no trigger fires. It goes in behind the lock and holds its own for as long as it takes to
//! let go, so that the migration finds nobody in its way; where it does, the canary is called back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_postgres::error::SqlState;

use super::facts::{Access, LockMode, RelationKind};
use super::relations::Catalogue;
use crate::postgres::session::{ConnectError, During as _, QueryError};
use crate::postgres::{Endpoint, Session};
use crate::text::QualifiedName;

/// What `application_name` says of them, so that the sampler can leave them out.
pub const APPLICATION_NAME: &str = "pgrehearse canary";

/// More than so many are never out: each is one of the server's sessions.
const MOST: usize = 16;

const CALL_AGAIN: Duration = Duration::from_millis(50);

/// Seconds. Two waits with less between them are one if the canary was called back in between.
const PAUSE: f64 = 0.1;

/// A wait that was felt. Times are seconds since 1970, by the server's clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Felt {
    /// OID of the table.
    pub table: u32,
    pub access: Access,
    pub began: f64,
    pub ended: f64,
    pub over: Over,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// The canary got what it asked for, or it is gone.
    Granted,
    /// It was called back.
    Cut,
}

/// What they tell in the end.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub felt: Vec<Felt>,
    /// To how many places none may go.
    pub refused: usize,
}

/// The tables that existed before, by their own OIDs and by those of their indexes.
pub struct Watched {
    tables: BTreeMap<u32, QualifiedName>,
    views: BTreeSet<u32>,
    indexes: BTreeMap<u32, u32>,
}

/// Where somebody would have to wait.
pub type Conflicts = BTreeSet<(u32, Access)>;

impl Watched {
    pub fn of(before: &Catalogue) -> Self {
        let mut watched = Self {
            tables: BTreeMap::new(),
            views: BTreeSet::new(),
            indexes: BTreeMap::new(),
        };
        for (oid, entry) in before {
            match (entry.kind, entry.index_of) {
                (RelationKind::Table | RelationKind::MaterializedView, _) => {
                    watched.tables.insert(*oid, entry.name.clone());
                    if entry.kind == RelationKind::MaterializedView {
                        watched.views.insert(*oid);
                    }
                }
                (RelationKind::Index, Some(table)) => {
                    watched.indexes.insert(*oid, table);
                }
                _ => {}
            }
        }
        watched
    }

    /// What a lock keeps from going on, whether it is held or waited for: who comes later queues.
    pub fn conflicts(&self, relation: u32, mode: LockMode, into: &mut Conflicts) {
        let table = match self.indexes.get(&relation) {
            // Planning a read locks every index of the table.
            Some(table) if mode.blocks_reads() => *table,
            _ if self.tables.contains_key(&relation) => relation,
            _ => return,
        };
        for access in [Access::Reads, Access::Writes] {
            // Nobody writes a materialized view.
            let is_possible = access == Access::Reads || !self.views.contains(&table);
            if is_possible && mode.stops(access) {
                into.insert((table, access));
            }
        }
    }
}

/// One of them, at home.
struct Canary {
    session: Session,
    pid: i32,
}

/// What comes back from a flight.
enum Back {
    /// A new one: the flight was to the server.
    Hatched(Canary),
    Felt(Canary, Felt),
    /// It may not ask for this at all.
    Refused(Canary, (u32, Access)),
    /// Its session ended, or none could be opened.
    Lost(Option<(u32, Access)>),
}

/// All of them.
pub struct Canaries {
    endpoint: Endpoint,
    watched: Watched,
    home: Vec<Canary>,
    flights: JoinSet<Back>,
    /// What each feels that is out, and its server process.
    out: BTreeMap<(u32, Access), i32>,
    known: usize,
    /// Where none may go.
    refused: BTreeSet<(u32, Access)>,
    felt: Vec<Felt>,
}

impl Canaries {
    pub async fn start(endpoint: &Endpoint, watched: Watched) -> Result<Self, ConnectError> {
        let (reader, writer) = tokio::try_join!(hatch(endpoint), hatch(endpoint))?;
        Ok(Self {
            endpoint: endpoint.clone(),
            watched,
            home: vec![reader, writer],
            flights: JoinSet::new(),
            out: BTreeMap::new(),
            known: 2,
            refused: BTreeSet::new(),
            felt: Vec::new(),
        })
    }

    pub fn watched(&self) -> &Watched {
        &self.watched
    }

    /// Sends one wherever somebody would have to wait and none is yet. `now`: seconds since 1970, by
    /// the server's clock.
    pub fn send(&mut self, conflicts: &Conflicts, now: f64) {
        while let Some(back) = self.flights.try_join_next() {
            if let Ok(back) = back {
                self.land(back);
            }
        }
        for place in conflicts {
            if self.out.contains_key(place) || self.refused.contains(place) {
                continue;
            }
            let Some(name) = self.watched.tables.get(&place.0) else {
                continue;
            };
            if let Some(canary) = self.home.pop() {
                self.out.insert(*place, canary.pid);
                self.flights.spawn(fly(canary, *place, name.clone(), now));
            } else if self.known < MOST {
                // It is there by the next look, a hundredth of a second from now.
                self.known += 1;
                let endpoint = self.endpoint.clone();
                self.flights.spawn(async move {
                    hatch(&endpoint)
                        .await
                        .map_or(Back::Lost(None), Back::Hatched)
                });
            }
        }
    }

    /// Which of `blocking`, server processes, are canaries.
    pub fn among(&self, blocking: &BTreeSet<i32>) -> Vec<i32> {
        self.out
            .values()
            .copied()
            .filter(|pid| blocking.contains(pid))
            .collect()
    }

    /// Calls all of them home by `session`, and tells what they felt. A wait that is not over by then
    /// ends here.
    pub async fn come_home(mut self, session: &Session) -> Result<Told, QueryError> {
        while !self.flights.is_empty() {
            let out: Vec<i32> = self.out.values().copied().collect();
            call_back(session, &out).await?;
            // One that has only just left does not hear the call.
            let returning = tokio::time::timeout(CALL_AGAIN, self.flights.join_next());
            if let Ok(Some(Ok(back))) = returning.await {
                self.land(back);
            }
        }
        Ok(Told {
            felt: joined(self.felt),
            refused: self.refused.len(),
        })
    }

    fn land(&mut self, back: Back) {
        match back {
            Back::Hatched(canary) => self.home.push(canary),
            Back::Felt(canary, felt) => {
                self.out.remove(&(felt.table, felt.access));
                self.felt.push(felt);
                self.home.push(canary);
            }
            Back::Refused(canary, place) => {
                self.out.remove(&place);
                self.refused.insert(place);
                self.home.push(canary);
            }
            Back::Lost(place) => {
                self.known -= 1;
                if let Some(place) = place {
                    self.out.remove(&place);
                }
            }
        }
    }
}

/// Has these canaries stop waiting.
pub async fn call_back(session: &Session, pids: &[i32]) -> Result<(), QueryError> {
    for pid in pids {
        session
            .execute("select pg_cancel_backend($1)", &[pid])
            .await
            .during("call a canary back")?;
    }
    Ok(())
}

async fn hatch(endpoint: &Endpoint) -> Result<Canary, ConnectError> {
    // Whatever becomes of us, none is left waiting on a server that lives on.
    let session = Session::open(endpoint, &[("client_connection_check_interval", "1s")]).await?;
    let pid = async {
        session
            .batch_execute(&format!("set application_name = '{APPLICATION_NAME}'"))
            .await?;
        session.query_one("select pg_backend_pid()", &[]).await
    };
    match pid.await {
        Ok(row) => Ok(Canary {
            pid: row.get(0),
            session,
        }),
        Err(error) => Err(ConnectError {
            endpoint: endpoint.to_string(),
            source: error.into(),
        }),
    }
}

/// Waits as a reader or a writer of the table would. `now`: seconds since 1970.
async fn fly(canary: Canary, place: (u32, Access), name: QualifiedName, now: f64) -> Back {
    let began = Instant::now();
    let sql = match place.1 {
        Access::Reads => format!("explain select from only {name}"),
        Access::Writes => {
            format!("begin; lock table only {name} in row exclusive mode; rollback")
        }
    };
    let over = match canary.session.batch_execute(&sql).await {
        Ok(()) => Over::Granted,
        Err(error) => {
            if canary.session.batch_execute("rollback").await.is_err() {
                return Back::Lost(Some(place));
            }
            match error.code() {
                Some(&SqlState::QUERY_CANCELED) => Over::Cut,
                Some(&SqlState::UNDEFINED_TABLE) => Over::Granted,
                _ => return Back::Refused(canary, place),
            }
        }
    };
    let felt = Felt {
        table: place.0,
        access: place.1,
        began: now,
        ended: now + began.elapsed().as_secs_f64(),
        over,
    };
    Back::Felt(canary, felt)
}

/// A wait that was cut, and went on with another canary, becomes one.
fn joined(mut felt: Vec<Felt>) -> Vec<Felt> {
    felt.sort_by(|a, b| {
        (a.table, a.access)
            .cmp(&(b.table, b.access))
            .then(a.began.total_cmp(&b.began))
    });
    let mut waits: Vec<Felt> = Vec::new();
    for felt in felt {
        match waits.last_mut() {
            Some(last)
                if last.over == Over::Cut
                    && (last.table, last.access) == (felt.table, felt.access)
                    && felt.began - last.ended < PAUSE =>
            {
                last.ended = last.ended.max(felt.ended);
                last.over = felt.over;
            }
            _ => waits.push(felt),
        }
    }
    waits
}

#[cfg(test)]
mod tests {
    use super::{Access, Felt, Over, joined};

    #[test]
    fn a_wait_that_was_cut_goes_on() {
        let felt = |table, began, ended, over| Felt {
            table,
            access: Access::Reads,
            began,
            ended,
            over,
        };
        assert_eq!(
            joined(vec![
                felt(1, 1.0, 1.5, Over::Cut),
                felt(2, 1.0, 1.2, Over::Cut),
                felt(1, 1.52, 3.0, Over::Granted),
                felt(1, 3.01, 4.0, Over::Cut),
                felt(1, 4.5, 4.6, Over::Granted),
            ]),
            [
                felt(1, 1.0, 3.0, Over::Granted),
                felt(1, 3.01, 4.0, Over::Cut),
                felt(1, 4.5, 4.6, Over::Granted),
                felt(2, 1.0, 1.2, Over::Cut),
            ]
        );
    }
}
