//! What a plan says of a clone's provider: the calls of a run in their order, with what they take and cost,
//! and the permissions that they need.

use std::time::Duration;

use serde_json::Value;

use crate::cli::print;
use crate::cloud::calls::{Change, Cost, Detail, Rate, Step, Takes, Used};
use crate::cloud::{CloneName, CloudError, Intended, Lacks, Outline};
use crate::context::Context;
use crate::policy::{Hosted, Policy, Source, Target};

/// Wide enough for a call's longest detail, narrow enough for most windows.
const WIDTH: usize = 88;

/// A run's calls, as a block of its own.
pub(super) async fn describe(context: &Context, hosted: &Hosted) -> Result<String, CloudError> {
    let policy = &context.policy;
    let provider = hosted.provider()?;
    let name = CloneName::new(&policy.name, &context.run);
    let intended = Intended {
        name: &name,
        used: match policy.target {
            Target::InPlace => Used::InPlace,
            Target::Throwaway { .. } | Target::Server(_) => Used::Streamed,
        },
    };
    let outline = provider.outline(intended).await?;
    let mut text = shown(&outline, policy);
    if let Some(needed) = provider.permissions().await? {
        text.push('\n');
        text.push_str(&shown_policy(&needed));
    }
    Ok(text)
}

/// Prints the policy that is needed, where AWS has refused to let us look: the keys that production is
/// encrypted with are not known then.
pub(super) fn after_refusal(policy: &Policy, error: &CloudError) {
    let CloudError::Refused { refusal, .. } = error else {
        return;
    };
    let Source::Hosted(hosted) = &policy.source else {
        return;
    };
    let needed = (hosted.provider().ok()).and_then(|provider| provider.permissions_unasked());
    if let (Lacks::Permission, Some(needed)) = (refusal.lacks, needed) {
        print(&format!(
            "{}\n{}",
            shown_policy(&needed),
            wrapped(
                "If production is encrypted with a key of its own, the role needs `kms:DescribeKey` and `kms:CreateGrant` for that as well: run `pgrehearse plan` again once it may look.",
                ""
            )
        ));
    }
}

fn shown_policy(needed: &Value) -> String {
    let needed = serde_json::to_string_pretty(needed).unwrap_or_default();
    format!("The job's role needs this at AWS, and no more:\n\n{needed}\n")
}

fn shown(outline: &Outline, policy: &Policy) -> String {
    let mut text = String::from("\n");
    text.push_str(&wrapped(
        &format!(
            "The calls at {}. What has a number changes something; `look` only reads:",
            outline.place
        ),
        "",
    ));
    text.push('\n');
    let mut number = 0;
    for step in &outline.steps {
        match step {
            Step::Look { calls, what } => {
                text.push_str(&shown_calls(calls));
                text.push_str(&wrapped(what, "     "));
            }
            Step::Change(change) => {
                number += 1;
                text.push_str(&shown_change(number, change));
            }
            Step::Work {
                what,
                details,
                takes,
            } => {
                text.push_str(&wrapped(what, "then "));
                let mut details = details.clone();
                details.extend(shown_takes(*takes).map(|takes| ("takes", takes)));
                text.push_str(&shown_details(&details));
            }
        }
    }
    text.push('\n');
    text.push_str(&shown_sum(outline));
    text.push('\n');
    let mut notes = outline.notes.clone();
    notes.push(format!(
        "Made in order to know this, and changed nothing: {}.",
        outline.asked.join(", ")
    ));
    notes.push("A run has an id of its own, so its names end otherwise.".to_owned());
    if policy.restore.max_size.is_some() && is_unsized(outline) {
        notes.push(
            "How large the data is, is known when the clone is there: `restore.max_size` is held against it then, before anything is read.".to_owned(),
        );
    }
    for note in notes {
        text.push_str(&wrapped(&note, ""));
    }
    text
}

/// Whether nothing that was asked tells the data's size.
fn is_unsized(outline: &Outline) -> bool {
    !(outline.steps.iter()).any(|step| match step {
        Step::Change(change) => change.details.iter().any(|(label, _)| *label == "size"),
        Step::Look { .. } | Step::Work { .. } => false,
    })
}

