//! Progress as dated lines, for the log of a CI job and for every other place that is no terminal.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::escape::Terminal;
use super::words;
use crate::progress::{Event, Watcher};
use crate::text::human_seconds;
use crate::verdict::Outcome;

/// Whether the reader of these lines is a GitHub runner, which obeys commands in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkflowCommands {
    /// Bursts of child output stand between `::stop-commands::` and its end.
    Fenced,
    /// Nobody reads commands here.
    None,
}

/// Writes `12:03:04 restore: counting every row`.
pub struct Plain<W: Write + Send> {
    commands: WorkflowCommands,
    clock: fn() -> Timestamp,
    out: Mutex<Out<W>>,
}

struct Out<W: Write + Send> {
    writer: W,
    /// The token that ends the open fence.
    fence: Option<String>,
}

impl Plain<std::io::Stderr> {
    /// Lines on standard error: standard output is for data.
    pub fn on_stderr(commands: WorkflowCommands) -> Self {
        Self::new(std::io::stderr(), commands, Timestamp::now)
    }
}

impl<W: Write + Send> Plain<W> {
    pub fn new(writer: W, commands: WorkflowCommands, clock: fn() -> Timestamp) -> Self {
        Self {
            commands,
            clock,
            out: Mutex::new(Out {
                writer,
                fence: None,
            }),
        }
    }
}

impl<W: Write + Send> Watcher for Plain<W> {
    fn see(&self, event: Event<'_>) {
        let (stage, separator, text) = match event {
            Event::Started(stage) => (stage, ": ", "started".to_owned()),
            Event::Doing { stage, text } => (stage, ": ", text.to_owned()),
            Event::Output { stage, line } => (stage, " | ", line.to_owned()),
            Event::Ended {
                stage,
                outcome,
                took,
            } => {
                let text = match outcome {
                    Outcome::NotRun(not_run) => format!("not run: {}", not_run.because),
                    Outcome::Errored(failure) => {
                        format!("could not tell: {}", failure.one_line())
                    }
                    Outcome::Passed | Outcome::Failed => {
                        format!("{} in {}", words::word(outcome), human_seconds(took))
                    }
                };
                (stage, ": ", format!("{} {text}", words::mark(outcome)))
            }
        };
        let now = (self.clock)().strftime("%H:%M:%S");
        let is_output = matches!(event, Event::Output { .. });
        let line = if is_output {
            Terminal::block(&text).as_str().replace('\n', " ")
        } else {
            Terminal::line(&text).to_string()
        };
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if self.commands == WorkflowCommands::Fenced {
            if is_output {
                out.open_fence();
            } else {
                out.close_fence();
            }
        }
        out.line(&format!("{now} {stage}{separator}{line}"));
    }
}

impl<W: Write + Send> Out<W> {
    fn open_fence(&mut self) {
        if self.fence.is_none() {
            // A child that could guess the token could end the fence.
            let token = format!("{:032x}", rand::random::<u128>());
            self.line(&format!("::stop-commands::{token}"));
            self.fence = Some(token);
        }
    }

    fn close_fence(&mut self) {
        if let Some(token) = self.fence.take() {
            self.line(&format!("::{token}::"));
        }
    }

    /// A log that cannot be written must not stop a rehearsal: the report is what counts.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.writer, "{text}");
    }
}

impl<W: Write + Send> Drop for Out<W> {
    fn drop(&mut self) {
        self.close_fence();
        let _ = self.writer.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::verdict::{Failure, NotRun, NotRunKind, Stage};

    /// A writer whose text a test can read.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("not poisoned").write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn written(commands: WorkflowCommands, events: &[Event<'_>]) -> Vec<String> {
        let shared = Shared::default();
        let watcher = Plain::new(shared.clone(), commands, || {
            Timestamp::from_second(12 * 3600 + 3 * 60 + 4).expect("in range")
        });
        for event in events {
            watcher.see(*event);
        }
        drop(watcher);
        let bytes = shared.0.lock().expect("not poisoned").clone();
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_carry_the_time_and_the_stage() {
        let errored = Outcome::Errored(Failure::because("no\n answer"));
        let not_run = Outcome::NotRun(NotRun {
            because: "not asked for".into(),
            kind: NotRunKind::NotAskedFor,
        });
        let ended = |stage, outcome| Event::Ended {
            stage,
            outcome,
            took: Duration::from_millis(3_210),
        };
        let lines = written(
            WorkflowCommands::None,
            &[
                Event::Started(Stage::Restore),
                Event::Doing {
                    stage: Stage::Restore,
                    text: "counting every row",
                },
                Event::Output {
                    stage: Stage::Restore,
                    line: "  \u{1b}[31mred\ttext",
                },
                ended(Stage::Restore, &Outcome::Passed),
                ended(Stage::Verify, &errored),
                ended(Stage::SmokeIngest, &not_run),
            ],
        );
        assert_eq!(
            lines,
            [
                "12:03:04 restore: started",
                "12:03:04 restore: counting every row",
                "12:03:04 restore |   red    text",
                "12:03:04 restore: ✓ passed in 3.2 s",
                "12:03:04 verify: ! could not tell: no answer",
                "12:03:04 smoke-ingest: – not run: not asked for",
            ]
        );
    }

    #[test]
    fn every_burst_of_output_has_its_own_fence() {
        let output = |line| Event::Output {
            stage: Stage::Migrate,
            line,
        };
        let lines = written(
            WorkflowCommands::Fenced,
            &[
                output("::error::one"),
                output("##[add-mask]e"),
                Event::Doing {
                    stage: Stage::Migrate,
                    text: "##[group]next",
                },
                output("three"),
            ],
        );
        let token = |line: &str| {
            line.strip_prefix("::stop-commands::")
                .map(str::to_owned)
                .expect("a fence")
        };
        let (first, second) = (token(&lines[0]), token(&lines[5]));
        assert_eq!(first.len(), 32);
        assert_ne!(first, second);
        assert_eq!(lines[3], format!("::{first}::"));
        assert_eq!(lines[4], "12:03:04 migrate: ##\u{200b}[group]next");
        assert_eq!(lines[6], "12:03:04 migrate | three");
        assert_eq!(lines[7], format!("::{second}::"));
    }
}
