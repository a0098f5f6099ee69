//! One marked parse: the file's value, the place of everything in it, and what is known of each
//! place later on: whether it came from a variable, whether it was given up.
//!
//! What no policy needs is refused by [`super::reader`], which builds this.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::path::Path;
use crate::text::one_line;

/// A text of the user's is repeated in messages up to this length.
const SHOWN: usize = 60;

/// The bytes of a key and of its value.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub key: Option<Range<usize>>,
    pub value: Range<usize>,
}

/// The places of everything in a file.
#[derive(Default)]
pub struct Document {
    text: String,
    places: BTreeMap<Path, Place>,
    /// What a variable gave: such a text may stand for a number, and is never repeated.
    from_variables: BTreeSet<Path>,
    /// What was wrong and is reported: nothing more is said about it.
    given_up: BTreeSet<Path>,
}

impl Document {
    pub fn new(text: &str, places: BTreeMap<Path, Place>, given_up: BTreeSet<Path>) -> Self {
        Self {
            text: text.to_owned(),
            places,
            from_variables: BTreeSet::new(),
            given_up,
        }
    }

    /// Where the value at `path` is; where its nearest ancestor is, if it is not written.
    pub fn value_span(&self, path: &Path) -> Range<usize> {
        let (_, place) = self.nearest(path);
        match &place.key {
            // An empty value has no place of its own.
            Some(key) if place.value.is_empty() => key.clone(),
            _ => place.value.clone(),
        }
    }

    /// Where the key at `path` is.
    pub fn key_span(&self, path: &Path) -> Range<usize> {
        let (found, place) = self.nearest(path);
        match &place.key {
            Some(key) if found == *path => key.clone(),
            _ => self.value_span(&found),
        }
    }

    /// Where to say that something is missing in the map at `path`: on its key, else its first line.
    pub fn owner_span(&self, path: &Path) -> Range<usize> {
        if path.is_root() {
            return 0..0;
        }
        self.key_span(path)
    }

    /// The line of the value at `path`, from 1.
    pub fn line_of(&self, path: &Path) -> u32 {
        let before = &self.text[..self.value_span(path).start];
        u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX)
    }

    pub fn is_written(&self, path: &Path) -> bool {
        self.places.contains_key(path)
    }

    /// The value at `path` as it is written.
    pub fn written(&self, path: &Path) -> &str {
        &self.text[self.value_span(path)]
    }

    /// `text`, which is the value at `path`, for a message. What a variable gave may be a secret.
    pub fn quoted(&self, path: &Path, text: &str) -> String {
        if self.is_from_variable(path) {
            "the value of its variable".to_owned()
        } else {
            format!("`{}`", one_line(text, SHOWN))
        }
    }

    /// `unknown rule` with the value at `path`, under the same condition.
    pub fn unknown(&self, what: &str, path: &Path, text: &str) -> String {
        if self.is_from_variable(path) {
            format!("unknown {what} in a variable")
        } else {
            format!("unknown {what} {}", self.quoted(path, text))
        }
    }

    pub fn mark_from_variable(&mut self, path: &Path) {
        self.from_variables.insert(path.clone());
    }

    pub fn is_from_variable(&self, path: &Path) -> bool {
        self.from_variables.contains(path)
    }

    pub fn give_up(&mut self, path: &Path) {
        self.given_up.insert(path.clone());
    }

    /// Whether the value at `path`, or one that it is in, was given up.
    pub fn is_given_up(&self, path: &Path) -> bool {
        let mut path = Some(path.clone());
        while let Some(candidate) = path {
            if self.given_up.contains(&candidate) {
                return true;
            }
            path = candidate.parent();
        }
        false
    }

    /// Whether something directly in the value at `path` was given up, so that what seems to be
    /// missing there may only be mistyped.
    pub fn has_given_up_in(&self, path: &Path) -> bool {
        self.given_up
            .range(path..)
            .take_while(|inner| inner.is_within(path))
            .any(|inner| inner.parent().as_ref() == Some(path))
    }

    fn nearest(&self, path: &Path) -> (Path, &Place) {
        static NOWHERE: Place = Place {
            key: None,
            value: 0..0,
        };
        let mut path = Some(path.clone());
        while let Some(candidate) = path {
            if let Some(place) = self.places.get(&candidate) {
                return (candidate, place);
            }
            path = candidate.parent();
        }
        (Path::default(), &NOWHERE)
    }
}
