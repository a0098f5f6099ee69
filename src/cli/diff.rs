//! `pgrehearse diff A B`: the schema comparison of the gate, for any two databases.

use clap::ValueEnum;

use super::{Exit, complain, print, runtime, say};
use crate::policy::ObjectGlob;
use crate::postgres::Endpoint;
use crate::schema_diff::{self, Comments, FunctionBodies, Options, Privileges, SchemaDiff, Sides};
use crate::text::{QualifiedName, count_of};

#[derive(clap::Args)]
pub struct Arguments {
    /// The database that is looked at: a URL
    a: String,
    /// The database that it is compared with: a URL
    b: String,
    /// Leave out objects, by pattern
    #[arg(long, value_name = "PATTERN")]
    ignore: Vec<String>,
    /// Compare something that is left out otherwise
    #[arg(long, value_name = "WHAT")]
    with: Vec<With>,
    /// Leave something out that is compared otherwise
    #[arg(long, value_name = "WHAT")]
    without: Vec<Without>,
    /// How the differences are printed
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum With {
    /// Owners, grants and default privileges
    Privileges,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Without {
    /// Comments on objects
    Comments,
    /// White space in function bodies
    FunctionWhitespace,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn run(arguments: &Arguments) -> Exit {
    let (a, b, ignored) = match read_arguments(arguments) {
        Ok(read) => read,
        Err(why) => {
            say(&format!("error: {why}"));
            return Exit::Wrong;
        }
    };
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&error, None);
            return Exit::Undecided;
        }
    };
    let read =
        runtime.block_on(async { tokio::try_join!(schema_diff::read(&a), schema_diff::read(&b)) });
    let (a, b) = match read {
        Ok(read) => read,
        Err(error) => {
            complain(&error, None);
            return Exit::Undecided;
        }
    };
    let options = Options {
        privileges: if arguments.with.contains(&With::Privileges) {
            Privileges::Compare
        } else {
            Privileges::Ignore
        },
        comments: if arguments.without.contains(&Without::Comments) {
            Comments::Ignore
        } else {
            Comments::Compare
        },
        function_bodies: if arguments.without.contains(&Without::FunctionWhitespace) {
            FunctionBodies::IgnoreWhitespace
        } else {
            FunctionBodies::Exact
        },
        ignore: Box::new(move |name: &QualifiedName| {
            ignored.iter().any(|pattern| pattern.matches(name))
        }),
        sides: Sides {
            clone: "A",
            baseline: "B",
        },
    };
    let diff = schema_diff::compare(&a, &b, &options);
    let text = if arguments.format == Format::Json {
        serde_json::to_string_pretty(&diff).map(|json| json + "\n")
    } else {
        Ok(describe(&diff))
    };
    match text {
        Ok(text) => print(&text),
        Err(error) => {
            complain(&error, None);
            return Exit::Undecided;
        }
    };
    if diff.differences.is_empty() {
        Exit::Go
    } else {
        Exit::NoGo
    }
}

fn read_arguments(arguments: &Arguments) -> Result<(Endpoint, Endpoint, Vec<ObjectGlob>), String> {
    // The text is not repeated: a password may be in it.
    let endpoint = |which: &str, text: &str| {
        Endpoint::parse(text).map_err(|error| format!("`{which}` {error}"))
    };
    let ignored = arguments
        .ignore
        .iter()
        .map(|pattern| ObjectGlob::parse(pattern).map_err(|why| format!("`{pattern}`: {why}")))
        .collect::<Result<_, _>>()?;
    Ok((
        endpoint("A", &arguments.a)?,
        endpoint("B", &arguments.b)?,
        ignored,
    ))
}

fn describe(diff: &SchemaDiff) -> String {
    let mut text = String::new();
    for difference in &diff.differences {
        text.push_str(&format!(
            "{} {}: {}\n",
            difference.kind, difference.object, difference.what
        ));
        if let Some(a) = &difference.clone {
            text.push_str(&format!("    A: {a}\n"));
        }
        if let Some(b) = &difference.baseline {
            text.push_str(&format!("    B: {b}\n"));
        }
        if let Some(remedy) = &difference.remedy {
            for line in remedy.lines() {
                text.push_str(&format!("    > {line}\n"));
            }
        }
    }
    for note in &diff.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    text.push_str(&match diff.differences.len() as u64 {
        0 => "the schemas are equal\n".to_owned(),
        some => format!("{}\n", count_of(some, "difference")),
    });
    text
}
