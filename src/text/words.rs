//! Numbers, plurals and long texts as a reader wants them.

use std::time::Duration;

/// `1 table`, `3 tables`.
pub fn count_of(number: u64, noun: &str) -> String {
    let plural = match noun {
        "index" => "indexes".to_owned(),
        _ if noun.ends_with('y') && !noun.ends_with("ey") => {
            format!("{}ies", &noun[..noun.len() - 1])
        }
        _ if noun.ends_with('s') || noun.ends_with("sh") => format!("{noun}es"),
        _ => format!("{noun}s"),
    };
    let noun = if number == 1 { noun } else { &plural };
    format!("{} {noun}", human_count(number))
}

/// `1,234,567`.
pub fn human_count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `512 B`, `1.4 MB`, `2.2 GB`, in powers of 1024 as `pg_size_pretty` counts.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{value:.1} {}", UNITS[unit])
    }
}

/// `0.04 s`, `3.2 s`, `2 min 5 s`, `1 h 20 min`.
pub fn human_seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let whole = seconds.round() as u64;
    if seconds < 0.995 {
        format!("{seconds:.2} s")
    } else if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else if whole < 3600 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else if whole < 72 * 3600 {
        format!("{} h {} min", whole / 3600, whole % 3600 / 60)
    } else {
        format!("{} days", whole / (24 * 3600))
    }
}

/// A duration for people where short ones matter: milliseconds where seconds would be nought point
/// something.
pub fn human_time(duration: Duration) -> String {
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

/// White space folded to single spaces and the end cut at `limit` characters with `…`.
pub fn one_line(text: &str, limit: usize) -> String {
    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if folded.chars().count() <= limit {
        return folded;
    }
    let mut cut: String = folded.chars().take(limit.saturating_sub(1)).collect();
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_take_the_plural_they_need() {
        assert_eq!(count_of(1, "table"), "1 table");
        assert_eq!(count_of(0, "index"), "0 indexes");
        assert_eq!(count_of(12345, "foreign key"), "12,345 foreign keys");
        assert_eq!(count_of(2, "policy"), "2 policies");
    }

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!(human_bytes(1023), "1023 B");
        assert_eq!(human_bytes(2_362_232_012), "2.2 GB");
        assert_eq!(human_seconds(Duration::from_millis(43)), "0.04 s");
        assert_eq!(human_seconds(Duration::from_millis(3210)), "3.2 s");
        assert_eq!(human_seconds(Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(human_seconds(Duration::from_secs(4800)), "1 h 20 min");
    }

    #[test]
    fn long_text_is_cut_at_a_character() {
        assert_eq!(one_line("a\n  b\tc", 80), "a b c");
        assert_eq!(one_line("ééééé", 3), "éé…");
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
            assert_eq!(human_time(duration), expected);
        }
    }
}
