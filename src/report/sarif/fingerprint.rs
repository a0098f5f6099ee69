//! By what a finding is known again in the next run: its rule, its object and its file.

use std::collections::HashMap;

/// Knows what was seen before in this report: two findings that are alike in all three are the first
/// and the second.
#[derive(Default)]
pub struct Fingerprinter {
    seen: HashMap<u64, u32>,
}

impl Fingerprinter {
    /// In the form that GitHub's own have: a hash, and which one of those with it.
    pub fn of(&mut self, rule: &str, object: Option<&str>, file: &str) -> String {
        let mut hash = Fnv::default();
        for part in [rule, object.unwrap_or_default(), file] {
            hash.part(part);
        }
        let number = self.seen.entry(hash.0).or_default();
        *number += 1;
        format!("{:016x}:{number}", hash.0)
    }
}

/// FNV-1a, 64 bits: the standard library's hashes may differ from release to release, and nobody
/// gains by a collision here. <http://www.isthe.com/chongo/tech/comp/fnv/>
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    /// A text with an end that no text has in it.
    fn part(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_same_in_every_run_and_release() {
        let mut first = Fingerprinter::default();
        assert_eq!(
            first.of("rows-lost", Some("public.orders"), "a.sql"),
            "1f1b3f1161f54645:1"
        );
        assert_eq!(
            first.of("rows-lost", Some("public.orders"), "a.sql"),
            "1f1b3f1161f54645:2"
        );
        let mut second = Fingerprinter::default();
        assert_ne!(
            second.of("rows-lost", Some("public.order"), "sa.sql"),
            second.of("rows-lost", Some("public.orders"), "a.sql")
        );
    }
}
