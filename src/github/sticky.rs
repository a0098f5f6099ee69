//! What stands around a comment's text: two hidden lines by which it is found again, and a foot that
//! says of which commit it speaks.

use std::str::FromStr as _;

use jiff::Timestamp;

use super::event::Context;
use crate::report::escape::Markdown;
use crate::report::markdown::marker;
use crate::text::one_line;

/// GitHub refuses a comment of so many characters.
const TOO_LONG: usize = 65_536;

const AT: &str = "<!-- pgrehearse-at: ";

/// Which run a comment is of. Later runs are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    pub started: Timestamp,
    pub run_id: u64,
    pub attempt: u64,
}

impl At {
    pub fn of(context: &Context, started: Timestamp) -> Self {
        Self {
            started,
            run_id: context.run_id,
            attempt: context.attempt,
        }
    }

    fn line(self, commit: &str) -> String {
        format!(
            "{AT}{} of {commit} run {}.{} -->",
            self.started, self.run_id, self.attempt
        )
    }
}

/// What a comment says of itself in its second line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said<'a> {
    pub at: At,
    pub commit: &'a str,
}

/// Whether a comment is the one of a policy's name, as far as its text tells.
pub fn is_of(body: &str, name: &str) -> bool {
    body.lines().next().map(str::trim_end) == Some(marker(name).as_str())
}

/// The run and the commit that a comment is of; `None` if it does not say so.
pub fn said_by(body: &str) -> Option<Said<'_>> {
    let line = body.lines().nth(1)?.trim_end();
    let inside = line.strip_prefix(AT)?.strip_suffix(" -->")?;
    let (what, run) = inside.split_once(" run ")?;
    let (started, commit) = what.split_once(" of ")?;
    let (run_id, attempt) = run.split_once('.')?;
    Some(Said {
        at: At {
            started: Timestamp::from_str(started).ok()?,
            run_id: run_id.parse().ok()?,
            attempt: attempt.parse().ok()?,
        },
        commit,
    })
}

/// Whether two bodies say the same. GitHub keeps the line ends of whoever wrote last, and cuts the end.
pub fn is_same(one: &str, other: &str) -> bool {
    let lines = |text: &str| -> Vec<String> {
        text.trim_end()
            .lines()
            .map(|line| line.trim_end_matches('\r').to_owned())
            .collect()
    };
    lines(one) == lines(other)
}

/// What is shown while the rehearsal goes on.
pub fn in_progress(context: &Context, name: &str, at: At) -> String {
    format!(
        "{}\n{}\n### ⏳ {}: rehearsing commit [{}]({}), started at {}\n\nThe verdict will stand here. [The run]({})\n",
        marker(name),
        at.line(&context.commit),
        Markdown::sentence(&one_line(name, 80)),
        context.short_commit(),
        context.commit_url(),
        at.started.strftime("%Y-%m-%d %H:%M UTC"),
        context.run_url(),
    )
}

/// The report's text as the comment of a run, shorter than GitHub refuses.
pub fn concluded(context: &Context, name: &str, at: At, text: &str) -> String {
    let mark = marker(name);
    let text = text
        .strip_prefix(mark.as_str())
        .unwrap_or(text)
        .trim_start_matches('\n');
    let head = format!("{mark}\n{}\n", at.line(&context.commit));
    let linked = format!(
        "\n<sub>commit [{}]({}) · [run {}.{}]({})</sub>\n",
        context.short_commit(),
        context.commit_url(),
        at.run_id,
        at.attempt,
        context.run_url(),
    );
    let plain = format!(
        "\n<sub>commit {} · run {}.{}</sub>\n",
        context.commit, at.run_id, at.attempt
    );
    let length = |text: &str| text.chars().count();
    let room = |foot: &str| (TOO_LONG - 1).saturating_sub(length(&head) + length(foot));
    let foot = [linked, plain.clone()]
        .into_iter()
        .find(|foot| length(text) <= room(foot));
    match foot {
        Some(foot) => format!("{head}{text}{foot}"),
        // A report keeps far below; a longer one is cut at a line, and its folds are left open.
        None => {
            let note = format!("\n\n…the rest is in the run's report{plain}");
            let cut: String = text.chars().take(room(&note)).collect();
            let end = cut.rfind('\n').unwrap_or(cut.len());
            format!("{head}{}{note}", &cut[..end])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::github::event;

    fn context() -> Context {
        event::example()
    }

    fn at(second: i64) -> At {
        At::of(
            &context(),
            Timestamp::from_second(second).expect("in range"),
        )
    }

    #[test]
    fn a_comment_says_which_run_it_is_of() {
        let body = in_progress(&context(), "shop", at(1_760_000_000));
        assert!(is_of(&body, "shop"));
        assert!(!is_of(&body, "shop-2"));
        let said = Said {
            at: at(1_760_000_000),
            commit: &context().commit,
        };
        assert_eq!(said_by(&body), Some(said));
        let body = body.replace('\n', "\r\n");
        assert!(is_of(&body, "shop"));
        assert_eq!(said_by(&body), Some(said));
        assert!(at(1_760_000_000) < at(1_760_000_001));
        for broken in [
            "",
            "a\nb",
            "a\n<!-- pgrehearse-at: now of ec26c3e run 1.1 -->",
            "a\n<!-- pgrehearse-at: 2026-01-01T00:00:00Z of ec26c3e run x.1 -->",
            "a\n<!-- pgrehearse-at: 2026-01-01T00:00:00Z run 1.1 -->",
        ] {
            assert_eq!(said_by(broken), None);
        }
    }

    #[test]
    fn the_text_is_framed_once() {
        let text = format!("{}\n### go\n", marker("shop"));
        let body = concluded(&context(), "shop", at(0), &text);
        assert_eq!(body.matches("<!-- pgrehearse: shop -->").count(), 1);
        let third = body.lines().nth(2);
        assert_eq!(third, Some("### go"));
        assert!(body.contains("commit [ec26c3e](https://github.com/octo/shop/commit/ec26c3e57ca3a959ca5aad62de7213c562f8c821)"));
        assert!(is_same(&body, &body.replace('\n', "\r\n")));
        assert!(!is_same(&body, &body.replace("go", "no-go")));
    }

    #[test]
    fn no_text_and_no_name_makes_it_too_long() {
        let mut context = context();
        context.repository.owner = "o".repeat(39);
        context.repository.name = "n".repeat(100);
        let line = format!("{}🦆\n", "x".repeat(78));
        for length in [64_000, 64_990, 65_000, 65_300, 65_535, 65_536, 200_000] {
            let text: String = line.chars().cycle().take(length).collect();
            for name in ["shop", &"-".repeat(100)] {
                let body = concluded(&context, name, at(0), &text);
                let count = body.chars().count();
                assert!(count < TOO_LONG, "{length} made {count}");
                assert!(body.trim_end().ends_with("</sub>"));
                assert!(body.contains(context.short_commit()));
            }
        }
    }

    #[test]
    fn links_stay_as_long_as_there_is_room() {
        let made = |length: usize| concluded(&context(), "shop", at(0), &"x".repeat(length));
        let around = made(0).chars().count();
        let fits = made(TOO_LONG - 1 - around);
        assert_eq!(fits.chars().count(), TOO_LONG - 1);
        assert!(fits.contains("/actions/runs/"));
        let without_links = made(TOO_LONG - around);
        assert!(without_links.chars().count() < TOO_LONG);
        assert!(!without_links.contains("/actions/runs/"));
        assert!(without_links.contains(&context().commit));
    }
}
