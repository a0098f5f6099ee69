//! What happens, told while it happens. Stages say it here; `report` decides how it looks.

use std::sync::Arc;
use std::time::Duration;

use crate::verdict::{Outcome, Stage};

/// Something that a person who watches wants to know.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    Started(Stage),
    /// What a stage is doing now.
    Doing {
        stage: Stage,
        text: &'a str,
    },
    /// A line that a child process wrote, already without secrets and values.
    Output {
        stage: Stage,
        line: &'a str,
    },
    Ended {
        stage: Stage,
        outcome: &'a Outcome,
        took: Duration,
    },
}

/// Shows events to somebody.
pub trait Watcher: Send + Sync {
    fn see(&self, event: Event<'_>);
}

/// A handle that every stage has.
#[derive(Clone)]
pub struct Progress(Arc<dyn Watcher>);

impl Progress {
    pub fn new(watcher: impl Watcher + 'static) -> Self {
        Self(Arc::new(watcher))
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        struct Nobody;
        impl Watcher for Nobody {
            fn see(&self, _: Event<'_>) {}
        }
        Self::new(Nobody)
    }

    pub fn tell(&self, event: Event<'_>) {
        self.0.see(event);
    }

    pub fn doing(&self, stage: Stage, text: impl AsRef<str>) {
        self.tell(Event::Doing {
            stage,
            text: text.as_ref(),
        });
    }

    pub fn output(&self, stage: Stage, line: &str) {
        self.tell(Event::Output { stage, line });
    }
}
