//! How often AWS is asked, and how long it is waited for.

use std::time::Duration;

/// How often and how long is waited.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks at a state; between the first of them it is less.
    pub poll: Duration,
    /// For one answer.
    pub answer: Duration,
    /// Before the same is asked again, the first time.
    pub again: Duration,
    pub attempts: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            poll: Duration::from_secs(10),
            answer: Duration::from_secs(20),
            again: Duration::from_secs(1),
            attempts: 5,
        }
    }
}

/// After the first look at a state.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Pauses between looks at a state, each twice as long as the one before up to the pace's own: what is
/// done at once is seen at once, and what takes an hour is not asked for all the time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pace {
    pub(super) fn pauses(&self) -> Pauses {
        Pauses {
            next: FIRST_PAUSE.min(self.poll),
            longest: self.poll,
        }
    }
}

impl Pauses {
    /// All of them as long.
    pub fn of(pause: Duration) -> Self {
        Self {
            next: pause,
            longest: pause,
        }
    }

    pub fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }
}
