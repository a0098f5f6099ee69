//! The end of a run as a person at a terminal reads it. Colour adds nothing that words do not say.

use super::bundles::{self, Bundle, Item, Weight};
use super::escape::{Terminal, without_commands};
use super::words;
use crate::text::human_seconds;
use crate::verdict::{Judged, Level, Outcome, RunReport, Verdict};

/// So many findings of one rule are listed.
const LISTED: usize = 10;

/// Whether the reader's terminal shows colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    Always,
    Never,
}

/// What a colour says; the words beside it say the same.
#[derive(Clone, Copy)]
pub(super) enum Tone {
    Good,
    Bad,
    Doubt,
    Strong,
    Quiet,
    Plain,
}

impl Tone {
    pub(super) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Good,
            Outcome::Failed => Self::Bad,
            Outcome::Errored(_) => Self::Doubt,
            Outcome::NotRun(_) => Self::Quiet,
        }
    }
}

impl Colour {
    pub(super) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "1;32",
            Tone::Bad => "1;31",
            Tone::Doubt => "1;33",
            Tone::Strong => "1",
            Tone::Quiet => "2",
            Tone::Plain => return text.to_owned(),
        };
        match self {
            Self::Always if !text.is_empty() => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            Self::Always | Self::Never => text.to_owned(),
        }
    }
}

/// The report as text for a terminal of `width` columns.
pub fn render(report: &RunReport, colour: Colour, width: usize) -> String {
    let mut page = Page {
        colour,
        width: width.max(40),
        text: String::new(),
    };
    page.verdict(report);
    page.stages(report);
    page.doubts(report);
    page.findings(report, bundles::of(report.blocking(), Weight::Heavy));
    for level in [Level::Warn, Level::Info] {
        page.findings(
            report,
            bundles::of(words::of_level(report, level), Weight::Light),
        );
    }
    page.accepted(report);
    page.migrations(report);
    page.clone(report);
    page.text
}

struct Page {
    colour: Colour,
    width: usize,
    text: String,
}

impl Page {
    fn verdict(&mut self, report: &RunReport) {
        let word = words::headline(report.verdict);
        let tone = match report.verdict {
            Verdict::Go => Tone::Good,
            Verdict::NoGo => Tone::Bad,
            Verdict::Undecided => Tone::Doubt,
        };
        let sentence = format!("{}: {}", report.name, report.reason);
        let painted = self.colour.paint(tone, word);
        self.hanging(&format!("{painted}  "), word.chars().count() + 2, &sentence);
        self.blank();
    }

    fn stages(&mut self, report: &RunReport) {
        for stage in &report.stages {
            let mark = words::mark(&stage.outcome);
            let tone = Tone::of(&stage.outcome);
            let took = match stage.outcome {
                Outcome::NotRun(_) => String::new(),
                _ => human_seconds(stage.took),
            };
            let remark = match stage.outcome {
                Outcome::Passed | Outcome::Failed => words::remark(stage),
                Outcome::Errored(_) | Outcome::NotRun(_) => {
                    format!("{}: {}", words::word(&stage.outcome), words::remark(stage))
                }
            };
            let start = format!(
                "  {} {:<13}{took:>11}  ",
                self.colour.paint(tone, mark),
                stage.stage.as_str()
            );
            self.hanging(&start, 30, &remark);
        }
    }

    /// Whole chains of causes: the table has one line for each.
    fn doubts(&mut self, report: &RunReport) {
        for (stage, failure) in words::errored(report) {
            self.blank();
            let start = self.colour.paint(Tone::Doubt, "error");
            let mut chain = failure.chain.iter();
            let first = chain.next().map_or("", String::as_str);
            self.hanging(&format!("{start}  "), 7, &format!("{stage}: {first}"));
            for cause in chain {
                self.hanging("  caused by: ", 13, cause);
            }
            if let Some(hint) = &failure.hint {
                self.hanging("  hint: ", 8, hint);
            }
        }
    }

    fn findings(&mut self, report: &RunReport, items: Vec<Item<'_>>) {
        for item in items {
            match item {
                Item::One(judged) => self.finding(report, judged),
                Item::Bundle(bundle) => self.together(report, &bundle),
            }
        }
    }

    /// What a rule's findings say alike, and where each is.
    fn together(&mut self, report: &RunReport, bundle: &Bundle<'_>) {
        self.about(
            bundle.level,
            &format!("{}  {}", bundle.rule, bundle.count()),
        );
        if let Some(effect) = bundle
            .shared(|of| Some(&of.effect))
            .filter(|it| !it.is_empty())
        {
            self.hanging("       effect: ", 15, effect);
        }
        if let Some(advice) = bundle.shared(|of| of.advice.as_deref()) {
            self.hanging("       instead: ", 16, advice);
        }
        self.blank();
        for judged in bundle.findings.iter().take(LISTED) {
            let message = &judged.finding.message;
            let text = match words::place(report, judged) {
                Some(place) => format!("{place} {message}"),
                None => message.clone(),
            };
            self.hanging("         - ", 11, &text);
        }
        if let Some(left_out) = bundle.findings.len().checked_sub(LISTED + 1) {
            let text = format!("{} more, in report.html", left_out + 1);
            self.hanging("         - ", 11, &text);
        }
    }

