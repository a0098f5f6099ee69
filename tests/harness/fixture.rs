//! The fixtures of the rules in `tests/fixtures/rules/<id>`, read into memory.
//!
//! `init.sql` is what a fresh install has, `production.sql` what production has beside it,
//! `fires` and `silent` hold the migrations. A `policy.yml` stands beside them for both, or in one of
//! them for that one; `expected.md` is the finding. Any other file belongs to the project.

use std::io;
use std::path::{Path, PathBuf};

use pgrehearse::rules::page::{Change, Example, Text};

/// Where the fixtures are.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rules")
}

/// Where the generated pages are.
pub fn pages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules")
}

/// The fixture of a rule.
pub fn read(id: &str) -> io::Result<Example> {
    let directory = root().join(id);
    let mut files = texts(&directory)?;
    let mut take = |name: &str| {
        let index = files.iter().position(|file| file.name == name)?;
        Some(files.remove(index).text)
    };
    let missing = |name: &str| {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("`{}` has no `{name}`", directory.display()),
        )
    };
    let init = take("init.sql").ok_or_else(|| missing("init.sql"))?;
    let production = take("production.sql").ok_or_else(|| missing("production.sql"))?;
    let report = take("expected.md").ok_or_else(|| missing("expected.md"))?;
    let shared = take("policy.yml");
    let change = |name: &str| -> io::Result<Change> {
        let (policies, migrations): (Vec<Text>, Vec<Text>) = texts(&directory.join(name))?
            .into_iter()
            .partition(|file| file.name == "policy.yml");
        Ok(Change {
            policy: policies
                .into_iter()
                .next()
                .map(|policy| policy.text)
                .or_else(|| shared.clone()),
            migrations,
        })
    };
    Ok(Example {
        init,
        production,
        fires: change("fires")?,
        silent: change("silent")?,
        files,
        report,
    })
}

/// The files of a directory in the order of their names, without its directories.
fn texts(directory: &Path) -> io::Result<Vec<Text>> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_file() {
            texts.push(Text {
                name: path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned(),
                text: std::fs::read_to_string(&path)?,
            });
        }
    }
    texts.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(texts)
}
