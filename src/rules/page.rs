//! The page of a rule in `docs/rules`: its record, and an example that shows it.
//!
//! The example is the rule's fixture, so that what a page promises is what a test has seen.

use super::Rule;
use super::lint::Lint;
use crate::verdict::Level;

/// A file of an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub name: String,
    pub text: String,
}

/// A change that is rehearsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What the policy says beside the source, the migrations and the baseline.
    pub policy: Option<String>,
    /// In the order in which they run.
    pub migrations: Vec<Text>,
}

/// A project in which a rule fires, and its near miss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// What a fresh install has before its migrations.
    pub init: String,
    /// What production has beside it.
    pub production: String,
    /// Whatever else the project needs, such as an application.
    pub files: Vec<Text>,
    pub fires: Change,
    /// Nearly the same change, of which the rule says nothing.
    pub silent: Change,
    /// The finding, word for word.
    pub report: String,
}

/// The page of one rule, as Markdown.
pub fn page(rule: &Rule, example: &Example) -> String {
    let Rule {
        id,
        summary,
        effect,
        remedy,
        ..
    } = rule;
    let mut page = format!(
        "<!-- Written by `cargo run --example rule-docs` from `src/rules` and `tests/fixtures/rules/{id}`. -->\n\n\
         # `{id}`\n\n\
         **What must hold:** {summary}.\n\n\
         | | |\n|---|---|\n\
         | stage | {} |\n\
         | level | {} |\n\
         | what it does to the service | {} |\n\
         | what to do instead | {} |\n\n\
         Another level is the policy's to set: `rules: {{ {id}: {} }}`.\n\n\
         ## An example that fires\n\n",
        rule.stage,
        level(rule.level),
        cell(effect),
        cell(remedy),
        other_level(rule.level),
    );
    block(
        &mut page,
        "A fresh install has, before its migrations:",
        "init.sql",
        &example.init,
    );
    let beside = if is_dump(&example.production) {
        "Production's dump:"
    } else {
        "Production has beside it:"
    };
    block(&mut page, beside, "production.sql", &example.production);
    for file in &example.files {
        block(
            &mut page,
            &format!("The project has `{}`:", file.name),
            &file.name,
            &file.text,
        );
    }
    policy(&mut page, &example.fires);
    migrations(&mut page, &example.fires);
    page.push_str("The report says:\n\n");
    for line in example.report.lines() {
        page.push_str(if line.is_empty() { ">" } else { "> " });
        page.push_str(line);
        page.push('\n');
    }
    page.push_str("\n## The near miss that passes\n\n");
    if example.silent.policy != example.fires.policy {
        policy(&mut page, &example.silent);
    }
    if example.silent.migrations == example.fires.migrations {
        page.push_str("The migration is the same.\n");
    } else {
        migrations(&mut page, &example.silent);
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

/// The page of the lint, as Markdown.
pub fn family(lints: &[Lint]) -> String {
    let mut text = format!("{FAMILY}\n");
    for lint in lints {
        text.push_str(&format!(
            "| `{}` | `{}` | {} | {} | {} |\n",
            lint.rule.id,
            lint.rule.level,
            cell(lint.rule.summary),
            lint.fear.as_str(),
            lint.fear.settled_by(),
        ));
    }
    text
}

const FAMILY: &str = include_str!("lint/page.md");

/// The table of all rules, as Markdown.
pub fn index(rules: &[&Rule]) -> String {
    let mut text = "<!-- Written by `cargo run --example rule-docs` from `src/rules`. -->\n\n\
        # Rules\n\n\
        A rule judges what a stage saw. `block` makes the answer no-go; `warn` and `info` are told and \
        change nothing. `rules:` in the policy sets another level, `allow:` accepts single findings \
        with a reason and a last day.\n\n\
        | rule | stage | level | what must hold |\n|---|---|---|---|\n"
        .to_owned();
    for rule in rules {
        text.push_str(&format!(
            "| [`{id}`]({id}.md) | {} | {} | {} |\n",
            rule.stage,
            rule.level,
            cell(rule.summary),
            id = rule.id,
        ));
    }
    text.push_str(
        "| [`lint/…`](lint.md) | preflight | by rule | what squawk fears of the files, beside what the \
         rehearsal measured |\n",
    );
    text
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Block => "`block`: the answer is no-go",
        Level::Warn => "`warn`: it is told, and the answer stays",
        Level::Info => "`info`: it is told among the details",
        Level::Off => "`off`: it is not looked at",
    }
}

fn other_level(level: Level) -> Level {
    match level {
        Level::Block => Level::Warn,
        _ => Level::Block,
    }
}

fn policy(page: &mut String, change: &Change) {
    if let Some(policy) = &change.policy {
        block(page, "The policy says:", "pgrehearse.yml", policy);
    }
}

fn migrations(page: &mut String, change: &Change) {
    for migration in &change.migrations {
        block(
            page,
            &format!("`migrations/{}`:", migration.name),
            &migration.name,
            &migration.text,
        );
    }
}

/// A file's text under a heading of its own.
fn block(page: &mut String, heading: &str, name: &str, text: &str) {
    let language = name.rsplit('.').next().unwrap_or_default();
    page.push_str(&format!(
        "{heading}\n\n```{language}\n{}\n```\n\n",
        text.trim_end()
    ));
}

fn is_dump(sql: &str) -> bool {
    sql.contains("PostgreSQL database dump")
}

/// A text in a table: a bar would end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::{Change, Example, Text, index, page};
    use crate::rules::{ALL, by_id};

    fn change(policy: Option<&str>) -> Change {
        Change {
            policy: policy.map(str::to_owned),
            migrations: vec![Text {
                name: "1.sql".into(),
                text: "drop table t;\n".into(),
            }],
        }
    }

    #[test]
    fn what_is_the_same_is_said_once() {
        let example = Example {
            init: "create table t ();\n".into(),
            production: "insert into t default values;\n".into(),
            files: Vec::new(),
            fires: change(Some("allow: []\n")),
            silent: change(None),
            report: "block\n\nwords\n".into(),
        };
        let page = page(by_id("rows-lost").expect("a rule"), &example);
        assert_eq!(page.matches("drop table t;").count(), 1, "{page}");
        assert!(page.contains("> block\n>\n> words\n"), "{page}");
        assert!(page.contains("`rules: { rows-lost: warn }`"), "{page}");
        assert!(page.ends_with("The migration is the same.\n"), "{page}");
    }

    #[test]
    fn the_index_has_every_rule() {
        assert_eq!(index(ALL).matches(".md)").count(), ALL.len() + 1);
    }
}
