//! `pgrehearse init`: a commented policy for the project at hand.

use std::path::{Path, PathBuf};

use super::{Exit, say};
use crate::migrate::tool::{self, Tool};
use crate::policy;

/// Directories where plain SQL migrations live.
const SQL: &[&str] = &[
    "migrations/*.sql",
    "db/migrations/*.sql",
    "database/migrations/*.sql",
    "sql/migrations/*.sql",
    "sql/*.sql",
];

#[derive(clap::Args)]
pub struct Arguments {
    /// The project's directory
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Replace a policy that is there
    #[arg(long)]
    force: bool,
}

/// What migrates the project.
enum Detected {
    Tool(&'static Tool, &'static str),
    Sql(&'static str),
    Nothing,
}

pub fn run(arguments: &Arguments) -> Exit {
    let path = arguments.directory.join(policy::DEFAULT_FILE);
    if path.exists() && !arguments.force {
        say(&format!(
            "error: `{}` exists\nhint: `--force` replaces it",
            path.display()
        ));
        return Exit::Wrong;
    }
    let detected = detect(&arguments.directory);
    if let Err(error) = std::fs::write(&path, write(&detected)) {
        say(&format!(
            "error: could not write `{}`: {error}",
            path.display()
        ));
        return match error.kind() {
            std::io::ErrorKind::NotFound => Exit::Wrong,
            _ => Exit::Undecided,
        };
    }
    say(&match detected {
        Detected::Tool(tool, file) => {
            format!(
                "`{}` is written for {} (`{file}` is there)",
                path.display(),
                tool.name
            )
        }
        Detected::Sql(pattern) => {
            format!(
                "`{}` is written for the SQL files `{pattern}`",
                path.display()
            )
        }
        Detected::Nothing => format!(
            "`{}` is written; no migration tool was recognised, so name yours in it",
            path.display()
        ),
    });
    say("next: say in `source` where production's data comes from, then `pgrehearse plan`");
    Exit::Go
}

fn detect(directory: &Path) -> Detected {
    let is_there = |pattern: &str| {
        let pattern = directory.join(pattern);
        glob::glob(&pattern.to_string_lossy()).is_ok_and(|mut found| found.next().is_some())
    };
    for tool in tool::ALL {
        if let Some(file) = tool.detect.iter().find(|file| is_there(file)) {
            return Detected::Tool(tool, file);
        }
    }
    SQL.iter()
        .find(|pattern| is_there(pattern))
        .map_or(Detected::Nothing, |pattern| Detected::Sql(pattern))
}

fn write(detected: &Detected) -> String {
    let migrations = match detected {
        Detected::Tool(tool, _) => format!(
            "migrations:\n  tool: {}\n  # command: {}\n  # files: {}\n",
            tool.name,
            tool.command,
            tool.files.join(", ")
        ),
        Detected::Sql(pattern) => format!(
            "migrations:\n  # No tool and no command: each file is run by psql, in the order of names.\n  files: {pattern}\n  # What was applied: the table and column that record it.\n  # history: {{ table: public.schema_migrations, column: version }}\n"
        ),
        Detected::Nothing => "migrations:\n  # A tool by name (prisma, rails, alembic, django, flyway, …), or a command and its files.\n  command: bin/migrate\n  files: migrations/*.sql\n".to_owned(),
    };
    format!(
        "\
# What pgrehearse rehearses, and what would make the answer no.
# Every key: `pgrehearse schema --markdown`. For your editor: `pgrehearse schema`.
version: 1

# Where production's data comes from: exactly one of these.
source:
  # A live database, read in one read-only snapshot. A replica will do.
  database: {{ url: \"${{PGREHEARSE_SOURCE_URL:?the URL of production or a replica}}\" }}
  # The newest dump that fits.
  # dump: dump/prod-*.dump
  # Anything that writes a dump to its output.
  # command: aws s3 cp s3://bucket/prod.dump -

{migrations}
  # Limits of every session that migrates.
  timeouts: {{ lock: 2s, statement: 5m }}

# What a fresh install has before its migrations.
# baseline:
#   init: db/init.sql

# restore:
#   mask: [mask.sql]
#   exclude_data: [audit.*]

verify:
  # A table whose rows change is a finding, unless it is named here.
  rows:
    default: unchanged
    # tables: {{ sessions: any, audit_log: may_grow }}
  # assertions:
  #   - {{ name: every order has a customer, sql: \"select count(*) from orders where customer_id is null\", expect: 0 }}

# The application on the clone, before and after the migration.
# smoke:
#   app:
#     command: bin/server
#     env: {{ DATABASE_URL: \"{{clone_url}}\", PORT: \"{{port}}\" }}
#     ready: {{ http: /health, within: 1m }}
#   pages:
#     - {{ get: /, expect: 200 }}
"
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Detected, detect, write};
    use crate::migrate::tool;
    use crate::policy;

    #[test]
    fn every_policy_that_is_written_is_valid() {
        let all = tool::ALL
            .iter()
            .map(|tool| Detected::Tool(tool, "x"))
            .chain([Detected::Sql("migrations/*.sql"), Detected::Nothing]);
        for detected in all {
            let text = write(&detected);
            let url = |_: &str| Some("postgres://u@h/d".to_owned());
            if let Err(problems) = policy::parse(Path::new("pgrehearse.yml"), &text, url) {
                panic!("{problems}\n{text}");
            }
        }
    }

    #[test]
    fn tools_are_told_by_their_files() {
        let project = tempfile::tempdir().expect("a directory");
        let file = |name: &str| {
            let path = project.path().join(name);
            std::fs::create_dir_all(path.parent().expect("inside")).expect("made");
            std::fs::write(path, "").expect("written");
        };
        assert!(matches!(detect(project.path()), Detected::Nothing));
        file("db/migrations/1.sql");
        assert!(!matches!(detect(project.path()), Detected::Nothing));
        file("prisma/schema.prisma");
        assert!(matches!(detect(project.path()), Detected::Tool(tool, _) if tool.name == "prisma"));
    }
}