    /// What a finding begins with.
    fn about(&mut self, level: Level, about: &str) {
        self.blank();
        let tone = match level {
            Level::Block => Tone::Bad,
            Level::Warn => Tone::Doubt,
            Level::Info | Level::Off => Tone::Quiet,
        };
        let level = format!("{:<5}", level.to_string());
        let level = self.colour.paint(tone, &level);
        self.painted(&format!("{level}  "), 7, about, Tone::Strong);
    }

    fn finding(&mut self, report: &RunReport, judged: &Judged) {
        let finding = &judged.finding;
        let about = match &finding.object {
            Some(object) => format!("{}  {object}", finding.rule),
            None => finding.rule.to_owned(),
        };
        self.about(judged.level, &about);
        if let Some(place) = words::place(report, judged) {
            self.painted("       ", 7, &place.to_string(), Tone::Quiet);
        }
        self.hanging("       ", 7, &finding.message);
        if !finding.effect.is_empty() {
            self.hanging("       effect: ", 15, &finding.effect);
        }
        if let Some(advice) = &finding.advice {
            self.hanging("       instead: ", 16, advice);
        }
        if let Some(sql) = &finding.sql {
            self.blank();
            // Not wrapped: it is there to be pasted.
            for line in Terminal::block(sql.trim_end()).as_str().lines() {
                self.line(&format!("           {line}"));
            }
        }
        if !finding.evidence.is_empty() {
            self.blank();
            self.line("       evidence:");
            for fact in &finding.evidence {
                self.hanging("         - ", 11, fact);
            }
        }
    }

    fn accepted(&mut self, report: &RunReport) {
        for (index, judged) in words::accepted(report).enumerate() {
            let Some(accepted) = &judged.accepted else {
                continue;
            };
            if index == 0 {
                self.blank();
            }
            let about = match &judged.finding.object {
                Some(object) => format!("{} {object}", judged.finding.rule),
                None => judged.finding.rule.to_owned(),
            };
            self.hanging(
                "accepted  ",
                10,
                &format!(
                    "{about}: {} (until {}: {})",
                    judged.finding.message, accepted.until, accepted.reason
                ),
            );
        }
    }

    fn migrations(&mut self, report: &RunReport) {
        if report.migrations.is_empty() {
            return;
        }
        self.blank();
        self.heading("migrations");
        for migration in &report.migrations {
            let mut line = format!("{}: {}", migration.file, migration.state.as_str());
            if let Some(took) = migration.took {
                line.push_str(&format!(", {}", human_seconds(took)));
            }
            if let Some(note) = &migration.note {
                line.push_str(&format!(", {note}"));
            }
            self.hanging(
                &format!("  {} ", words::migration_mark(migration.state)),
                4,
                &line,
            );
        }
    }

    fn clone(&mut self, report: &RunReport) {
        if let Some(provenance) = &report.provenance {
            self.blank();
            self.heading("the clone");
            for (word, phrase) in words::provenance(provenance) {
                self.hanging(&format!("  {word:<11}"), 13, &phrase);
            }
            for caveat in &provenance.caveats {
                self.hanging("  caveat     ", 13, caveat);
            }
        }
        self.blank();
        let end = format!(
            "run {}, started {}, took {}, pgrehearse {}",
            report.run,
            words::moment(report.started),
            human_seconds(report.took),
            words::VERSION
        );
        self.painted("", 0, &end, Tone::Quiet);
    }

    fn heading(&mut self, text: &str) {
        let painted = self.colour.paint(Tone::Strong, text);
        self.line(&painted);
    }

    fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    /// A foreign sentence, wrapped, after a start of ours that takes `indent` columns.
    fn hanging(&mut self, start: &str, indent: usize, sentence: &str) {
        self.painted(start, indent, sentence, Tone::Plain);
    }

    fn painted(&mut self, start: &str, indent: usize, sentence: &str, tone: Tone) {
        let sentence = Terminal::line(sentence);
        let room = self.width.saturating_sub(indent).max(20);
        for (index, line) in wrap(sentence.as_str(), room).into_iter().enumerate() {
            // A break can put words at a line's start that a runner obeys only there.
            let line = self.colour.paint(tone, &without_commands(&line));
            if index == 0 {
                self.line(&format!("{start}{line}"));
            } else {
                self.line(&format!("{}{line}", " ".repeat(indent)));
            }
        }
    }
}

/// Breaks at spaces; a word that is longer than a line stays whole, so that it can be copied.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        match lines.last_mut() {
            Some(line) if used + 1 + length <= width => {
                line.push(' ');
                line.push_str(word);
                used += 1 + length;
            }
            _ => {
                lines.push(word.to_owned());
                used = length;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn long_words_stay_whole() {
        assert_eq!(
            wrap("one two a-very-long-word x", 8),
            ["one two", "a-very-long-word", "x"]
        );
    }
}
