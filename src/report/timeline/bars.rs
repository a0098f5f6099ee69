//! Bars that are too narrow to be seen are drawn as one with their neighbours.

/// What is narrower than this is hard to see or to point at; 1 is the whole width. That is 1 px on a
/// phone.
const NARROW: f64 = 0.003;

/// Bars that are drawn as one do not get wider than this: its tip would say nothing of the place.
const WIDEST: f64 = 4.0 * NARROW;

/// A part of a lane, with its ends between 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar<K, T> {
    pub from: f64,
    pub to: f64,
    /// What it looks like: only bars that look alike are drawn as one.
    pub kind: K,
    /// What it stands for; more than one were too narrow.
    pub of: Vec<T>,
}

impl<K, T> Bar<K, T> {
    pub fn new(from: f64, to: f64, kind: K, of: T) -> Self {
        Self {
            from,
            to,
            kind,
            of: vec![of],
        }
    }

    fn is_narrow(&self) -> bool {
        self.to - self.from < NARROW
    }
}

/// The bars to draw, weakest kind first, so that the strongest is never hidden. All can be seen and
/// are inside the picture.
pub fn merged<K: Ord, T>(mut bars: Vec<Bar<K, T>>) -> Vec<Bar<K, T>> {
    bars.sort_by(|one, other| (one.kind.cmp(&other.kind)).then(one.from.total_cmp(&other.from)));
    let mut drawn: Vec<Bar<K, T>> = Vec::new();
    // Whether the last one may take more.
    let mut is_open = false;
    for bar in bars {
        let narrow = bar.is_narrow();
        match drawn.last_mut() {
            Some(last)
                if is_open
                    && narrow
                    && last.kind == bar.kind
                    && bar.from - last.to < NARROW
                    && bar.to - last.from <= WIDEST =>
            {
                last.to = last.to.max(bar.to);
                last.of.extend(bar.of);
            }
            _ => {
                is_open = narrow;
                drawn.push(bar);
            }
        }
    }
    for bar in &mut drawn {
        if bar.is_narrow() {
            bar.from = bar.from.min(1.0 - NARROW);
            bar.to = bar.from + NARROW;
        }
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_neighbours_are_one() {
        let drawn = merged(vec![
            Bar::new(0.1, 0.1001, 'a', 1),
            Bar::new(0.1002, 0.1003, 'a', 2),
            Bar::new(0.1004, 0.1005, 'b', 3),
            Bar::new(0.1006, 0.3, 'a', 4),
            Bar::new(0.3, 0.3001, 'a', 5),
            Bar::new(0.5, 0.5001, 'a', 6),
        ]);
        let of: Vec<&[i32]> = drawn.iter().map(|bar| bar.of.as_slice()).collect();
        assert_eq!(of, [&[1, 2][..], &[4], &[5], &[6], &[3]]);
        assert!(drawn.iter().all(|bar| bar.to - bar.from > NARROW * 0.99));
    }

    #[test]
    fn five_hundred_are_few_and_none_is_lost() {
        let bars = (0..500).map(|number| {
            let from = f64::from(number) / 500.0;
            Bar::new(from, from + 0.0015, (), number)
        });
        let drawn = merged(bars.collect());
        assert!((80..=130).contains(&drawn.len()), "{}", drawn.len());
        let mut all: Vec<i32> = drawn.iter().flat_map(|bar| bar.of.clone()).collect();
        all.sort_unstable();
        assert_eq!(all, (0..500).collect::<Vec<_>>());
        assert!(drawn.iter().all(|bar| bar.to - bar.from <= WIDEST));
    }

    #[test]
    fn the_last_moment_is_inside() {
        let drawn = merged(vec![Bar::new(1.0, 1.0, (), 1)]);
        assert!(drawn[0].from < 1.0 && drawn[0].to <= 1.0);
        assert_eq!(merged(Vec::<Bar<(), ()>>::new()), []);
    }
}
