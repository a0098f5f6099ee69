//! The axis of a timeline: which stretch of time it shows and where its ticks are.

use std::time::Duration;

/// What the figures of an axis count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
}

impl Unit {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Minutes => "min",
            Self::Hours => "h",
        }
    }

    /// In microseconds.
    pub fn length(self) -> u64 {
        match self {
            Self::Milliseconds => 1_000,
            Self::Seconds => 1_000_000,
            Self::Minutes => 60_000_000,
            Self::Hours => 3_600_000_000,
        }
    }
}

/// More ticks than these do not fit beside one another on a phone.
const TICKS: u64 = 6;

/// Steps that people count in: below a second tenths, from a second on what a clock has.
const STEPS: [u64; 28] = {
    const MS: u64 = 1_000;
    const S: u64 = 1_000 * MS;
    const MIN: u64 = 60 * S;
    const H: u64 = 60 * MIN;
    [
        100,
        200,
        500,
        MS,
        2 * MS,
        5 * MS,
        10 * MS,
        20 * MS,
        50 * MS,
        100 * MS,
        200 * MS,
        500 * MS,
        S,
        2 * S,
        5 * S,
        10 * S,
        20 * S,
        30 * S,
        MIN,
        2 * MIN,
        5 * MIN,
        10 * MIN,
        20 * MIN,
        30 * MIN,
        H,
        2 * H,
        6 * H,
        24 * H,
    ]
};

/// A stretch of time, with the step of its ticks. In microseconds since the trace began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    from: u64,
    to: u64,
    step: u64,
}

impl Scale {
    /// From the tick before the first of `spans` begins until the last ends.
    pub fn of(spans: impl Iterator<Item = (Duration, Duration)>) -> Self {
        let (mut from, mut to) = (u64::MAX, 0);
        for (began, ended) in spans {
            from = from.min(microseconds(began));
            to = to.max(microseconds(ended));
        }
        from = from.min(to);
        // Nothing is drawn on no time at all.
        to = to.max(from + 100);
        let step = STEPS
            .into_iter()
            .find(|step| (to - from / step * step).div_ceil(*step) <= TICKS)
            .unwrap_or_else(|| {
                let day = 24 * Unit::Hours.length();
                ((to - from) / day / (TICKS - 1)).max(1) * day
            });
        Self {
            from: from / step * step,
            to,
            step,
        }
    }

    pub fn length(&self) -> Duration {
        Duration::from_micros(self.to - self.from)
    }

    /// Where a moment is: 0 at the left, 1 at the right.
    pub fn at(&self, moment: Duration) -> f64 {
        let since = microseconds(moment).clamp(self.from, self.to) - self.from;
        since as f64 / (self.to - self.from) as f64
    }

    pub fn step(&self) -> Duration {
        Duration::from_micros(self.step)
    }

    /// In what the ticks are counted.
    pub fn unit(&self) -> Unit {
        let second = Unit::Seconds.length();
        if self.to < second {
            Unit::Milliseconds
        } else if self.step < Unit::Minutes.length() {
            Unit::Seconds
        } else if self.step < Unit::Hours.length() {
            Unit::Minutes
        } else {
            Unit::Hours
        }
    }

    /// The places of the ticks and what stands at them.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let unit = self.unit();
        (self.from..=self.to)
            .step_by(usize::try_from(self.step).unwrap_or(usize::MAX))
            .map(|moment| {
                let figure = moment as f64 / unit.length() as f64;
                // As many digits as the step has, and no rounding errors: 0.3, not 0.30000000000000004.
                let figure = (figure * 10_000.0).round() / 10_000.0;
                let place = self.at(Duration::from_micros(moment));
                (place, format!("{figure} {}", unit.as_str()))
            })
            .collect()
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(from: u64, to: u64) -> Vec<String> {
        let span = (Duration::from_micros(from), Duration::from_micros(to));
        let scale = Scale::of([span].into_iter());
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_few() {
        for (from, to, expected) in [
            (0, 0, "0 ms, 0.1 ms"),
            (0, 3_000, "0 ms, 0.5 ms, 1 ms, 1.5 ms, 2 ms, 2.5 ms, 3 ms"),
            (118_000, 900_000, "0 ms, 200 ms, 400 ms, 600 ms, 800 ms"),
            (118_000, 4_230_000, "0 s, 1 s, 2 s, 3 s, 4 s"),
            (0, 1_200_000, "0 s, 0.2 s, 0.4 s, 0.6 s, 0.8 s, 1 s, 1.2 s"),
            (3_210_000, 3_390_000, "3.2 s, 3.25 s, 3.3 s, 3.35 s"),
            (0, 100_000_000, "0 s, 20 s, 40 s, 60 s, 80 s, 100 s"),
            (0, 600_000_000, "0 min, 2 min, 4 min, 6 min, 8 min, 10 min"),
            (0, 20_000_000_000, "0 h, 1 h, 2 h, 3 h, 4 h, 5 h"),
        ] {
            assert_eq!(ticks(from, to).join(", "), expected);
        }
    }

    #[test]
    fn places_are_between_the_ends() {
        let second = Duration::from_secs(1);
        let scale = Scale::of([(second, 5 * second), (2 * second, 3 * second)].into_iter());
        for (moment, place) in [(0, 0.0), (1, 0.0), (3, 0.5), (5, 1.0), (9, 1.0)] {
            assert!((scale.at(moment * second) - place).abs() < 1e-9, "{moment}");
        }
        assert_eq!(scale.length(), 4 * second);
    }

    #[test]
    fn days_have_ticks_too() {
        let scale = Scale::of([(Duration::ZERO, Duration::from_secs(40 * 86_400))].into_iter());
        assert_eq!(scale.unit(), Unit::Hours);
        assert_eq!(scale.ticks().len(), 6);
    }
}
