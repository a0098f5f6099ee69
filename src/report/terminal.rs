//! Progress as a live list of stages, for a person at a terminal.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::console::{Colour, Tone};
use super::escape::Terminal;
use super::words;
use crate::progress::{Event, Watcher};
use crate::text::human_seconds;
use crate::verdict::{Outcome, Stage};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// A line for each stage that runs or ran, and above them what children wrote.
pub struct Live {
    colour: Colour,
    lines: MultiProgress,
    stages: Mutex<BTreeMap<Stage, ProgressBar>>,
}

impl Live {
    /// The list on standard error: standard output is for data.
    pub fn on_stderr(colour: Colour) -> Self {
        Self::new(ProgressDrawTarget::stderr(), colour)
    }

    /// The list on a target, which decides how often it is drawn.
    pub fn new(target: ProgressDrawTarget, colour: Colour) -> Self {
        Self {
            colour,
            lines: MultiProgress::with_draw_target(target),
            stages: Mutex::new(BTreeMap::new()),
        }
    }

    /// The line of a stage, begun if it is not there yet.
    fn line(&self, stage: Stage) -> ProgressBar {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages
            .entry(stage)
            .or_insert_with(|| {
                let line = self.lines.add(ProgressBar::new_spinner());
                line.set_style(running(self.colour));
                line.set_prefix(stage.as_str());
                line.enable_steady_tick(TICK);
                line
            })
            .clone()
    }

    fn end(&self, stage: Stage, outcome: &Outcome, took: Duration) {
        let tone = Tone::of(outcome);
        let mark = self.colour.paint(tone, words::mark(outcome));
        let text = match outcome {
            Outcome::NotRun(not_run) => format!("not run: {}", not_run.because),
            Outcome::Errored(failure) => format!(
                "{}, could not tell: {}",
                human_seconds(took),
                failure.one_line()
            ),
            Outcome::Passed => human_seconds(took),
            Outcome::Failed => format!("{}, failed", human_seconds(took)),
        };
        let line = self.line(stage);
        line.disable_steady_tick();
        line.set_style(ended());
        line.set_prefix(format!("{mark} {:<13}", stage.as_str()));
        line.finish_with_message(Terminal::line(&text).to_string());
    }
}

impl Watcher for Live {
    fn see(&self, event: Event<'_>) {
        match event {
            Event::Started(stage) => {
                self.line(stage);
            }
            Event::Doing { stage, text } => {
                self.line(stage)
                    .set_message(Terminal::line(text).to_string());
            }
            Event::Output { stage, line } => {
                let line = Terminal::block(line).as_str().replace('\n', " ");
                let line = self.colour.paint(Tone::Quiet, &format!("{stage} | {line}"));
                // A terminal that went away must not stop a rehearsal.
                let _ = self.lines.println(line);
            }
            Event::Ended {
                stage,
                outcome,
                took,
            } => self.end(stage, outcome, took),
        }
    }
}

impl Drop for Live {
    /// A stage that never ended leaves its last words, and no spinner that still turns.
    fn drop(&mut self) {
        let stages = self
            .stages
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for line in stages.values().filter(|line| !line.is_finished()) {
            line.abandon();
        }
    }
}

fn running(colour: Colour) -> ProgressStyle {
    style(match colour {
        Colour::Always => "{spinner:.cyan} {prefix:13} {elapsed:.dim}  {wide_msg}",
        Colour::Never => "{spinner} {prefix:13} {elapsed}  {wide_msg}",
    })
}

fn ended() -> ProgressStyle {
    style("{prefix} {wide_msg}")
}

/// A constant template that does not parse would show in the tests; a reader gets the default.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use indicatif::TermLike;

    use super::*;

    /// A terminal of 60 columns that keeps all that was ever written to it.
    #[derive(Clone, Debug, Default)]
    struct Recorder(Arc<Mutex<String>>);

    impl Recorder {
        fn keep(&self, text: &str) {
            self.0.lock().expect("not poisoned").push_str(text);
        }
    }

    impl TermLike for Recorder {
        fn width(&self) -> u16 {
            60
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.keep(&format!("{text}\n"));
            Ok(())
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.keep(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            self.keep("\n");
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn seen(colour: Colour, events: &[Event<'_>]) -> String {
        let recorder = Recorder::default();
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(recorder.clone()), 255);
        let watcher = Live::new(target, colour);
        for event in events {
            // Drawn at most 255 times a second; what comes sooner is left out.
            std::thread::sleep(Duration::from_millis(10));
            watcher.see(*event);
        }
        drop(watcher);
        recorder.0.lock().expect("not poisoned").clone()
    }

    #[test]
    fn a_stage_runs_says_what_it_does_and_ends() {
        let text = seen(
            Colour::Never,
            &[
                Event::Started(Stage::Restore),
                Event::Doing {
                    stage: Stage::Restore,
                    text: "counting\nrows",
                },
                Event::Output {
                    stage: Stage::Restore,
                    line: "\u{1b}[2Jcleared",
                },
                Event::Ended {
                    stage: Stage::Restore,
                    outcome: &Outcome::Passed,
                    took: Duration::from_secs(4),
                },
            ],
        );
        assert!(text.contains("counting rows"), "{text}");
        assert!(text.contains("restore | cleared"), "{text}");
        assert!(text.contains("✓ restore       4.0 s"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn output_is_dimmed_where_there_is_colour() {
        let event = Event::Output {
            stage: Stage::Migrate,
            line: "hello",
        };
        let text = seen(Colour::Always, &[event]);
        assert!(
            text.contains("\u{1b}[2mmigrate | hello\u{1b}[0m"),
            "{text:?}"
        );
    }
}
