//! Names as they stand beside a bar: short.

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
}
