//! The trace in a comment: the locks, stalls and statements that matter as a Mermaid diagram, or one
//! sentence where nobody would have noticed.

use std::cmp::Reverse;
use std::time::Duration;

use super::fold;
use crate::report::escape::{Markdown, Mermaid, visible_line};
use crate::report::timeline::{Scale, Strength, TRIVIAL, Timeline, Unit, fitted};
use crate::text::human_time;
use crate::verdict::{RunReport, Stage, Verdict};

/// Bars of a diagram: as many as can be read on a phone.
const SHOWN: usize = 10;

/// Of these as many as there are, up to this, have a place whatever else there is.
const STALLS: usize = 3;
const STATEMENTS: usize = 2;

/// In pixels. Always the same, and made smaller where there is less room: else labels would lie on
/// top of one another there.
const WIDTH: usize = 720;

/// Characters of a label. Mermaid writes one left of its bar without asking for room: with three of
/// them beside the names there always is some.
const LABEL: usize = 31;

/// Characters of a name.
const SECTION: usize = 20;

/// A bar. Of Mermaid's looks `active` is left out: its labels are dark on dark in the dark theme.
struct Bar {
    section: String,
    label: String,
    look: &'static str,
    began: Duration,
    ended: Duration,
}

/// What the comment says of the trace; nothing of an empty one.
pub fn section(report: &RunReport) -> Option<String> {
    let timeline = Timeline::of(report.trace.as_ref()?)?;
    if timeline.longest() < TRIVIAL {
        return Some(format!("On the server: {}.\n", trivial(&timeline)));
    }
    let sentence = timeline.sentence();
    let (bars, left_out) = bars(&timeline);
    let fence = Markdown::fence("mermaid", &diagram(bars));
    let mut inside = format!(
        "{fence}\n\n<sub>red: reads wait; light grey: statements; others: only writes wait"
    );
    if left_out > 0 {
        inside.push_str(&format!("; {left_out} more in `report.html`"));
    }
    inside.push_str("</sub>\n");
    Some(if is_the_reason(report, &timeline) {
        let sentence = Markdown::sentence(&sentence);
        format!("**On the server:** {sentence}\n\n{inside}")
    } else {
        let sentence = Markdown::summary(&sentence);
        fold(&format!("on the server: {sentence}"), &inside)
    })
}

/// Whether a table in the picture is what the answer is no for.
fn is_the_reason(report: &RunReport, timeline: &Timeline) -> bool {
    let is_drawn = |object: &str| timeline.tables.iter().any(|table| table.name == object);
    report.verdict == Verdict::NoGo
        && report.blocking().any(|judged| {
            let finding = &judged.finding;
            finding.stage == Stage::Migrate && finding.object.as_deref().is_some_and(is_drawn)
        })
}

fn trivial(timeline: &Timeline) -> String {
    let stalls = timeline.tables.iter().flat_map(|table| &table.stalls);
    let stalled = stalls.map(|stall| stall.took).max();
    let blocked = timeline.longest_block().map(|(_, lock)| lock.held());
    let locked = match blocked {
        Some(held) => format!(
            "no lock on an existing table lasted longer than {}",
            at_most(held)
        ),
        None => timeline.sentence(),
    };
    match stalled {
        Some(stalled) => format!(
            "{locked}, and nobody waited longer than {}",
            at_most(stalled)
        ),
        None => locked,
    }
}

/// Rounded up: nothing lasted longer.
fn at_most(duration: Duration) -> String {
    let milliseconds = duration.as_micros().div_ceil(1_000);
    human_time(Duration::from_millis(
        u64::try_from(milliseconds).unwrap_or(u64::MAX),
    ))
}

/// The bars to draw in the order in which they began, and how many are left out.
fn bars(timeline: &Timeline) -> (Vec<Bar>, usize) {
    let (locks, stalls, statements) = (locks(timeline), stalls(timeline), statements(timeline));
    let all = locks.len() + stalls.len() + statements.len();
    let kept_stalls = stalls.len().min(STALLS);
    let kept_statements = statements.len().min(STATEMENTS);
    let shown_locks = locks.len().min(SHOWN - kept_stalls - kept_statements);
    let shown_stalls = stalls.len().min(SHOWN - shown_locks - kept_statements);
    let mut bars: Vec<Bar> = (locks.into_iter().take(shown_locks))
        .chain(stalls.into_iter().take(shown_stalls))
        .chain(
            statements
                .into_iter()
                .take(SHOWN - shown_locks - shown_stalls),
        )
        .collect();
    bars.sort_by_key(|bar| bar.began);
    let left_out = all - bars.len();
    (bars, left_out)
}

