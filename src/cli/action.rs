//! `pgrehearse action`: what the container of the GitHub action runs.
//!
//! Inputs come by environment and outputs go to files, as the runner has it. The rehearsal itself is
//! that of `pgrehearse run`; here is only what a runner wants besides: masks, outputs, a summary,
//! annotations, and files that the job's next step may read.

mod cleanup;
mod inputs;
mod masks;
mod outputs;
mod ownership;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub use cleanup::run as clean_up;
pub use inputs::INPUTS;
pub use outputs::OUTPUTS;

use self::inputs::{Inputs, What};
use self::outputs::Outputs;
use super::{Exit, complain, lint, plan, print, run, validate, variable};
use crate::container;
use crate::policy;
use crate::process::RunId;
use crate::report::annotations::{self, Kind};
use crate::report::markdown;
use crate::text::one_line;
use crate::verdict::{RunReport, Verdict};

/// The name by which the image's second link starts [`clean_up`]: a runner gives the step after the
/// job an entry point of its own, and the arguments of the first one.
pub const CLEANUP_NAME: &str = "pgrehearse-cleanup";

/// A reason is a cell of a table and a line of a log.
const REASON_LIMIT: usize = 300;

/// Whether this program was started by its second name.
pub fn is_cleanup(program: Option<&OsStr>) -> bool {
    program
        .and_then(|program| Path::new(program).file_name())
        .is_some_and(|name| name == CLEANUP_NAME)
}

pub(super) fn run() -> Exit {
    let inputs = match Inputs::read(variable) {
        Ok(inputs) => inputs,
        Err(error) => {
            complain(&error, None);
            annotate_error(&error.to_string());
            return end(
                Exit::Wrong,
                &Outputs::of_exit(Exit::Wrong, &error.to_string()),
            );
        }
    };
    mask(&inputs.policy);
    let exit = match inputs.what {
        What::Run => return rehearse(&inputs),
        What::Lint => lint::run(&inputs.lint_arguments()),
        What::Plan => plan::run(&plan::Arguments {
            policy: inputs.policy_file(),
        }),
        What::Validate => validate::run(&validate::Arguments {
            policy: inputs.policy_file(),
        }),
    };
    let said = format!("`{}` says: see the log", inputs.what.as_str());
    end(exit, &Outputs::of_exit(exit, &said))
}

/// Tells the runner what it must not show, before anything can show it.
fn mask(policy: &Path) {
    // What is wrong with the policy is told by the command itself.
    let policy = policy::load(policy, variable).ok();
    print(&masks::commands(&masks::secrets(
        policy.as_ref(),
        std::env::vars(),
    )));
}

fn rehearse(inputs: &Inputs) -> Exit {
    let id = RunId::new();
    let own = container::own_container(Path::new(container::SOCKET));
    if let Err(error) = outputs::save_state(variable, &id, own.as_deref()) {
        // Only the step after the job needs it, and only if this one is killed.
        complain(&error, None);
    }
    let (exit, report) = run::answer(&inputs.run_arguments(), id);
    // One that was cut, or could not tell, may have left a call on its way.
    if matches!(exit, Exit::Go | Exit::NoGo | Exit::Wrong)
        && let Err(error) = outputs::save_end(variable)
    {
        // Without it that step only looks once more.
        complain(&error, None);
    }
    let Some((report, directory)) = report else {
        annotate_error("the policy is wrong, or a file of it is; the log has the place");
        return end(
            exit,
            &Outputs::of_exit(exit, "the policy is wrong; see the log"),
        );
    };
    print(&annotations::render(&report));
    if let Err(error) = outputs::append_summary(variable, &markdown::render(&report)) {
        complain(&error, None);
    }
    let workspace = workspace();
    if let Err(error) = ownership::give_to_owner_of(&workspace, &directory) {
        complain(&error, None);
    }
    end(exit, &of_report(exit, &report, &workspace, &directory))
}

fn of_report(exit: Exit, report: &RunReport, workspace: &Path, directory: &Path) -> Outputs {
    // A later step runs on the runner, where the workspace has another path: only relative ones are
    // the same in both.
    let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    let shown = directory.strip_prefix(workspace).unwrap_or(&directory);
    let file = |name: &str| {
        if directory.join(name).is_file() {
            shown.join(name).display().to_string()
        } else {
            String::new()
        }
    };
    Outputs {
        verdict: verdict_of(exit, report.verdict).to_owned(),
        reason: one_line(&report.reason, REASON_LIMIT),
        report_path: shown.display().to_string(),
        junit_path: file("junit.xml"),
        html_path: file("report.html"),
        exit,
    }
}

/// A report that could not be written makes a go undecided.
fn verdict_of(exit: Exit, verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Go if exit == Exit::Go => "go",
        Verdict::NoGo => "no-go",
        Verdict::Go | Verdict::Undecided => "undecided",
    }
}

/// Writes the outputs. Without them a later step would read an empty verdict, so a failure to write
/// them takes a go away.
fn end(exit: Exit, outputs: &Outputs) -> Exit {
    match outputs.write(variable) {
        Ok(()) => exit,
        Err(error) => {
            complain(&error, None);
            if exit == Exit::Go {
                Exit::Undecided
            } else {
                exit
            }
        }
    }
}

fn annotate_error(message: &str) {
    let command = annotations::command(Kind::Error, "pgrehearse", None, message);
    print(&format!("{command}\n"));
}

fn workspace() -> PathBuf {
    variable("GITHUB_WORKSPACE")
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::current_dir().ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{Exit, Verdict, is_cleanup, verdict_of};

    #[test]
    fn the_second_name_is_told_from_the_first() {
        let is = |name: &str| is_cleanup(Some(OsStr::new(name)));
        assert!(is("/usr/local/bin/pgrehearse-cleanup"));
        assert!(is("pgrehearse-cleanup"));
        assert!(!is("/usr/local/bin/pgrehearse"));
        assert!(!is_cleanup(None));
    }

    #[test]
    fn only_a_go_that_was_written_is_one() {
        assert_eq!(verdict_of(Exit::Go, Verdict::Go), "go");
        assert_eq!(verdict_of(Exit::Undecided, Verdict::Go), "undecided");
        assert_eq!(verdict_of(Exit::Terminated, Verdict::Go), "undecided");
        assert_eq!(verdict_of(Exit::NoGo, Verdict::NoGo), "no-go");
    }
}
