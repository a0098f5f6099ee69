//! The telling of a run on GitHub, as the command line sees it: what can't be told is a warning.

use super::{any_signal, say};
use crate::github::{Announcement, End};
use crate::policy::Policy;
use crate::report::escape::Terminal;
use crate::report::markdown;
use crate::verdict::RunReport;

/// A run that is being told of.
pub struct Telling(Announcement);

impl Telling {
    /// Begins to tell, where this is a job of GitHub's and the policy asks for it.
    pub fn begin(policy: &Policy) -> Option<Self> {
        let started = jiff::Timestamp::now();
        match Announcement::of_this_job(policy.told, &policy.name, started) {
            Ok(announcement) => announcement.map(Self),
            Err(why) => {
                warn(&why);
                None
            }
        }
    }

    /// Says on standard error, and in the reports, what could not be told of the run's beginning.
    pub fn has_begun(mut self, end: End, report: &mut RunReport) -> Self {
        for problem in self.0.begun(end, any_signal()) {
            warn(&problem);
            if let Some(first) = report.stages.first_mut() {
                first.saw.push(problem);
            }
        }
        self
    }

    /// Tells how the run ended.
    pub fn conclude(self, end: End, report: &RunReport) {
        let text = markdown::render(report);
        for problem in self.0.conclude(report, &text, end, any_signal()) {
            warn(&problem);
        }
    }
}

/// A line that may repeat what another program answered.
fn warn(problem: &str) {
    say(&format!("warning: {}", Terminal::line(problem)));
}
