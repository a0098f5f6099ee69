//! What a run has made at providers is given back at its end, and what stays is told.

use std::time::Duration;

use tokio::time::Instant;

use super::say;
use crate::cloud::{Leak, Ledger, Patience};
use crate::verdict::Explained as _;

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

/// What became of the run's clones, a sentence for each.
pub struct GivenBack {
    pub gone: Vec<String>,
    pub stays: Vec<String>,
}

/// Gives back all that is left.
pub async fn give_back(ledger: &Ledger, ending: Ending) -> GivenBack {
    let held = ledger.left();
    let (word, stays) = match ending {
        Ending::ByItself => {
            let by = Instant::now() + GONE_WITHIN;
            let leaks = ledger.remove_all(Patience::Gone { by }).await;
            ("is deleted", told(&leaks))
        }
        Ending::Cut => {
            let asking = ledger.remove_all(Patience::Accepted);
            let stays = match tokio::time::timeout(ASKED_WITHIN, asking).await {
                Ok(leaks) => told(&leaks),
                // The guard tries once more.
                Err(_) => (ledger.left().iter())
                    .map(|(name, clone)| {
                        format!(
                            "{clone} may stay: its removal was not accepted in time; \
                             look with `pgrehearse sweep --run-id {}`",
                            name.run()
                        )
                    })
                    .collect(),
            };
            ("is being deleted", stays)
        }
    };
    for text in &stays {
        say(&format!("error: {text}"));
    }
    let left = ledger.left();
    let gone = (held.into_iter())
        .filter(|one| !left.contains(one))
        .map(|(_, clone)| format!("{clone} {word}"))
        .collect();
    GivenBack { gone, stays }
}

fn told(leaks: &[Leak]) -> Vec<String> {
    let told = |leak: &Leak| {
        let why = leak.because.explain().one_line();
        format!("{} is still there: {why}", leak.describe())
    };
    leaks.iter().map(told).collect()
}
