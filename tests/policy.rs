//! A policy that is wrong is refused with everything that is wrong, and a policy that is right is
//! understood. What is shown for each file of `fixtures/policy/wrong` is under snapshot.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pgrehearse::policy::{self, CommentWhen, LoadError, Policy, Problems, Runner, Source, Told};

const THREE_LINES: &str =
    "version: 1\nsource: { dump: dump/*.dump }\nmigrations: { tool: prisma }\n";

fn variable(name: &str) -> Option<String> {
    Some(match name {
        "EMPTY" => String::new(),
        // A value that must never be shown, whatever is wrong with it.
        "WORD" => "hunter3".to_owned(),
        "GLOB" => "hunter3[".to_owned(),
        "NUMBER" => "4".to_owned(),
        "YAML" => "x\n  evil: true\nrules: { rows-lost: off }".to_owned(),
        "REPLICA_URL" => "postgres://app:hunter3@replica/shop".to_owned(),
        _ => return None,
    })
}

fn parse(text: &str) -> Result<Policy, Problems> {
    policy::parse(Path::new("pgrehearse.yml"), text, variable)
}

/// The messages of what is wrong with the three lines and `more`.
fn messages(more: &str) -> Vec<String> {
    match parse(&format!("{THREE_LINES}{more}")) {
        Ok(_) => Vec::new(),
        Err(problems) => problems
            .found()
            .iter()
            .map(|problem| problem.message.clone())
            .collect(),
    }
}

fn files_below(directory: &str, name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = glob::glob(&format!("{directory}/**/{name}"))
        .expect("a pattern")
        .flatten()
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no {name} below {directory}");
    files
}

#[test]
fn three_lines_are_a_policy() {
    let policy = parse(THREE_LINES).expect("valid");
    assert!(matches!(&policy.source, Source::Dump(dump) if dump.files.as_str() == "dump/*.dump"));
    assert!(
        matches!(&policy.migrations.runner, Runner::Command { line, .. } if line.contains("prisma"))
    );
    assert!(policy.smoke.is_none() && policy.allow.is_empty());
    assert_eq!(
        policy.told,
        Told {
            comment: CommentWhen::Always,
            check: false,
            status: false
        }
    );
}

#[test]
fn every_wrong_policy_is_refused_with_a_place_and_a_hint() {
    for file in files_below("tests/fixtures/policy/wrong", "*.yml") {
        let name = file
            .file_stem()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let problems = match policy::load(&file, variable) {
            Err(LoadError::Wrong(problems)) => problems,
            other => panic!("{name}: {other:?}"),
        };
        let shown = problems.to_string();
        for problem in problems.found() {
            let (line, column) = problems.place(problem);
            let place = format!("--> {}:{line}:{column}\n", file.display());
            assert!(shown.contains(&place), "{name} lacks {place}in {shown}");
            assert!(shown.contains(&problem.message), "{name}: {shown}");
        }
        for secret in ["hunter", "4711"] {
            assert!(!shown.contains(secret), "{name} shows a secret: {shown}");
            assert!(!problems.coloured().contains(secret), "{name}");
            assert!(
                !format!("{:?}", problems.found()).contains(secret),
                "{name}"
            );
        }
        insta::assert_snapshot!(name, shown);
    }
}

