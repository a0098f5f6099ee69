//! What a verdict is of: it holds as long as all of this is the same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Digests of everything that a rehearsal was made of. As it stands in `report.json`: fields may be
/// added, none is renamed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Of the policy, each migration, and each other file that the policy names, by path from the policy.
    pub files: BTreeMap<String, String>,
    /// Of what production said of itself: `schema` and `history` of a database, `dump` of a dump.
    pub production: BTreeMap<String, String>,
    /// The gate's version, and its image where it knows it.
    pub program: String,
    /// The image that the migration ran in: its digest, or the id that the machine gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What can't be known without rehearsing again.
    pub unknown: Vec<String>,
}

impl Fingerprint {
    /// What is other `now`, in sentences.
    pub fn differences(&self, now: &Self) -> Vec<String> {
        let mut said = Vec::new();
        for (file, how) in changed(&self.files, &now.files) {
            said.push(format!("`{file}` is {how}"));
        }
        // A production that did not answer is not another one.
        let answered = !self.production.is_empty() && !now.production.is_empty();
        let parts = changed(&self.production, &now.production);
        for (part, _) in parts.into_iter().filter(|_| answered) {
            said.push(match part {
                "schema" => "production's schema is another".to_owned(),
                "history" => "production's migration history is another".to_owned(),
                "dump" => "the newest dump is another".to_owned(),
                other => format!("production's {other} is another"),
            });
        }
        // One that could not be found out is told as unknown.
        match (&self.image, &now.image) {
            (Some(before), Some(image)) if before != image => {
                said.push(format!(
                    "the migration's image is another: it was `{before}`, and is `{image}`"
                ));
            }
            _ => {}
        }
        if self.program != now.program {
            said.push(format!(
                "it was rehearsed by {}, and this is {}",
                self.program, now.program
            ));
        }
        said
    }
}

/// The names whose digests differ, and how.
fn changed<'m>(
    before: &'m BTreeMap<String, String>,
    now: &'m BTreeMap<String, String>,
) -> Vec<(&'m str, &'static str)> {
    let mut names: Vec<&str> = before
        .keys()
        .chain(now.keys())
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| match (before.get(name), now.get(name)) {
            (Some(before), Some(now)) if before == now => None,
            (Some(_), Some(_)) => Some((name, "another")),
            (None, _) => Some((name, "new")),
            (_, None) => Some((name, "gone")),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(files: &[(&str, &str)], schema: &str) -> Fingerprint {
        Fingerprint {
            files: files
                .iter()
                .map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned()))
                .collect(),
            production: [("schema".to_owned(), schema.to_owned())].into(),
            program: "pgrehearse 1".into(),
            image: None,
            unknown: Vec::new(),
        }
    }

    #[test]
    fn every_difference_is_named() {
        let before = print(&[("1.sql", "a"), ("2.sql", "b"), ("3.sql", "c")], "s");
        assert!(before.differences(&before).is_empty());
        let now = Fingerprint {
            program: "pgrehearse 2".into(),
            ..print(&[("1.sql", "a"), ("3.sql", "d"), ("4.sql", "e")], "t")
        };
        assert_eq!(
            before.differences(&now),
            [
                "`2.sql` is gone",
                "`3.sql` is another",
                "`4.sql` is new",
                "production's schema is another",
                "it was rehearsed by pgrehearse 1, and this is pgrehearse 2"
            ]
        );
    }

    #[test]
    fn another_image_is_a_difference() {
        let of = |image: &str| Fingerprint {
            image: Some(image.into()),
            ..print(&[], "s")
        };
        assert!(of("sha256:1").differences(&of("sha256:1")).is_empty());
        let said = of("sha256:1").differences(&of("sha256:2"));
        assert_eq!(
            said,
            ["the migration's image is another: it was `sha256:1`, and is `sha256:2`"]
        );
    }

    #[test]
    fn a_production_that_did_not_answer_is_no_difference() {
        let before = print(&[], "s");
        let silent = Fingerprint {
            production: BTreeMap::new(),
            ..before.clone()
        };
        assert!(before.differences(&silent).is_empty());
    }

    /// A report of today must be read by the gate of tomorrow.
    #[test]
    fn its_form_is_frozen() {
        let json = r#"{"files":{"1.sql":"a"},"production":{"schema":"s"},"program":"pgrehearse 1","unknown":[]}"#;
        let print = print(&[("1.sql", "a")], "s");
        assert_eq!(serde_json::to_string(&print).expect("serialisable"), json);
        let read: Fingerprint = serde_json::from_str(json).expect("readable");
        assert_eq!(read, print);
    }
}
