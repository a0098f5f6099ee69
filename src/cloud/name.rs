//! The name of what we make at a provider, and the labels it wears.

use std::fmt;

use jiff::Timestamp;

use crate::process::RunId;

/// Begins the name of everything that we make at a provider.
const PREFIX: &str = "pgrehearse-";

/// So many characters an instance's name may have at AWS, which takes the fewest.
const LIMIT: usize = 63;

/// The name of a clone that we may remove: `pgrehearse-<policy>-<run>`.
///
/// It can't be made from any other text, so that nothing else can be removed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloneName {
    text: String,
    run: RunId,
}

impl CloneName {
    pub fn new(policy: &str, run: &RunId) -> Self {
        let run_part = run.as_str().replace('_', "-");
        let room = LIMIT - PREFIX.len() - run_part.len() - 1;
        let mut plain = String::new();
        for character in policy
            .chars()
            .map(|character| character.to_ascii_lowercase())
        {
            match character {
                'a'..='z' | '0'..='9' if plain.len() < room => plain.push(character),
                // AWS takes no two hyphens in a row.
                _ if plain.len() < room && !plain.is_empty() && !plain.ends_with('-') => {
                    plain.push('-');
                }
                _ => {}
            }
        }
        let plain = plain.trim_end_matches('-');
        let text = if plain.is_empty() {
            format!("{PREFIX}{run_part}")
        } else {
            format!("{PREFIX}{plain}-{run_part}")
        };
        Self {
            text,
            run: run.clone(),
        }
    }

    /// Accepts what [`CloneName::new`] makes and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        let (rest, random) = rest.rsplit_once('-')?;
        let (policy, time) = rest.rsplit_once('-').unwrap_or(("", rest));
        let run = RunId::parse(&format!("{time}_{random}"))?;
        let name = Self::new(policy, &run);
        (name.text == text).then_some(name)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The run that made it.
    pub fn run(&self) -> &RunId {
        &self.run
    }
}

impl fmt::Display for CloneName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// What a clone says of itself where its provider has a place for that. Production's own labels are
/// never on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    pub run: RunId,
    pub expires: Timestamp,
    /// What it is a clone of.
    pub source: String,
    /// The job that made it: a URL, or the machine's name.
    pub made_by: String,
}

impl Labels {
    /// The value of [`Labels::MANAGED_BY`].
    pub const US: &'static str = "pgrehearse";
    pub const MANAGED_BY: &'static str = "managed-by";
    pub const RUN: &'static str = "run-id";
    pub const EXPIRES: &'static str = "expires-at";

    /// Names and values.
    pub fn pairs(&self) -> [(&'static str, String); 5] {
        [
            (Self::MANAGED_BY, Self::US.to_owned()),
            (Self::RUN, self.run.to_string()),
            (
                Self::EXPIRES,
                self.expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            ),
            ("source", self.source.clone()),
            ("created-by-workflow", self.made_by.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        RunId::parse("20261121220000_0123abcd").expect("a run")
    }

    #[test]
    fn a_name_fits_every_provider() {
        let name = |policy| CloneName::new(policy, &run()).to_string();
        assert_eq!(name("shop"), "pgrehearse-shop-20261121220000-0123abcd");
        assert_eq!(
            name("Größe -- 2"),
            "pgrehearse-gr-e-2-20261121220000-0123abcd"
        );
        assert_eq!(name("--"), "pgrehearse-20261121220000-0123abcd");
        let long = name(&"shop-".repeat(30));
        assert!(long.len() <= LIMIT, "{long}");
        assert!(!long.contains("--"), "{long}");
    }

    #[test]
    fn only_what_we_name_is_read_as_ours() {
        for policy in ["shop", "a shop", "", "x-1-2", &"shop-".repeat(30)] {
            let name = CloneName::new(policy, &run());
            assert_eq!(CloneName::parse(name.as_str()), Some(name));
        }
        for other in [
            "production",
            "pgrehearse-shop",
            "pgrehearse-Shop-20261121220000-0123abcd",
            "pgrehearse--20261121220000-0123abcd",
            "pgrehearse-shop-20261121220000-0123abcd-2",
            "my-pgrehearse-shop-20261121220000-0123abcd",
            "pgrehearse-shop_20261121220000_0123abcd",
        ] {
            assert_eq!(CloneName::parse(other), None, "{other}");
        }
    }
}