/// Names of actions in a row; paths each in a line.
fn shown_calls(calls: &[String]) -> String {
    if calls.iter().any(|call| call.contains(' ')) {
        return format!("look {}\n", calls.join("\n     "));
    }
    wrapped(&calls.join(", "), "look ")
}

fn shown_change(number: usize, change: &Change) -> String {
    let mut details = change.details.clone();
    details.extend(shown_takes(change.takes).map(|takes| ("takes", takes)));
    details.extend(shown_rate(change.costs).map(|costs| ("costs", costs)));
    format!("{number:>3}. {}\n{}", change.call, shown_details(&details))
}

/// Labels and values, in two columns.
fn shown_details(details: &[Detail]) -> String {
    (details.iter())
        .map(|(label, value)| format!("     {label:<15} {value}\n"))
        .collect()
}

/// `None`: it is not worth a line.
fn shown_takes(takes: Takes) -> Option<String> {
    Some(match takes {
        Takes::Seconds => return None,
        Takes::Between(least, most) => {
            let (least, most) = (minutes(least), minutes(most));
            format!("{} to {most}", least.trim_end_matches(" min"))
        }
        Takes::AtLeast(least) => format!("{} or more", minutes(least)),
        Takes::NotKnown => "not known here".to_owned(),
    })
}

fn shown_rate(rate: Rate) -> Option<String> {
    Some(match rate {
        Rate::Nothing => return None,
        Rate::AtMost(most) => format!("{} an hour at most, until it is deleted", dollars(most)),
        Rate::Between(least, most) => {
            format!("{} an hour, until it is deleted", span(least, most))
        }
        Rate::NotKnown => "not known here".to_owned(),
    })
}

fn shown_sum(outline: &Outline) -> String {
    let ready = match outline.ready {
        Takes::Seconds => "a few seconds".to_owned(),
        takes => shown_takes(takes).unwrap_or_default(),
    };
    let cost = match outline.cost {
        Cost::Nothing => "nothing".to_owned(),
        Cost::NotKnown => "not known here".to_owned(),
        Cost::Between {
            least,
            most: Some(most),
            hour,
        } => format!(
            "about {}, and {} for each hour more",
            span(least, most),
            span(hour.0, hour.1)
        ),
        Cost::Between { least, hour, .. } if least > 0.0 => format!(
            "{} at least: {} for each hour that it is there",
            dollars(least),
            span(hour.0, hour.1)
        ),
        Cost::Between { hour, .. } => {
            format!("{} for each hour that it is there", span(hour.0, hour.1))
        }
    };
    format!("In all, until the clone is ready: {ready}\nIn all, for the clone:            {cost}\n")
}

fn minutes(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

fn span(least: f64, most: f64) -> String {
    let (least, most) = (dollars(least), dollars(most));
    if least == most {
        return least;
    }
    format!("{least} to {most}")
}

fn dollars(amount: f64) -> String {
    if amount < 0.005 {
        return "less than $0.01".to_owned();
    }
    format!("${amount:.2}")
}

/// A text in lines that are not too long, the first after `start` and the others as far in.
fn wrapped(text: &str, start: &str) -> String {
    let indent = " ".repeat(start.len());
    let mut lines = String::from(start);
    let mut length = start.len();
    for (index, word) in text.split(' ').enumerate() {
        let width = word.chars().count();
        if index > 0 && length + 1 + width > WIDTH {
            lines.push('\n');
            lines.push_str(&indent);
            length = indent.len();
        } else if index > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += width;
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_say_no_more_than_is_known() {
        assert_eq!(dollars(0.004), "less than $0.01");
        assert_eq!(span(0.241, 0.239), "$0.24");
        assert_eq!(minutes(Duration::from_secs(30)), "30 s");
        assert_eq!(minutes(Duration::from_secs(630)), "11 min");
        assert_eq!(shown_takes(Takes::Seconds), None);
    }

    #[test]
    fn lines_are_no_longer_than_a_window() {
        let text = wrapped(&"word ".repeat(60), "look ");
        assert!(text.lines().count() > 3);
        for line in text.lines() {
            assert!(line.len() <= WIDTH, "{line}");
            assert!(
                line.starts_with("look ") || line.starts_with("     "),
                "{line}"
            );
        }
    }
}
