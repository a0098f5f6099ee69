//! `report.sarif` as code scanning reads it.

use std::collections::HashSet;

use insta::assert_snapshot;
use pgrehearse::report::sarif;
use pgrehearse::rules;
use pgrehearse::verdict::{RuleReport, RunReport};
use serde_json::Value;

use crate::{sample, without_version};

fn run(report: &RunReport) -> Value {
    let text = sarif::render(report).expect("serialisable");
    let mut log: Value = serde_json::from_str(&text).expect("JSON");
    log["runs"][0].take()
}

fn results(report: &RunReport) -> Vec<Value> {
    let run = run(report);
    run["results"].as_array().expect("a list").clone()
}

#[test]
fn a_whole_file() {
    let text = sarif::render(&sample::no_go()).expect("serialisable");
    assert_snapshot!("sarif_no_go", without_version(&text));
}

/// The rules are those of every run.
#[test]
fn a_run_without_its_rules() {
    for (name, report) in [
        ("sarif_go", sample::go()),
        ("sarif_undecided", sample::undecided()),
    ] {
        let mut run = run(&report);
        run["tool"]["driver"]["rules"].take();
        let text = serde_json::to_string_pretty(&run).expect("serialisable");
        assert_snapshot!(name, without_version(&text));
    }
}

/// The rules are ours and the same as ever; what is hostile are the results.
#[test]
fn results_of_hostile_names() {
    let run = run(&sample::hostile());
    let mut part = serde_json::json!({
        "id": run["automationDetails"]["id"],
        "properties": run["properties"],
        "results": run["results"],
    });
    part["results"].as_array_mut().expect("a list").truncate(2);
    let text = serde_json::to_string_pretty(&part).expect("serialisable");
    assert!(!text.contains('\u{9b}'), "{text}");
    for result in run["results"].as_array().expect("a list") {
        let message = result["message"]["text"].as_str().expect("text");
        assert!(!message.contains("]("), "{message}");
    }
    assert_snapshot!("sarif_hostile", text);
}

#[test]
fn a_file_is_not_green_where_the_gate_could_not_tell() {
    for (report, is_sure) in [
        (sample::go(), true),
        (sample::no_go(), true),
        (sample::undecided(), false),
    ] {
        let run = run(&report);
        assert_eq!(run["invocations"][0]["executionSuccessful"], is_sure);
    }
    let mut empty = sample::go();
    empty.stages.clear();
    let run = run(&sample::decided(empty));
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    let notifications = &run["invocations"][0]["toolExecutionNotifications"];
    assert_eq!(notifications[0]["level"], "error", "{notifications}");
}

#[test]
fn fingerprints_know_neither_lines_nor_figures() {
    let fingerprints = |report: &RunReport| -> Vec<String> {
        results(report)
            .iter()
            .map(|result| result["partialFingerprints"]["pgrehearse/v1"].to_string())
            .collect()
    };
    let before = sample::no_go();
    let mut after = sample::no_go();
    for judged in &mut after.findings {
        judged.finding.message.push_str(", 17 ms later");
        if let Some(place) = &mut judged.finding.place {
            place.line = Some(99);
        }
    }
    assert_eq!(fingerprints(&before), fingerprints(&after));
    let different: HashSet<String> = fingerprints(&before).into_iter().collect();
    assert_eq!(different.len(), before.findings.len());
    // Three hundred objects of one rule are three hundred alerts.
    let many = fingerprints(&sample::no_go_for_many_reasons());
    assert_eq!(many.iter().collect::<HashSet<_>>().len(), many.len());
}

#[test]
fn only_what_shares_its_line_has_a_fingerprint_for_the_line() {
    let has_one = |report: &RunReport| -> Vec<bool> {
        results(report)
            .iter()
            .map(|result| {
                let prints = &result["partialFingerprints"];
                prints["primaryLocationLineHash"] == prints["pgrehearse/v1"]
            })
            .collect()
    };
    let mut report = sample::no_go();
    // Two with a line of their own, and three without any.
    assert_eq!(has_one(&report), [false, false, true, true, true]);
    let mut second = report.findings[0].clone();
    second.finding.object = Some("public.customers".into());
    report.findings.insert(1, second);
    assert_eq!(has_one(&report), [true, true, false, true, true, true]);
}

#[test]
fn what_a_reader_would_refuse_is_left_out_and_said() {
    let mut report = sample::no_go();
    let first = report.findings[0].clone();
    report.findings = vec![first; 25_003];
    let run = run(&report);
    assert_eq!(run["results"].as_array().map(Vec::len), Some(25_000));
    let notification = &run["invocations"][0]["toolExecutionNotifications"][0];
    assert_eq!(
        notification["message"]["text"],
        "3 findings are in `report.json` only"
    );
    assert_eq!(notification["level"], "warning");
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
}

#[test]
fn every_result_names_its_rule_and_a_place() {
    let mut report = sample::no_go_for_many_reasons();
    report.rules.clear();
    report.policy_file = "./db/my policy#1.yml".into();
    report.findings[0].finding.place = None;
    let run = run(&report);
    let results = run["results"].as_array().expect("a list");
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("a number") as usize;
        assert_eq!(
            run["tool"]["driver"]["rules"][index]["id"],
            result["ruleId"]
        );
    }
    let place = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "db/my%20policy%231.yml");
    assert_eq!(place["region"]["startLine"], 1);
}

#[test]
fn every_rule_has_its_page() {
    let mut report = sample::go();
    report.rules = rules::every()
        .map(|rule| RuleReport {
            id: rule.id,
            stage: rule.stage,
            level: rule.level,
            summary: rule.summary,
            effect: rule.effect,
            remedy: rule.remedy,
        })
        .collect();
    let run = run(&report);
    let descriptors = run["tool"]["driver"]["rules"].as_array().expect("a list");
    assert_eq!(descriptors.len(), rules::every().count());
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    for descriptor in descriptors {
        let uri = descriptor["helpUri"].as_str().expect("text");
        let (_, page) = uri.split_once("/docs/rules/").expect("a page");
        assert!(root.join("docs/rules").join(page).is_file(), "{uri}");
        // GitHub shows no more of it.
        for field in ["shortDescription", "fullDescription"] {
            let length = descriptor[field]["text"].as_str().map(str::len);
            assert!(length < Some(1_024), "{descriptor}");
        }
    }
}
