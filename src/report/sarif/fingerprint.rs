//! By what a finding is known again in the next run: its rule, its object and its file.

use std::collections::HashMap;

use crate::text::sha256;

/// Stands between two parts: no text has it in it.
const END: [u8; 1] = [0xff];

/// Knows what was seen before in this report: two findings that are alike in all three are the first
/// and the second.
#[derive(Default)]
pub struct Fingerprinter {
    seen: HashMap<String, u32>,
}

impl Fingerprinter {
    /// In the form that GitHub's own have: sixteen digits of a hash, and which one of those with it.
    pub fn of(&mut self, rule: &str, object: Option<&str>, file: &str) -> String {
        let parts = [rule, object.unwrap_or_default(), file].map(str::as_bytes);
        let mut hash = sha256(&parts.join(&END[..]));
        hash.truncate(16);
        let number = self.seen.entry(hash.clone()).or_default();
        *number += 1;
        format!("{hash}:{number}")
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
            "7df421af686cc3ef:1"
        );
        assert_eq!(
            first.of("rows-lost", Some("public.orders"), "a.sql"),
            "7df421af686cc3ef:2"
        );
        let mut second = Fingerprinter::default();
        assert_ne!(
            second.of("rows-lost", Some("public.order"), "sa.sql"),
            second.of("rows-lost", Some("public.orders"), "a.sql")
        );
    }
}
