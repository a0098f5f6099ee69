//! One call of many that is held: before anything is done, or when it is done and nobody knows it yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How long a call that was let go may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where in a call it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    Coming,
    /// With what was called.
    Held(String),
    Free,
    Done,
}

/// Which call is held.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Of that number, counted from one.
    Number(usize),
    /// The first one of that.
    Of(&'static str),
}

/// Holds one call.
#[derive(Clone)]
pub struct Hold {
    which: Which,
    when: When,
    calls: Arc<AtomicUsize>,
    phase: watch::Sender<Phase>,
}

impl Hold {
    /// The call of that number, counted from one.
    pub fn at(call: usize, when: When) -> Self {
        Self::new(Which::Number(call), when)
    }

    /// The first call of that.
    pub fn of(call: &'static str, when: When) -> Self {
        Self::new(Which::Of(call), when)
    }

    fn new(which: Which, when: When) -> Self {
        Self {
            which,
            when,
            calls: Arc::default(),
            phase: watch::Sender::new(Phase::Coming),
        }
    }

    /// Holds none, and counts them.
    pub fn none() -> Self {
        Self::at(usize::MAX, When::Before)
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Counts a call; whether it is the one.
    pub fn meets(&self, call: &str) -> Option<When> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let is_it = match self.which {
            Which::Number(wanted) => number == wanted,
            Which::Of(wanted) => call == wanted && *self.phase.borrow() == Phase::Coming,
        };
        is_it.then_some(self.when)
    }

    /// Does what the held call asks for. It goes on when whoever called is gone, so it has to be on a task
    /// of its own.
    pub async fn pass<T>(&self, call: &str, doing: impl Future<Output = T>) -> T {
        if self.when == When::Before {
            self.hold(call).await;
        }
        let done = doing.await;
        if self.when == When::After {
            self.hold(call).await;
        }
        self.phase.send_replace(Phase::Done);
        done
    }

    async fn hold(&self, call: &str) {
        self.phase.send_replace(Phase::Held(call.to_owned()));
        let mut phase = self.phase.subscribe();
        let is_free = |phase: &Phase| *phase == Phase::Free;
        phase.wait_for(is_free).await.expect("the sender is ours");
    }

    /// What is held now.
    pub fn held(&self) -> Option<String> {
        match &*self.phase.borrow() {
            Phase::Held(call) => Some(call.clone()),
            _ => None,
        }
    }

    /// Lets the call go, and waits until it is done.
    #[track_caller]
    pub fn let_go(&self) {
        self.phase.send_replace(Phase::Free);
        let deadline = Instant::now() + PATIENCE;
        while *self.phase.borrow() != Phase::Done {
            assert!(Instant::now() < deadline, "the call was never done");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
