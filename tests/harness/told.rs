//! What `plan` tells of the calls at a provider, read back from its text, to be held against the calls that
//! were made.

use std::collections::{BTreeMap, BTreeSet};

/// Calls that only read, in any order and number, and the change that follows them.
pub type Segment = (BTreeSet<String>, Option<String>);

/// A plan's block about a provider.
#[derive(Debug, Default)]
pub struct Told {
    pub text: String,
    pub segments: Vec<Segment>,
    /// The details of each change, in their order.
    pub details: Vec<BTreeMap<String, String>>,
    /// What was called in order to know it.
    pub asked: BTreeSet<String>,
}

impl Told {
    #[track_caller]
    pub fn read(plan: &str) -> Self {
        let (_, text) = plan.split_once("\nThe calls at ").expect("a block");
        let (calls, rest) = text.split_once("\nIn all, ").expect("a sum");
        let mut told = Self {
            text: format!("The calls at {text}"),
            ..Self::default()
        };
        let mut looks = BTreeSet::new();
        let mut is_look = false;
        for line in calls.lines() {
            let (mark, rest) = line.split_at(line.len().min(5));
            let is_number = mark.trim().ends_with('.');
            if is_number {
                let before = std::mem::take(&mut looks);
                told.segments.push((before, Some(rest.to_owned())));
                told.details.push(BTreeMap::new());
                is_look = false;
            } else if mark == "look " || (is_look && mark == "     " && is_call(rest)) {
                looks.extend(calls_of(rest));
                is_look = true;
            } else if mark == "then " {
                // A step that is no call has its own details.
                told.details.push(BTreeMap::new());
                is_look = false;
            } else if !is_look && rest.len() > 16 {
                let (label, value) = rest.split_at(16);
                if let Some(details) = told.details.last_mut() {
                    details.insert(label.trim().to_owned(), value.trim().to_owned());
                }
            }
        }
        told.segments.push((looks, None));
        let (_, asked) = rest
            .split_once("changed nothing: ")
            .expect("what was asked");
        let (asked, _) = asked.split_once(".\n").expect("a sentence");
        let asked = asked.split_whitespace().collect::<Vec<_>>().join(" ");
        told.asked = calls_of(&asked).collect();
        told
    }

    /// The details of the change by that name.
    #[track_caller]
    pub fn of(&self, call: &str) -> &BTreeMap<String, String> {
        let mut numbered = self.details.iter().filter(|details| !is_work(details));
        let changes = self
            .segments
            .iter()
            .filter_map(|(_, change)| change.as_ref());
        changes
            .zip(numbered.by_ref())
            .find_map(|(change, details)| (change == call).then_some(details))
            .unwrap_or_else(|| panic!("{call} was not told\n{}", self.text))
    }
}

/// Work is told with what it is for, and a change with what it is called on.
fn is_work(details: &BTreeMap<String, String>) -> bool {
    let of_work = ["takes", "at best", "size", "through", "document", "command"];
    details
        .keys()
        .all(|label| of_work.contains(&label.as_str()))
}

fn is_call(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
}

fn calls_of(text: &str) -> impl Iterator<Item = String> {
    text.split(", ")
        .map(|call| call.trim().trim_end_matches(',').to_owned())
        .filter(|call| !call.is_empty())
}

/// The same of calls that were made.
pub fn segments(
    calls: impl IntoIterator<Item = String>,
    is_look: fn(&str) -> bool,
) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut looks = BTreeSet::new();
    for call in calls {
        if is_look(&call) {
            looks.insert(call);
        } else {
            segments.push((std::mem::take(&mut looks), Some(call)));
        }
    }
    segments.push((looks, None));
    segments
}
