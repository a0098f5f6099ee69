//! The recipes are whole and right: every file in them is taken out of its page and checked by what
//! reads such a file.

mod harness;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use harness::gate::gate;
use harness::tools::tools;

/// A file of a recipe, named by its first line.
struct File {
    recipe: String,
    path: String,
    text: String,
}

fn recipes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/recipes")
}

fn pages() -> Vec<(String, String)> {
    let mut pages: Vec<(String, String)> = std::fs::read_dir(recipes())
        .expect("the recipes")
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(entry.path()).expect("a page is text");
            (name.trim_end_matches(".md").to_owned(), text)
        })
        .collect();
    pages.sort();
    pages
}

/// The fenced blocks of all pages.
fn files() -> Vec<File> {
    let mut files = Vec::new();
    for (recipe, page) in pages() {
        for block in page.split("\n```").skip(1).step_by(2) {
            let (_, text) = block.split_once('\n').expect("a language, then lines");
            let first = text.lines().next().unwrap_or_default();
            let path = first
                .strip_prefix("# ")
                .or_else(|| first.strip_prefix("-- "))
                .unwrap_or_default();
            assert!(
                path.contains('.') && !path.contains(' '),
                "a block of {recipe} does not begin with the name of its file: {first}"
            );
            files.push(File {
                recipe: recipe.clone(),
                path: path.to_owned(),
                text: format!("{text}\n"),
            });
        }
    }
    files
}

/// All files where they say, each recipe in a directory of its own.
fn written() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for file in files() {
        let path = directory.path().join(&file.recipe).join(&file.path);
        std::fs::create_dir_all(path.parent().expect("inside")).expect("a directory is made");
        std::fs::write(path, file.text).expect("a file is written");
    }
    directory
}

/// A checker that scripts/install-workflow-tools.sh installs.
fn tool(name: &str) -> Command {
    Command::new(tools(
        &format!("workflow-tools/python/bin/{name}"),
        "scripts/install-workflow-tools.sh",
    ))
}

#[track_caller]
fn succeeds(command: &mut Command) -> Output {
    let output = command.output().expect("it starts");
    assert!(
        output.status.success(),
        "{command:?}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The files whose path fits, in the directory that [`written`] made.
fn those(directory: &Path, is_wanted: fn(&str) -> bool) -> Vec<PathBuf> {
    let paths: Vec<PathBuf> = files()
        .iter()
        .filter(|file| is_wanted(&file.path))
        .map(|file| directory.join(&file.recipe).join(&file.path))
        .collect();
    assert!(!paths.is_empty());
    paths
}

fn is_workflow(path: &str) -> bool {
    path.starts_with(".github/workflows/")
}

#[test]
fn every_page_is_listed_and_has_a_policy() {
    let pages = pages();
    let (_, index) = pages
        .iter()
        .find(|(name, _)| name == "README")
        .expect("an index");
    let files = files();
    for (recipe, _) in pages.iter().filter(|(name, _)| name != "README") {
        assert!(index.contains(&format!("({recipe}.md)")), "{recipe}");
        assert!(
            files
                .iter()
                .any(|file| file.recipe == *recipe && file.path == "pgrehearse.yml"),
            "{recipe} has no policy"
        );
    }
}

#[test]
fn policies_are_valid() {
    let directory = written();
    for policy in those(directory.path(), |path| {
        path.ends_with(".yml") && !path.starts_with('.')
    }) {
        let parent = policy.parent().expect("a directory");
        let name = policy.file_name().and_then(|name| name.to_str());
        succeeds(
            gate(parent, &["validate", "--policy", name.expect("text")])
                .env("REPLICA_URL", "postgres://rehearsal@replica.example/shop")
                .env("NEON_API_KEY", "napi_0123456789"),
        );
    }
}

#[test]
fn workflows_are_valid_and_let_nobody_in() {
    let directory = written();
    let workflows = those(directory.path(), is_workflow);
    succeeds(
        tool("check-jsonschema")
            .args(["--builtin-schema", "vendor.github-workflows"])
            .args(&workflows),
    );
    succeeds(
        tool("zizmor")
            .args(["--offline", "--no-progress", "--no-config"])
            .args(&workflows),
    );
    succeeds(
        tool("check-jsonschema")
            .args(["--builtin-schema", "vendor.gitlab-ci"])
            .args(those(directory.path(), |path| path == ".gitlab-ci.yml")),
    );
    for script in those(directory.path(), |path| {
        Path::new(path).extension().is_some_and(|it| it == "sh")
    }) {
        succeeds(Command::new("sh").arg("-n").arg(script));
    }
}

/// What every workflow of ours and of the recipes has, beyond what the checkers ask for.
#[test]
fn workflows_have_the_least_of_rights_and_an_end() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let own = std::fs::read_dir(own)
        .expect("workflows")
        .flatten()
        .map(|entry| {
            let text = std::fs::read_to_string(entry.path()).expect("a workflow is text");
            (entry.path().display().to_string(), text)
        });
    let recipes = files()
        .into_iter()
        .filter(|file| is_workflow(&file.path))
        .map(|file| (format!("{}: {}", file.recipe, file.path), file.text));
    let pinned =
        regex::Regex::new(r"uses: (\./|\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+)").expect("valid");
    for (name, text) in own.chain(recipes) {
        assert!(text.contains("\npermissions: {}\n"), "{name}");
        let jobs = text.matches("\n    runs-on: ").count();
        for each in ["\n    permissions:\n", "\n    timeout-minutes: "] {
            assert_eq!(text.matches(each).count(), jobs, "{name}: {each}");
        }
        assert_eq!(
            text.matches("actions/checkout@").count(),
            text.matches("persist-credentials: false").count(),
            "{name}"
        );
        for line in text.lines().filter(|line| line.contains("uses: ")) {
            assert!(pinned.is_match(line), "{name}: {line}");
        }
    }
}

#[test]
fn what_has_no_release_yet_is_a_row_of_zeros() {
    for (name, page) in pages() {
        for (word, zeros) in [("pgrehearse/pgrehearse@", 40), ("pgrehearse@sha256:", 64)] {
            for rest in page
                .split(word)
                .skip(1)
                .filter(|rest| rest.starts_with('0'))
            {
                let found = rest.bytes().take_while(|&byte| byte == b'0').count();
                assert_eq!(found, zeros, "{name}: {word}");
            }
        }
    }
}
