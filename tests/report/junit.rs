//! `junit.xml` as CI servers read it.

use insta::assert_snapshot;
use pgrehearse::report::junit;
use pgrehearse::verdict::{NotRun, NotRunKind, Outcome, RunReport, Stage, Verdict};

use crate::sample;

/// One tag a line: the file itself has no line ends between tags.
fn rendered(report: &RunReport) -> String {
    let xml = junit::render(report).expect("rendered");
    xml.replace("><", ">\n<").replace("CDATA[", "CDATA[\n")
}

#[test]
fn suites_of_a_no_go() {
    assert_snapshot!("junit_no_go", rendered(&sample::no_go()));
}

#[test]
fn suites_of_an_undecided_run() {
    assert_snapshot!("junit_undecided", rendered(&sample::undecided()));
}

#[test]
fn every_stage_has_its_suite_and_names_are_stable() {
    let names = |report: &RunReport| -> Vec<String> {
        rendered(report)
            .lines()
            .filter(|line| line.starts_with("<testsuite ") || line.starts_with("<testcase "))
            .map(|line| {
                line.split('"')
                    .nth(if line.contains("id=") { 3 } else { 1 })
            })
            .map(|name| name.unwrap_or_default().to_owned())
            .collect()
    };
    let of_go = names(&sample::go());
    assert_eq!(
        of_go.len(),
        7 + 7 + 9,
        "suites, completed, rules: {of_go:?}"
    );
    assert_eq!(of_go, names(&sample::no_go()));
    assert_eq!(of_go, names(&sample::undecided()));
    let mut empty = sample::go();
    empty.stages.clear();
    assert_eq!(of_go, names(&sample::decided(empty)));
}

#[test]
fn a_go_has_no_failure_no_error_and_nothing_skipped() {
    let text = rendered(&sample::go());
    assert!(!text.contains("<failure") && !text.contains("<error") && !text.contains("<skipped"));
}

#[test]
fn an_undecided_run_is_never_only_skipped() {
    let mut cut = sample::go();
    for stage in &mut cut.stages {
        if stage.stage >= Stage::Migrate {
            stage.outcome = Outcome::NotRun(NotRun {
                because: "interrupted".into(),
                kind: NotRunKind::CutShort,
            });
        }
    }
    let mut empty = sample::go();
    empty.stages.clear();
    for report in [sample::decided(cut), sample::decided(empty)] {
        assert_eq!(report.verdict, Verdict::Undecided);
        let text = rendered(&report);
        assert_eq!(text.matches("<error ").count(), 1, "{text}");
    }
}

#[test]
fn a_finding_of_a_rule_that_is_not_listed_is_not_lost() {
    let mut report = sample::no_go();
    report.rules.clear();
    let text = rendered(&report);
    assert_eq!(text.matches("<failure ").count(), 2, "{text}");
}

#[test]
fn a_failure_wins_over_a_stage_that_broke_later() {
    let mut report = sample::no_go();
    for stage in &mut report.stages {
        if stage.stage == Stage::Verify {
            stage.outcome = sample::undecided()
                .stage(Stage::Restore)
                .expect("there")
                .outcome
                .clone();
        }
    }
    let text = rendered(&report);
    assert_eq!(text.matches("<failure ").count(), 2, "{text}");
    assert_eq!(text.matches("<error ").count(), 1, "{text}");
}

/// GitHub refuses an annotation of more than 64 KB, and every other one that is sent with it.
#[test]
fn what_is_handed_on_as_an_annotation_is_not_too_long() {
    let report = sample::no_go_for_many_reasons();
    let xml = junit::render(&report).expect("rendered");
    let (_, failure) = xml.split_once("<failure ").expect("a failure");
    let (failure, _) = failure.split_once("</failure>").expect("its end");
    assert!(
        (50_000..64_000).contains(&failure.len()),
        "{}",
        failure.len()
    );
    let (_, last) = failure.rsplit_once("\n\n").expect("many");
    let told = failure.matches("object: ").count();
    assert_eq!(
        last,
        format!("{} more, in report.html and report.json]]>", 300 - told)
    );
}
