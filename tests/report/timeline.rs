//! What the server did: the picture of the page and the diagram of the comment.

use std::time::Duration;

use insta::assert_snapshot;
use pgrehearse::report::{html, markdown};
use pgrehearse::verdict::{Stage, TraceReport};

use crate::hostile::ATTACKS;
use crate::{sample, traces};

/// The section of a page, one tag a line.
fn page(trace: TraceReport) -> String {
    let text = html::render(&sample::with_trace(sample::no_go(), trace));
    let (_, section) = text.split_once("<h2>On the server").expect("a section");
    let (section, _) = section.split_once("</section>").expect("its end");
    section.replace("><", ">\n<")
}

/// The section of a comment on a go.
fn comment(trace: TraceReport) -> String {
    let text = markdown::render(&sample::with_trace(sample::go(), trace));
    let (_, below) = text
        .split_once("| smoke-ingest | 21.5 s |\n")
        .expect("the stages");
    let (section, _) = below
        .split_once("<details><summary>3 mig")
        .expect("what follows");
    section.trim().to_owned()
}

#[test]
fn page_of_five_statements() {
    assert_snapshot!("page_five", page(traces::five()));
}

#[test]
fn page_of_hostile_names() {
    assert_snapshot!("page_attacks", page(traces::of_names(&ATTACKS[..4])));
}

#[test]
fn page_of_five_hundred_statements_is_no_longer_than_one_reads() {
    let text = page(traces::many());
    let count = |what: &str| text.matches(what).count();
    // Of 500 statements, 500 transactions and the locks of 12 tables.
    assert!((100..500).contains(&count("<rect")), "{}", count("<rect"));
    assert_eq!(count("<rect") - count(r#"class="track""#), count("<title>"));
    assert_eq!(
        count(r#"class="track""#),
        1 + 12,
        "a lane of sessions, and tables"
    );
    assert!(text.contains("50 sessions, one after another"));
    assert!(text.contains("28 more tables that were blocked for less in report.json"));
    assert!(text.contains("460 more shorter statements in report.json"));
    assert!(text.contains("Not seen: what <code>archive</code> did"));
}

#[test]
fn page_says_what_was_not_locked() {
    let text = page(traces::quiet());
    assert!(text.contains("No existing table was locked against reads or writes."));
    assert!(text.contains("<svg") && !text.contains("Existing tables"));
}

#[test]
fn an_empty_trace_is_not_told() {
    let report = sample::with_trace(sample::go(), TraceReport::default());
    assert!(!html::render(&report).contains("On the server"));
    assert!(
        !markdown::render(&report)
            .to_lowercase()
            .contains("on the server")
    );
}

#[test]
fn comments() {
    assert_snapshot!("comment_five", comment(traces::five()));
    assert_snapshot!("comment_many", comment(traces::many()));
    assert_snapshot!("comment_attacks", comment(traces::of_names(&ATTACKS[..8])));
}

#[test]
fn what_nobody_noticed_is_one_sentence() {
    assert_eq!(
        comment(traces::quiet()),
        "On the server: no existing table was locked against reads or writes."
    );
    let mut trace = traces::five();
    trace.stalls.clear();
    for span in trace.transactions.iter_mut().flat_map(|it| &mut it.locks) {
        span.released = span.acquired + Duration::from_micros(11_200);
    }
    assert_eq!(
        comment(trace),
        "On the server: no lock on an existing table lasted longer than 12 ms."
    );
}

#[test]
fn a_diagram_is_open_where_it_is_the_reason() {
    let is_open = |report| markdown::render(&report).contains("\n**On the server:** ");
    assert!(is_open(sample::no_go()));
    assert!(!is_open(sample::go()));
    let mut other = sample::no_go();
    for judged in &mut other.findings {
        judged.finding.stage = Stage::Verify;
    }
    assert!(!is_open(other));
}

#[test]
fn long_times_are_drawn_in_minutes() {
    let mut trace = traces::one();
    for span in trace.transactions.iter_mut().flat_map(|it| &mut it.locks) {
        span.released = Duration::from_secs(1_500);
    }
    let text = comment(trace);
    assert!(
        text.contains("axisFormat %s min\n    tickInterval 5second"),
        "{text}"
    );
    assert!(text.contains(":crit, 2, 25000"), "{text}");
}
