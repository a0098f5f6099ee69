//! What a run has made at providers is given back at its end, and what stays is told.

use std::time::Duration;

use tokio::time::Instant;

use super::say;
use crate::clone::Left;
use crate::cloud::{CloneName, Leak, Ledger, Patience};

/// How long a provider may take to delete a clone.
const GONE_WITHIN: Duration = Duration::from_mins(20);

/// How long a provider may take to accept that, when the run is cancelled: who cancels waits for ten
/// seconds and no longer.
const ASKED_WITHIN: Duration = Duration::from_secs(6);

/// How a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    ByItself,
    Cut,
}

/// What became of the run's clones.
pub struct GivenBack {
    /// A sentence for each that is deleted.
    pub gone: Vec<String>,
    pub left: Vec<Left>,
}

/// Gives back all that is left.
pub async fn give_back(ledger: &Ledger, ending: Ending) -> GivenBack {
    let held = ledger.left();
    let (word, left) = match ending {
        Ending::ByItself => {
            let by = Instant::now() + GONE_WITHIN;
            let leaks = ledger.remove_all(Patience::Gone { by }).await;
            ("is deleted", left_by(&leaks))
        }
        Ending::Cut => {
            let asking = ledger.remove_all(Patience::Accepted);
            let left = match tokio::time::timeout(ASKED_WITHIN, asking).await {
                Ok(leaks) => left_by(&leaks),
                // The guard tries once more.
                Err(_) => (ledger.left().into_iter())
                    .map(|(name, place)| left(&name, place, "its removal was not accepted in time"))
                    .collect(),
            };
            ("is being deleted", left)
        }
    };
    for one in &left {
        say(&format!("error: {}; {}", one.describe(), one.cure()));
    }
    let stay = ledger.left();
    let gone = (held.into_iter())
        .filter(|one| !stay.contains(one))
        .map(|(name, place)| format!("the clone `{name}` in {place} {word}"))
        .collect();
    GivenBack { gone, left }
}

fn left_by(leaks: &[Leak]) -> Vec<Left> {
    let told = |leak: &Leak| left(&leak.name, leak.place.clone(), &leak.because.to_string());
    leaks.iter().map(told).collect()
}

fn left(name: &CloneName, place: String, because: &str) -> Left {
    Left {
        clone: name.to_string(),
        place,
        because: because.to_owned(),
        run: name.run().to_string(),
    }
}