fn locks(timeline: &Timeline) -> Vec<Bar> {
    let mut bars = Vec::new();
    for table in &timeline.tables {
        for lock in &table.locks {
            let look = match lock.strength {
                Strength::ReadsAndWrites => "crit, ",
                Strength::Writes => "",
                Strength::Weak => continue,
            };
            bars.push(Bar {
                section: table.name.to_owned(),
                label: format!("{} {}", human_time(lock.held()), lock.span.mode),
                look,
                began: lock.span.acquired,
                ended: lock.span.released,
            });
        }
    }
    longest(bars)
}

fn stalls(timeline: &Timeline) -> Vec<Bar> {
    let mut bars = Vec::new();
    for table in &timeline.tables {
        for stall in &table.stalls {
            bars.push(Bar {
                section: table.name.to_owned(),
                label: format!("{} {} wait", human_time(stall.took), stall.access),
                look: if stall.access == "reads" {
                    "crit, "
                } else {
                    ""
                },
                began: stall.began,
                ended: stall.began + stall.took,
            });
        }
    }
    longest(bars)
}

fn statements(timeline: &Timeline) -> Vec<Bar> {
    let mut bars = Vec::new();
    for lane in &timeline.lanes {
        for (_, statement) in &lane.statements {
            bars.push(Bar {
                section: match (timeline.lanes.len(), lane.pids.as_slice()) {
                    (1, _) => "statements".to_owned(),
                    (_, [pid]) => format!("session {pid}"),
                    (_, pids) => format!("{} sessions", pids.len()),
                },
                label: format!("{} {}", human_time(statement.took), statement.text),
                look: "done, ",
                began: statement.began,
                ended: statement.began + statement.took,
            });
        }
    }
    longest(bars)
}

fn longest(mut bars: Vec<Bar>) -> Vec<Bar> {
    bars.retain(|bar| bar.ended.saturating_sub(bar.began) >= TRIVIAL);
    bars.sort_by_key(|bar| Reverse(bar.ended.saturating_sub(bar.began)));
    bars
}

/// The diagram, its sections in the order of their first bars.
fn diagram(bars: Vec<Bar>) -> String {
    let axis = Axis::of(&bars);
    let mut sections: Vec<(String, Vec<Bar>)> = Vec::new();
    for bar in bars {
        match sections.iter_mut().find(|(name, _)| *name == bar.section) {
            Some((_, of)) => of.push(bar),
            None => sections.push((bar.section.clone(), vec![bar])),
        }
    }
    let mut names: Vec<String> = Vec::new();
    for (name, _) in &sections {
        // Names that are alike where they are cut must not become one section.
        let mut short = fitted(&visible_line(name), SECTION);
        if names.contains(&short) {
            short = format!("{} {}", fitted(&short, SECTION - 3), names.len() + 1);
        }
        names.push(short);
    }
    let widest = names.iter().map(|name| name.chars().count()).max();
    let mut text = format!(
        "%%{{init: {{\"gantt\": {{\"useWidth\": {WIDTH}, \"leftPadding\": {}}}}}}}%%\n\
         gantt\n    accTitle: what the server did while the migration ran\n    dateFormat x\n    \
         axisFormat {}\n    tickInterval {}\n    todayMarker off\n",
        20 + 6 * widest.unwrap_or_default(),
        axis.format,
        axis.interval,
    );
    for (name, (_, bars)) in names.iter().zip(&sections) {
        text.push_str(&format!("    section {}\n", Mermaid::name(name)));
        for bar in bars {
            let (began, ended) = axis.ends(bar);
            let label = fitted(&visible_line(&bar.label), LABEL);
            let label = Mermaid::label(&label);
            text.push_str(&format!("    {label} :{}{began}, {ended}\n", bar.look));
        }
    }
    text
}

/// Mermaid draws dates, and in the reader's time zone. Seconds since 1970 are the same in all of them,
/// so that is what the axis shows; where it counts minutes or hours, these are its seconds.
struct Axis {
    format: String,
    interval: String,
    /// In microseconds: what is a millisecond for Mermaid.
    millisecond: u64,
    /// What is shorter would not be seen.
    shortest: u64,
}

impl Axis {
    fn of(bars: &[Bar]) -> Self {
        let scale = Scale::of(bars.iter().map(|bar| (bar.began, bar.ended)));
        let step = microseconds(scale.step());
        let (unit, code, word) = if step < Unit::Seconds.length() {
            (Unit::Milliseconds, 'Q', "millisecond")
        } else {
            (scale.unit(), 's', "second")
        };
        let millisecond = match unit {
            Unit::Milliseconds => 1_000,
            Unit::Seconds | Unit::Minutes | Unit::Hours => unit.length() / 1_000,
        };
        Self {
            format: format!("%{code} {}", unit.as_str()),
            interval: format!("{}{word}", (step / unit.length()).max(1)),
            millisecond,
            shortest: (microseconds(scale.length()) / millisecond / 150).max(1),
        }
    }

    fn ends(&self, bar: &Bar) -> (u64, u64) {
        let began = microseconds(bar.began) / self.millisecond;
        let ended = microseconds(bar.ended) / self.millisecond;
        (began, ended.max(began + self.shortest))
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
