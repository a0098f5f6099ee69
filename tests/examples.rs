//! The example projects answer what their pages promise.

mod harness;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::gate::{Run, gate, shop_app};

/// What each mistake is refused for, and for nothing else; what the lint says beside it comes after.
macro_rules! mistakes {
    ($($name:ident => $($rule:literal),+;)*) => {
        mod mistakes {
            $(#[test] fn $name() {
                let name = stringify!($name).replace('_', "-");
                super::rehearse(&format!("shop-no-go/mistakes/{name}")).expect(1, "no-go", &[$($rule),+]);
            })*
        }
        const MISTAKES: &[&str] = &[$(stringify!($name)),*];
    };
}

mistakes! {
    null_in_not_null => "not-null-violated", "lint/adding-not-nullable-field";
    duplicate_key => "unique-violated";
    orphan_row => "foreign-key-violated";
    check_broken => "check-violated", "lint/constraint-missing-not-valid";
    statement_timeout => "migration-failed";
    rows_lost => "rows-lost";
    not_validated => "constraint-not-validated";
    invalid_index => "index-not-valid", "lint/require-concurrent-index-creation";
    edited_migration => "schema-drift";
    fresh_install_broken => "fresh-install-broken";
    skipped_file => "pending-mismatch";
    dropped_column => "app-sql-error", "lint/ban-drop-column", "irreversible-drop";
}

#[test]
fn a_shop_that_may_go() {
    let reports = tempfile::tempdir().expect("a directory");
    rehearse_into("shop-go", reports.path()).expect(0, "go", &[]);
    reports_are_as_expected("shop-go", reports.path());
}

#[test]
fn a_shop_that_must_not_go() {
    let reports = tempfile::tempdir().expect("a directory");
    let run = rehearse_into("shop-no-go", reports.path());
    assert_eq!(run.code, Some(1), "{}\n{}", run.stdout, run.stderr);
    assert_eq!(run.verdict(), "no-go");
    let rules: BTreeSet<&str> = run.rules().into_iter().collect();
    assert_eq!(
        rules,
        BTreeSet::from([
            "app-sql-error",
            "assertion-failed",
            "constraint-not-validated",
            "index-not-valid",
            "irreversible-drop",
            "lint/ban-drop-column",
            "lint/require-concurrent-index-creation",
            "rows-lost",
            "schema-drift",
        ])
    );
    reports_are_as_expected("shop-no-go", reports.path());
}

#[test]
fn every_mistake_is_rehearsed() {
    let directories: BTreeSet<String> = std::fs::read_dir(examples().join("shop-no-go/mistakes"))
        .expect("the mistakes")
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let tested: BTreeSet<String> = MISTAKES.iter().map(|name| name.replace('_', "-")).collect();
    assert_eq!(directories, tested);
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// Runs an example as the action does, from the root of the repository, with the reports elsewhere.
fn rehearse(example: &str) -> Run {
    let reports = tempfile::tempdir().expect("a directory");
    rehearse_into(example, reports.path())
}

/// Byte for byte, but for what is measured: what .github/workflows/dogfood.yml expects of the action.
#[track_caller]
fn reports_are_as_expected(example: &str, reports: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(root.join("scripts/compare-reports.sh"))
        .arg(reports)
        .arg(root.join("tests/fixtures/dogfood").join(example))
        .output()
        .expect("the script starts");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn rehearse_into(example: &str, reports: &Path) -> Run {
    let out = reports.to_string_lossy();
    let policy = format!("examples/{example}/pgrehearse.yml");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = gate(root, &["run", "--policy", &policy, "--out", &out])
        .env("SHOP_APP", shop_app())
        .output()
        .expect("the gate starts");
    Run::of(&output, reports.to_owned())
}
