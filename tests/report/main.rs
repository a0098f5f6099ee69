//! What people and programs read of a run: every format, word for word, and against hostile text.

mod browser;
mod files;
mod hostile;
mod junit;
mod readers;
#[path = "../harness/reports.rs"]
mod reports;
mod sample;
mod sarif;
mod timeline;
#[path = "../harness/tools.rs"]
mod tools;
mod traces;

use insta::assert_snapshot;
use pgrehearse::report::console::{self, Colour};
use pgrehearse::report::{html, json, markdown};
use pgrehearse::rules;
use pgrehearse::verdict::{Judged, Verdict};

#[test]
fn samples_are_what_they_say() {
    assert_eq!(sample::go().verdict, Verdict::Go);
    assert_eq!(sample::no_go().verdict, Verdict::NoGo);
    assert_eq!(sample::undecided().verdict, Verdict::Undecided);
    assert_eq!(sample::hostile().verdict, Verdict::NoGo);
}

#[test]
fn console() {
    assert_snapshot!(
        "console_go",
        console::render(&sample::go(), Colour::Never, 80)
    );
    assert_snapshot!(
        "console_no_go",
        console::render(&sample::no_go(), Colour::Never, 80)
    );
    assert_snapshot!(
        "console_undecided",
        console::render(&sample::undecided(), Colour::Never, 80)
    );
    assert_snapshot!(
        "console_many",
        console::render(&sample::no_go_for_many_reasons(), Colour::Never, 80)
    );
}

#[test]
fn console_colour_adds_nothing_but_colour() {
    for report in [sample::go(), sample::no_go(), sample::undecided()] {
        let coloured = console::render(&report, Colour::Always, 80);
        assert!(coloured.contains("\u{1b}[1;3"));
        assert_eq!(
            pgrehearse::report::escape::visible(&coloured),
            console::render(&report, Colour::Never, 80)
        );
    }
}

#[test]
fn console_keeps_to_the_width_but_for_sql() {
    let text = console::render(&sample::no_go(), Colour::Never, 60);
    for line in text.lines().filter(|line| !line.starts_with("           ")) {
        assert!(line.chars().count() <= 60, "{line}");
    }
}

#[test]
fn json() {
    let text = json::render(&sample::no_go()).expect("serialisable");
    assert_snapshot!("json_no_go", without_version(&text));
    let text = json::render(&sample::undecided()).expect("serialisable");
    assert_snapshot!("json_undecided", without_version(&text));
}

#[test]
fn comment() {
    assert_snapshot!(
        "comment_go",
        without_version(&markdown::render(&sample::go()))
    );
    assert_snapshot!(
        "comment_no_go",
        without_version(&markdown::render(&sample::no_go()))
    );
    assert_snapshot!(
        "comment_undecided",
        without_version(&markdown::render(&sample::undecided()))
    );
    assert_snapshot!(
        "comment_many",
        without_version(&markdown::render(&sample::no_go_for_many_reasons()))
    );
}

#[test]
fn comment_is_cut_by_whole_sections() {
    let mut report = sample::no_go();
    let first = report.findings[0].clone();
    let rules = rules::lint::ALL.iter().map(|lint| lint.rule.id);
    let many = rules.cycle().take(400).enumerate().map(|(number, rule)| {
        let mut judged: Judged = first.clone();
        judged.finding.rule = rule;
        judged.finding.message = format!("lock number {number} of many");
        judged
    });
    report.findings = many.collect();
    let text = markdown::render(&sample::decided(report));
    let length = text.chars().count();
    assert!(length < markdown::LIMIT, "{length}");
    assert!(length > markdown::LIMIT - 3_000, "{length}");
    assert!(
        text.contains("This comment was too long.** Cut: "),
        "{text}"
    );
    assert!(text.contains(" of the blocking findings"));
    assert_eq!(
        text.matches("<details>").count(),
        text.matches("</details>").count()
    );
    assert!(text.matches("```").count().is_multiple_of(2));
    assert!(text.starts_with("<!-- pgrehearse: shop -->\n### ⛔ NO-GO"));
}

#[test]
fn page() {
    let text = html::render(&sample::no_go());
    assert!(text.starts_with("<!DOCTYPE html>"));
    assert!(text.contains("default-src 'none'; style-src 'unsafe-inline'"));
    assert!(text.contains("prefers-color-scheme: dark"));
    assert!(text.contains("<code>public.orders</code> was locked against reads for 4.1 s"));
    // What the server did, statement by statement.
    assert!(text.contains(
        "<code>migrations/2_orders.sql:3</code> · ACCESS EXCLUSIVE on <code>public.orders</code> for 4.1 s · \
         writes <code>public.orders</code> anew (209.8 MB) · reads all of <code>public.orders</code>"
    ));
    assert!(!text.contains("<script") && !text.contains("src=") && !text.contains("href="));
    for report in [sample::go(), sample::undecided()] {
        let text = html::render(&report);
        assert!(text.contains(&report.verdict.as_str().to_uppercase()));
    }
}

/// One card for what a rule says many times, with each of them folded in it.
#[test]
fn page_of_many_findings() {
    let text = html::render(&sample::no_go_for_many_reasons());
    assert!(text.contains("<code class=\"rule\">schema-drift</code> 297 more findings</h3>"));
    assert!(text.contains("<code class=\"rule\">lint/ban-drop-column</code> 24 findings</h3>"));
    assert_eq!(text.matches("<summary>Each of them</summary>").count(), 2);
    // What they say alike is said once for each card that stands for itself.
    assert_eq!(text.matches("may fail in one of the two").count(), 3 + 2);
    assert_eq!(text.matches("<code class=\"rule\">").count(), 3 + 2);
    for number in [1, 4, 300] {
        assert!(text.contains(&format!("alter table public.t{number} drop column note;")));
    }
}

/// Our version changes with every release; what stands around it does not.
fn without_version(text: &str) -> String {
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}
