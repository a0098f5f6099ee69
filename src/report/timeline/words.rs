//! Times and names as they stand beside a bar: short.

use std::time::Duration;

use crate::text::human_seconds;

/// A duration as a timeline says it: milliseconds where seconds would be nought point something.
pub fn time(duration: Duration) -> String {
    let milliseconds = duration.as_secs_f64() * 1000.0;
    if milliseconds == 0.0 {
        "0 ms".to_owned()
    } else if milliseconds < 9.95 {
        format!("{milliseconds:.1} ms")
    } else if milliseconds < 999.5 {
        format!("{milliseconds:.0} ms")
    } else {
        human_seconds(duration)
    }
}

/// How wide a text is, in characters of a font whose characters are alike. Chinese, Japanese and
/// Korean characters and most pictures take two.
fn columns(character: char) -> usize {
    match character {
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f000}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// The text if it fits into so many columns, else as many whole characters of it as do, and `…`.
pub fn fitted(text: &str, room: usize) -> String {
    if text.chars().map(columns).sum::<usize>() <= room {
        return text.to_owned();
    }
    let mut used = 1;
    let mut kept: String = text
        .chars()
        .take_while(|character| {
            used += columns(*character);
            used <= room
        })
        .collect();
    kept.truncate(kept.trim_end().len());
    kept.push('…');
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        for (text, room, expected) in [
            ("orders", 6, "orders"),
            ("orders", 5, "orde…"),
            ("über größe", 6, "über…"),
            ("注文注文", 8, "注文注文"),
            ("注文注文", 7, "注文注…"),
            ("注文注文", 6, "注文…"),
        ] {
            assert_eq!(fitted(text, room), expected);
        }
    }

    #[test]
    fn short_times_are_milliseconds() {
        for (duration, expected) in [
            (Duration::ZERO, "0 ms"),
            (Duration::from_micros(340), "0.3 ms"),
            (Duration::from_millis(12), "12 ms"),
            (Duration::from_micros(999_600), "1.0 s"),
            (Duration::from_secs(62), "1 min 2 s"),
        ] {
            assert_eq!(time(duration), expected);
        }
    }
}
