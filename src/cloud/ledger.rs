//! What this run has made at providers and has not removed yet.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Access, Account, CloneName, CloudError, Made, Order, Patience, Provider, Tunnel};
use crate::process::guard::{Guard, Watched};

/// A call that was sent may be done after whoever sent it has given it up, or is gone: so long after a
/// look that may have come before it, another one is taken.
const LATE: Duration = Duration::from_secs(2);

/// The same for the guard, which nobody waits for.
const LATER: [Duration; 3] = [LATE, Duration::from_secs(5), Duration::from_secs(10)];

/// A clone that could not be removed.
#[derive(Debug)]
pub struct Leak {
    pub name: CloneName,
    /// The account that it is in.
    pub place: String,
    pub because: CloudError,
}

/// The clones of one run. The guard has each of them from before it is made until it is gone.
pub struct Ledger {
    guard: Arc<Guard>,
    open: Mutex<Vec<Entry>>,
}

#[derive(Clone)]
struct Entry {
    account: Arc<dyn Account>,
    /// As it was when the guard was told.
    access: Access,
    name: CloneName,
    /// The way to it, which ends with the entry.
    tunnel: Option<Arc<Tunnel>>,
    making: Making,
}

/// What is known of the calls that make a clone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Making {
    /// One of them may still be on its way.
    UnderWay,
    /// All are answered.
    Done,
}

impl Entry {
    async fn remove(&self, patience: Patience) -> Result<(), CloudError> {
        self.account.remove(&self.name, patience).await?;
        if self.making == Making::UnderWay {
            tokio::time::sleep(LATE).await;
            self.account.remove(&self.name, patience).await?;
        }
        Ok(())
    }

    fn watched(&self) -> Watched {
        Watched::Clone {
            access: self.access.clone(),
            name: self.name.to_string(),
            making: self.making,
        }
    }
}

impl Ledger {
    pub fn new(guard: Arc<Guard>) -> Self {
        Self {
            guard,
            open: Mutex::default(),
        }
    }

    /// Makes a clone. Whatever becomes of the call, its name is in the ledger.
    pub async fn make(
        &self,
        provider: &dyn Provider,
        order: &Order<'_>,
    ) -> Result<Made, CloudError> {
        let account = provider.account();
        let entry = Entry {
            access: account.access().await?,
            account,
            name: order.name.clone(),
            tunnel: None,
            making: Making::UnderWay,
        };
        self.guard
            .watch(entry.watched())
            .map_err(CloudError::Guard)?;
        self.open().push(entry);
        let made = provider.make(order).await?;
        if let Some(entry) = (self.open().iter_mut()).find(|entry| entry.name == *order.name) {
            entry.tunnel.clone_from(&made.tunnel);
            let before = entry.watched();
            entry.making = Making::Done;
            self.guard
                .watch(entry.watched())
                .map_err(CloudError::Guard)?;
            self.guard.forget(before);
        }
        Ok(made)
    }

    /// Asks for all clones to be removed; they are waited for at the run's end.
    pub async fn ask_removals(&self) {
        let open = self.open().clone();
        for entry in open {
            if let Err(error) = entry.account.remove(&entry.name, Patience::Accepted).await {
                tracing::debug!(%error, name = %entry.name, "the clone was not removed yet");
            }
        }
    }

    /// Leaves the clones when the run ends: `--keep`.
    pub fn keep_all(&self) {
        let open = self.open().clone();
        for entry in open {
            self.forget(&entry.name);
        }
    }

    /// Removes whatever is left; says what could not be.
    pub async fn remove_all(&self, patience: Patience) -> Vec<Leak> {
        let open = self.open().clone();
        let removals = open.into_iter().map(|entry| async move {
            let removed = entry.remove(patience).await;
            (entry, removed)
        });
        let mut leaks = Vec::new();
        for (entry, removed) in futures_util::future::join_all(removals).await {
            match removed {
                // What is on its way may still come: the guard looks for it when nobody waits any more.
                Ok(()) if entry.making == Making::UnderWay && patience == Patience::Accepted => {
                    self.guard.work_on_alone();
                }
                Ok(()) => self.forget(&entry.name),
                // The guard tries once more when this process ends.
                Err(because) => leaks.push(Leak {
                    name: entry.name,
                    place: entry.account.describe(),
                    because,
                }),
            }
        }
        leaks
    }

    /// The clones that are not known to be removed, with the account that each is in.
    pub fn left(&self) -> Vec<(CloneName, String)> {
        let told = |entry: &Entry| (entry.name.clone(), entry.account.describe());
        self.open().iter().map(told).collect()
    }

    fn forget(&self, name: &CloneName) {
        self.open().retain(|entry| {
            if entry.name == *name {
                self.guard.forget(entry.watched());
            }
            entry.name != *name
        });
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which look for the clones of a run that is gone this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    First,
    /// What was on its way when the run ended may be there by now.
    Later,
}

/// A clone as the guard knows it.
pub type Known<'a> = (&'a Access, &'a str, Making);

/// Removes the clones of a run that is gone, and does not wait until they are.
pub fn remove_from_guard(clones: &[Known<'_>], look: Look) {
    let clones: Vec<_> = (clones.iter())
        .filter(|(_, _, making)| look == Look::First || *making == Making::UnderWay)
        .filter_map(|(access, name, _)| Some((access.account().ok()?, CloneName::parse(name)?)))
        .collect();
    if clones.is_empty() {
        return;
    }
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    let remove_all = || async {
        let removals =
            (clones.iter()).map(|(account, name)| account.remove(name, Patience::Accepted));
        // Nobody is left who could be told.
        futures_util::future::join_all(removals).await;
    };
    runtime.block_on(async {
        match look {
            Look::First => remove_all().await,
            Look::Later => {
                for pause in LATER {
                    tokio::time::sleep(pause).await;
                    remove_all().await;
                }
            }
        }
    });
}
