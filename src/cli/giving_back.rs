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

/// Gives back all that is left; a sentence for each clone that stays.
pub async fn give_back(ledger: &Ledger, ending: Ending) -> Vec<String> {
    let leaks = match ending {
        Ending::ByItself => {
            let by = Instant::now() + GONE_WITHIN;
            ledger.remove_all(Patience::Gone { by }).await
        }
        Ending::Cut => {
            let asking = ledger.remove_all(Patience::Accepted);
            // What is not done by then, the guard tries once more.
            let asked = tokio::time::timeout(ASKED_WITHIN, asking).await;
            asked.unwrap_or_default()
        }
    };
    let told = |leak: &Leak| {
        let text = format!(
            "{} is still there: {}",
            leak.describe(),
            leak.because.explain().one_line()
        );
        say(&format!("error: {text}"));
        text
    };
    leaks.iter().map(told).collect()
}
