//! The arrows of `docs/architecture.md`: which part of the crate may name which other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The top may name whatever it needs.
const TOP: [&str; 3] = ["cli", "lib", "main"];

/// What each part below may name beside itself. A part that is not listed is a stage.
const ARROWS: &[(&str, &[&str])] = &[
    ("text", &[]),
    ("git", &[]),
    ("verdict", &["text"]),
    ("progress", &["verdict"]),
    ("cloud", &["postgres", "process", "text", "verdict"]),
    ("container", &["process", "text"]),
    ("postgres", &["process", "text"]),
    // The guard removes what the others make.
    ("process", &["cloud", "container", "postgres", "text"]),
    ("report", &["progress", "text", "verdict"]),
    // What is told there comes ready, as text or as what the verdict says.
    ("github", &["policy", "report", "text", "verdict"]),
    // Facts are the stages' types; `SILENT` holds that nothing is done with them but reading.
    (
        "rules",
        &[
            "change",
            "clone",
            "migrate",
            "policy",
            "preflight",
            "restore",
            "schema_diff",
            "smoke_ingest",
            "text",
            "trace",
            "verdict",
            "verify",
        ],
    ),
    ("trace", &["postgres", "text", "verdict"]),
    (
        "context",
        &[
            "change", "cloud", "policy", "postgres", "process", "progress", "text",
        ],
    ),
    (
        "policy",
        &[
            "cloud",
            "container",
            "migrate",
            "postgres",
            "rules",
            "schema_diff",
            "text",
            "verdict",
        ],
    ),
    ("change", &["git", "github", "migrate", "policy", "verdict"]),
    ("pipeline", &STAGES_AND_BELOW),
];

/// A stage may name other stages, since each takes what the one before it handed on, but not who
/// calls it, judges it or words it.
const STAGES_AND_BELOW: [&str; 22] = [
    "change",
    "clone",
    "cloud",
    "container",
    "context",
    "fingerprint",
    "git",
    "migrate",
    "policy",
    "postgres",
    "preflight",
    "process",
    "progress",
    "restore",
    "rules",
    "schema_diff",
    "smoke_ingest",
    "target",
    "text",
    "trace",
    "verdict",
    "verify",
];

/// Words that no file of a part may have: doors to the world outside.
const SILENT: &[(&str, &[&str])] = &[
    (
        "rules",
        &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "tokio",
            "async fn",
            "Session",
        ],
    ),
    (
        "verdict",
        &[
            "std::fs",
            "std::net",
            "std::process",
            "std::env",
            "tokio",
            "async fn",
        ],
    ),
];

struct File {
    part: String,
    path: PathBuf,
    code: String,
}

#[test]
fn arrows_point_one_way() {
    let mut wrong = Vec::new();
    for file in files().filter(|file| !TOP.contains(&file.part.as_str())) {
        let allowed: Vec<&str> = match ARROWS.iter().find(|(part, _)| *part == file.part) {
            Some((_, allowed)) => allowed.to_vec(),
            None => STAGES_AND_BELOW
                .into_iter()
                .filter(|part| *part != "rules")
                .collect(),
        };
        for named in parts_named_in(&file.code) {
            if named != file.part && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{} names crate::{named}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn judging_does_no_io() {
    let mut wrong = Vec::new();
    for file in files() {
        let words = SILENT.iter().filter(|(part, _)| *part == file.part);
        for word in words.flat_map(|(_, words)| words.iter()) {
            if file.code.contains(word) {
                wrong.push(format!("{} has {word}", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_owns() {
    let silent: Vec<String> = files()
        .filter(|file| !file.code.starts_with("//! "))
        .map(|file| file.path.display().to_string())
        .collect();
    assert!(
        silent.is_empty(),
        "no `//!` at the top of {}",
        silent.join(", ")
    );
}

#[test]
fn names_are_read_from_every_form_of_path() {
    let code = "//! crate::cli\nuse crate::text::Ident;\nuse crate::{migrate, verify::{Facts, rows}};\nlet x = crate::rules::ALL; // crate::report";
    let named: Vec<String> = parts_named_in(code).into_iter().collect();
    assert_eq!(named, ["migrate", "rules", "text", "verify"]);
}

/// The Rust files of `src`, each with the folder or file that it belongs to.
fn files() -> impl Iterator<Item = File> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&source, &mut paths);
    assert!(!paths.is_empty(), "no files in {}", source.display());
    paths.into_iter().map(move |path| {
        let inside = path.strip_prefix(&source).expect("it is below");
        let first = inside.iter().next().expect("a name").to_string_lossy();
        File {
            part: first.trim_end_matches(".rs").to_owned(),
            code: std::fs::read_to_string(&path).expect("source is text"),
            path: inside.to_owned(),
        }
    })
}

fn collect(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory of source") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

/// The parts after `crate::`, alone or in braces. Comments do not count.
fn parts_named_in(code: &str) -> BTreeSet<String> {
    let code: String = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n");
    let mut parts = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(list) => parts.extend(first_words_of(list)),
            None => parts.extend(word(rest)),
        }
    }
    parts
}

/// The first word of each entry of a list in braces, up to the brace that ends it.
fn first_words_of(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut entries = vec![String::new()];
    for character in list.chars() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => entries.push(String::new()),
            _ => {
                if let Some(entry) = entries.last_mut() {
                    entry.push(character);
                }
            }
        }
    }
    entries
        .iter()
        .filter_map(|entry| word(entry.trim()))
        .collect()
}

/// A module's name, in small letters; not a type that `crate` exports itself.
fn word(text: &str) -> Option<String> {
    let word: String = text
        .chars()
        .take_while(|character| character.is_ascii_lowercase() || *character == '_')
        .collect();
    (!word.is_empty()).then_some(word)
}