#[test]
fn a_complete_policy_is_understood() {
    let file = Path::new("tests/fixtures/policy/complete/pgrehearse.yml");
    let policy = policy::load(file, variable).unwrap_or_else(|error| panic!("{error}"));
    // A number is the text that was written, where a text will do.
    let env = |name: &str| {
        let found = policy.migrations.env.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(env("VERSION"), Some("1.10"));
    assert_eq!(env("BUILD"), Some("007"));
    assert_eq!(env("CHECKPOINT_DISABLE"), Some("1"));
    assert_eq!(env("NESTED"), Some("${HOME}"));
    // The first pattern of the file counts, not the first of the alphabet.
    let rule = |table| policy.verify.rows.of(&table).written();
    assert_eq!(
        rule(pgrehearse::text::QualifiedName::new("public", "audit_log")),
        "may_grow"
    );
    assert_eq!(
        rule(pgrehearse::text::QualifiedName::new("public", "sessions")),
        "any"
    );
    assert!(policy.variables.contains("REPLICA_URL"));
    assert_eq!(policy.allow[0].line, 65);
    assert_eq!(
        policy.told,
        Told {
            comment: CommentWhen::OnProblem,
            check: true,
            status: false
        }
    );
    // The source has a password by now.
    assert!(!format!("{policy:?}").contains("hunter3"));
}

#[test]
fn the_policies_of_the_examples_are_valid() {
    for file in files_below("examples", "pgrehearse.yml") {
        policy::load(&file, |_| None).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn a_variable_is_a_value_and_never_yaml() {
    let policy =
        parse(&THREE_LINES.replace("prisma", "prisma, command: \"${YAML}\"")).expect("valid");
    let Runner::Command { line, .. } = &policy.migrations.runner else {
        panic!("a command");
    };
    assert_eq!(line, "x\n  evil: true\nrules: { rows-lost: off }");
    let rule = pgrehearse::rules::by_id("rows-lost").expect("a rule");
    assert_eq!(policy.levels.of(rule), rule.level);
}

#[test]
fn variables_stand_where_they_may() {
    let name = |text: &str| {
        let policy = parse(&format!("{THREE_LINES}name: {text}\n"));
        policy
            .map(|policy| policy.name)
            .map_err(|problems| problems.to_string())
    };
    for (text, value) in [
        ("a${NUMBER}b", "a4b"),
        ("\"${UNSET:-x y}\"", "x y"),
        ("\"${EMPTY:-x}\"", "x"),
        ("\"${UNSET:-{port}}\"", "{port}"),
        ("${NUMBER:?needed}", "4"),
        ("$${NUMBER}", "${NUMBER}"),
        ("$${A:-${NUMBER}}", "${A:-4}"),
        ("$NUMBER", "$NUMBER"),
        ("5$", "5$"),
    ] {
        assert_eq!(name(text).as_deref(), Ok(value), "{text}");
    }
    // A text may stand for a number where only a number will do, and is not changed elsewhere.
    assert!(messages("restore: { jobs: \"${NUMBER}\" }\n").is_empty());
    let policy = policy::parse(
        Path::new("pgrehearse.yml"),
        &THREE_LINES.replace("prisma", "prisma, env: { PASSWORD: \"${P}\" }"),
        |_| Some("1e3".to_owned()),
    );
    let env = policy.expect("valid").migrations.env;
    assert_eq!(env, [("PASSWORD".to_owned(), "1e3".to_owned())]);
}

#[test]
fn a_key_is_never_a_variable() {
    assert_eq!(messages("\"${WORD}\": 1\n"), ["unknown key `${WORD}`"]);
}

#[test]
fn a_password_with_special_characters_is_named_and_not_shown() {
    let text = THREE_LINES.replace("{ dump: dump/*.dump }", "{ database: { url: \"${U}\" } }");
    for url in [
        "postgres://app:12?hunter2@db/shop",
        "postgres://app:1/hunter2@db/shop",
    ] {
        let problems = policy::parse(Path::new("p.yml"), &text, |_| Some(url.to_owned()));
        let shown = problems.expect_err("refused").to_string();
        assert!(
            shown.contains("percent-encode") && !shown.contains("hunter"),
            "{shown}"
        );
    }
}

#[test]
fn look_alikes_of_secrets_are_fine() {
    for more in [
        "verify: { rows: { tables: { refresh_token: any } } }\n",
        "verify: { assertions: [{ name: a, sql: \"select count(*) from users where password='x'\" }] }\n",
        "smoke: { app: { command: \"x -d postgres://{user}:{password}@{host}/{database}\" } }\n",
    ] {
        assert_eq!(messages(more), [] as [&str; 0], "{more}");
    }
}

#[test]
fn each_problem_is_said_once() {
    assert_eq!(messages("source: x\n"), ["duplicate key `source`"]);
    for (policy, message) in [
        (
            "version: 1\nsource: { dump: 7 }\nmigrations: { tool: prisma }\n",
            "`source.dump` is a number",
        ),
        (
            "version: 1\nsource: 7\nmigrations: { tool: prisma }\n",
            "`source` is a number",
        ),
        (
            "version: 1\nsource: { dump: a }\nmigrations: { tol: prisma }\n",
            "unknown key `tol`",
        ),
        (
            "version: 1\nsource: { dump: a }\nmigration: { tool: prisma }\n",
            "unknown key `migration`",
        ),
        (
            "version: 1\nsource: { dump: \"${UNSET}\" }\nmigrations: { tool: prisma }\n",
            "environment variable `UNSET` is not set",
        ),
    ] {
        let problems = parse(policy).expect_err(policy);
        let found: Vec<&str> = problems
            .found()
            .iter()
            .map(|found| found.message.as_str())
            .collect();
        assert_eq!(found, [message], "{policy}");
    }
}

#[test]
fn line_ends_and_byte_order_marks_of_every_system_are_fine() {
    parse(&THREE_LINES.replace('\n', "\r\n")).expect("CRLF");
    parse(&format!("\u{feff}{THREE_LINES}")).expect("a byte order mark");
    parse(THREE_LINES.trim_end()).expect("no line end");
    let wrong = format!("# ä ö 😀\r\n{THREE_LINES}näme: x\r\n").replace("näme", "\"😀\": 1, näme");
    assert!(parse(&wrong).is_err());
    let problems = parse("version: 1\r\nname: \"ä😀\" \r\n ä: 1\r\n").expect_err("wrong");
    problems.to_string();
}

#[test]
fn what_can_not_be_read_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("pgrehearse.yml");
    let load = || policy::load(&file, variable).expect_err("refused");

    let missing = load();
    assert!(
        missing
            .hint()
            .is_some_and(|hint| hint.contains("pgrehearse init"))
    );
    std::fs::write(&file, b"version: 1\nname: caf\xe9\n").expect("written");
    assert!(
        load()
            .to_string()
            .ends_with("is not UTF-8 text: see line 2")
    );
    std::fs::write(&file, "#".repeat(300_000)).expect("written");
    assert!(load().to_string().ends_with("is larger than 256 kB"));
    // A device has no length and no end.
    let endless = policy::load(Path::new("/dev/zero"), variable);
    assert!(matches!(endless, Err(LoadError::TooLarge { .. })));
    let directory = policy::load(directory.path(), variable);
    assert!(matches!(directory, Err(LoadError::Unreadable { .. })));
}

#[test]
fn a_hostile_file_costs_little() {
    let listed = |count: usize, item: &str| vec![item; count].join("");
    for text in [
        format!("a: {}", listed(100_000, "[")),
        format!("a: {}", listed(80_000, "{a: ")),
        format!("a: [{}]", listed(100_000, "1,")),
        format!("{}: [{}]", listed(1000, "k"), listed(19_000, "1,")),
        format!("a: &a [x]\nb: [{}]", listed(19_000, "*a,")),
        format!(
            "{{{}}}",
            (0..15_000).map(|n| format!("k{n}: 1,")).collect::<String>()
        ),
        format!("{THREE_LINES}allow:\n{}", listed(6000, "- {}\n")),
        format!("{THREE_LINES}name: \"{}\"", listed(40_000, "${A:-")),
        format!("{THREE_LINES}name: \"{}\"", listed(200_000, "x")),
        format!("{THREE_LINES}? {}", listed(10_000, "? ")),
        format!(
            "{THREE_LINES}verify: {{ required_tables: [{}] }}",
            listed(19_000, "a.b.c,")
        ),
    ] {
        let start = Instant::now();
        let shown = parse(&text).expect_err("refused").to_string();
        let beginning = &text[..40];
        assert!(
            shown.len() < 64 * 1024,
            "{} bytes for {beginning}",
            shown.len()
        );
        assert!(start.elapsed() < Duration::from_secs(20), "{beginning}");
    }
}

#[test]
fn nothing_shown_drives_a_terminal_or_a_runner() {
    let policy = format!(
        "{THREE_LINES}verify: {{ required_tables: [\"a.b.c\\n::error::x\", \"\\e[31m\", \"\u{202e}x.y.z\"] }}\n"
    );
    let shown = parse(&policy).expect_err("refused").to_string();
    assert!(
        !shown.contains('\u{1b}') && !shown.contains('\u{202e}'),
        "{shown}"
    );
    assert!(!shown.lines().any(|line| line.starts_with("::")), "{shown}");
}

#[test]
fn the_committed_schema_is_current() {
    let committed = std::fs::read_to_string("pgrehearse.schema.json").unwrap_or_default();
    assert!(
        committed == policy::schema::text(),
        "pgrehearse.schema.json is not current: pgrehearse schema > pgrehearse.schema.json"
    );
}

#[test]
fn the_committed_reference_is_current() {
    let committed = std::fs::read_to_string("docs/policy.md").unwrap_or_default();
    assert!(
        committed == policy::reference::markdown(),
        "docs/policy.md is not current: pgrehearse schema --markdown > docs/policy.md"
    );
}

#[test]
fn the_policies_of_the_reference_are_valid() {
    let page = policy::reference::markdown();
    let root = Path::new("tests/fixtures/policy/complete/pgrehearse.yml");
    let blocks: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        policy::parse(root, block, variable).unwrap_or_else(|error| panic!("{error}"));
    }
}
