//! The trace as a picture: an SVG without a script. Places along the time axis are per cent and all
//! else is pixels, so that the picture is as wide as the page and its text as large as ever.

use std::time::Duration;

use maud::{Markup, Render, html};

use super::tips;
use crate::report::escape::{self, Piece};
use crate::report::timeline::{Bar, Lane, Lock, Strength, Table, Timeline, fitted, merged};
use crate::text::{count_of, human_time};
use crate::verdict::{StatementReport, TransactionReport};

/// Lanes of sessions that are drawn; more than these at a time do not migrate.
pub const LANES: usize = 6;

/// Tables that are drawn: those that were blocked longest.
pub const TABLES: usize = 12;

/// How many characters fit beside one another: on a desk, and on a phone. The style sheet shows one
/// or the other.
const DESK: usize = 120;
const PHONE: usize = 46;

const AXIS: u32 = 20;
const LABEL: u32 = 16;
const BRACKET: u32 = 8;
const BAR: u32 = 18;
const NESTED: u32 = 9;
const LOCK: u32 = 14;
const STALL: u32 = 7;
const GAP: u32 = 12;

/// A sentence without its backticks, for places that have words only.
struct Plain<'a>(&'a str);

impl Render for Plain<'_> {
    fn render_to(&self, buffer: &mut String) {
        let text = escape::visible_line(self.0);
        for piece in escape::pieces(&text) {
            match piece {
                Piece::Words(part) | Piece::Literal(part) => part.render_to(buffer),
            }
        }
    }
}

/// What is drawn, from back to front.
struct Canvas<'a> {
    timeline: &'a Timeline<'a>,
    tracks: Vec<Markup>,
    marks: Vec<Markup>,
    /// Where the next row begins.
    y: u32,
}

/// The picture with its legend.
pub fn picture(timeline: &Timeline) -> Markup {
    let mut canvas = Canvas {
        timeline,
        tracks: Vec::new(),
        marks: Vec::new(),
        y: AXIS,
    };
    for lane in timeline.lanes.iter().take(LANES) {
        canvas.lane(lane);
    }
    for table in timeline.tables.iter().take(TABLES) {
        canvas.table(table);
    }
    let number: usize = (timeline.lanes.iter())
        .map(|lane| lane.statements.len())
        .sum();
    let label = format!(
        "timeline of {} in {}: {}",
        count_of(number as u64, "statement"),
        human_time(timeline.scale.length()),
        timeline.sentence()
    );
    let height = canvas.y;
    html! {
        div.picture {
            svg.timeline width="100%" height=(height) role="img" aria-label=(Plain(&label)) {
                @for track in &canvas.tracks { (track) }
                @for (place, label) in timeline.scale.ticks() { (tick(place, &label, height)) }
                @for mark in &canvas.marks { (mark) }
            }
            (legend(timeline))
        }
    }
}

fn tick(place: f64, label: &str, height: u32) -> Markup {
    let anchor = match place {
        place if place < 0.03 => "start",
        place if place > 0.93 => "end",
        _ => "middle",
    };
    let x = percent(place);
    html! {
        line.grid x1=(x) x2=(x) y1="14" y2=(height) {}
        text.quiet x=(x) y="10" text-anchor=(anchor) { (label) }
    }
}

impl Canvas<'_> {
    fn lane(&mut self, lane: &Lane) {
        let number = count_of(lane.statements.len() as u64, "statement");
        self.label(&lane.name(), &number, &number);
        for bar in self.transactions(lane) {
            self.bracket(&bar);
        }
        self.y += BRACKET;
        self.track(BAR);
        for bar in self.statements(lane, |statement| !statement.is_nested) {
            self.statement(&bar, BAR);
        }
        self.y += BAR;
        let nested = self.statements(lane, |statement| statement.is_nested);
        if !nested.is_empty() {
            for bar in nested {
                self.statement(&bar, NESTED);
            }
            self.y += NESTED;
        }
        self.y += GAP;
    }

    fn table(&mut self, table: &Table) {
        let blocked = table.longest_block();
        let stalled = table.stalls.iter().max_by_key(|stall| stall.took);
        let mut said = Vec::new();
        said.extend(blocked.map(|lock| {
            let what = lock.strength.as_str();
            format!("{what} blocked for {}", human_time(lock.held()))
        }));
        said.extend(
            stalled.map(|stall| format!("{} waited {}", stall.access, human_time(stall.took))),
        );
        self.label(table.name, &said.join(", "), &human_time(table.longest()));
        self.track(LOCK);
        let held = self.locks(table, |lock| Some((lock.span.acquired, lock.span.released)));
        let waited = self.locks(table, |lock| {
            (!lock.span.waited.is_zero()).then(|| (lock.asked(), lock.span.acquired))
        });
        for bar in held {
            let (top, height) = match bar.kind {
                Strength::Weak => (LOCK / 2 - 2, 4),
                Strength::Writes | Strength::ReadsAndWrites => (0, LOCK),
            };
            self.rect(&bar, class(bar.kind), top, height, &tips::held(&bar.of));
        }
        for bar in waited {
            let class = format!("waited {}", class(bar.kind));
            self.rect(&bar, &class, 0, LOCK, &tips::waited(&bar.of));
        }
        self.y += LOCK + 1;
        self.stalls(table);
        self.y += GAP - 1;
    }

    fn stalls(&mut self, table: &Table) {
        for access in ["reads", "writes"] {
            let stalls: Vec<_> = (table.stalls.iter())
                .filter(|stall| stall.access == access)
                .map(|stall| self.bar(stall.began, stall.began + stall.took, (), *stall))
                .collect();
            if stalls.is_empty() {
                continue;
            }
            for bar in merged(stalls) {
                let class = format!("stall {access}");
                self.rect(&bar, &class, 1, STALL - 2, &tips::stall(&bar.of));
            }
            self.y += STALL;
        }
    }

    fn locks<'t>(
        &self,
        table: &Table<'t>,
        ends: fn(&Lock) -> Option<(Duration, Duration)>,
    ) -> Vec<Bar<Strength, Lock<'t>>> {
        let bars = (table.locks.iter()).filter_map(|lock| {
            let (from, to) = ends(lock)?;
            Some(self.bar(from, to, lock.strength, *lock))
        });
        merged(bars.collect())
    }

    fn transactions<'t>(&self, lane: &Lane<'t>) -> Vec<Bar<(), &'t TransactionReport>> {
        let bars = (lane.transactions.iter())
            .map(|transaction| self.bar(transaction.began, transaction.ended, (), *transaction));
        merged(bars.collect())
    }

    fn statements<'t>(
        &self,
        lane: &Lane<'t>,
        is_wanted: fn(&StatementReport) -> bool,
    ) -> Vec<Bar<Strength, (usize, &'t StatementReport)>> {
        let bars = (lane.statements.iter())
            .filter(|(_, statement)| is_wanted(statement))
            .map(|&(number, statement)| {
                let strength = (statement.blocks.as_ref())
                    .map_or(Strength::Weak, |blocked| Strength::of(blocked.mode));
                let ended = statement.began + statement.took;
                self.bar(statement.began, ended, strength, (number, statement))
            });
        merged(bars.collect())
    }

    fn bar<K, T>(&self, from: Duration, to: Duration, kind: K, of: T) -> Bar<K, T> {
        let scale = &self.timeline.scale;
        Bar::new(scale.at(from), scale.at(to), kind, of)
    }

    /// What a row is about at the left, and its figure at the right.
    fn label(&mut self, name: &str, figure: &str, short: &str) {
        let name = escape::visible_line(name);
        let y = self.y + 11;
        for (class, room, figure) in [("desk", DESK, figure), ("phone", PHONE, short)] {
            let room = room.saturating_sub(figure.chars().count() + 2);
            self.marks.push(html! {
                text.(class) x="0" y=(y) { (fitted(&name, room)) }
                text.quiet.(class) x="100%" y=(y) text-anchor="end" { (figure) }
            });
        }
        self.y += LABEL;
    }

    fn track(&mut self, height: u32) {
        let y = self.y;
        self.tracks
            .push(html! { rect.track x="0" y=(y) width="100%" height=(height) rx="2" {} });
    }

    fn rect<K, T>(&mut self, bar: &Bar<K, T>, class: &str, top: u32, height: u32, tip: &str) {
        let (x, width) = (percent(bar.from), percent(bar.to - bar.from));
        let y = self.y + top;
        self.marks.push(html! {
            rect class=(class) x=(x) y=(y) width=(width) height=(height) rx="2" {
                title { (Plain(tip)) }
            }
        });
    }

    fn statement(&mut self, bar: &Bar<Strength, (usize, &StatementReport)>, height: u32) {
        self.rect(bar, class(bar.kind), 0, height, &tips::statement(&bar.of));
        let [(number, statement)] = bar.of.as_slice() else {
            return;
        };
        if height < BAR {
            return;
        }
        let number = number.to_string();
        let text = escape::visible_line(&statement.text);
        let (x, y) = (percent(bar.from), self.y + 13);
        for (class, columns) in [("desk", DESK), ("phone", PHONE)] {
            let room = ((bar.to - bar.from) * columns as f64) as usize;
            let label = match room.checked_sub(number.len() + 2) {
                Some(rest) if rest > 6 => format!("{number} {}", fitted(&text, rest)),
                Some(_) => number.clone(),
                None => continue,
            };
            self.marks
                .push(html! { text.on.(class) x=(x) dx="4" y=(y) { (label) } });
        }
    }

    fn bracket(&mut self, bar: &Bar<(), &TransactionReport>) {
        let (from, to) = (percent(bar.from), percent(bar.to));
        let (top, end) = (self.y + 2, self.y + BRACKET);
        let width = percent(bar.to - bar.from);
        self.marks.push(html! {
            g.bracket {
                title { (tips::transaction(&bar.of)) }
                rect x=(from) y=(self.y) width=(width) height=(BRACKET) {}
                line x1=(from) x2=(to) y1=(top) y2=(top) {}
                line x1=(from) x2=(from) y1=(top) y2=(end) {}
                line x1=(to) x2=(to) y1=(top) y2=(end) {}
            }
        });
    }
}

fn percent(part: f64) -> String {
    format!("{:.2}%", 100.0 * part)
}

/// As the style sheet calls it.
pub fn class(strength: Strength) -> &'static str {
    match strength {
        Strength::ReadsAndWrites => "reads",
        Strength::Writes => "writes",
        Strength::Weak => "free",
    }
}

fn legend(timeline: &Timeline) -> Markup {
    let locks = || timeline.tables.iter().flat_map(|table| &table.locks);
    let has = |strength| locks().any(|lock| lock.strength == strength);
    let stalls = |access| {
        (timeline.tables.iter().flat_map(|table| &table.stalls)).any(|stall| stall.access == access)
    };
    let signs = [
        (
            has(Strength::ReadsAndWrites),
            "reads",
            "blocks reads and writes",
        ),
        (has(Strength::Writes), "writes", "blocks writes"),
        (true, "free", "blocks neither"),
        (
            locks().any(|lock| !lock.span.waited.is_zero()),
            "waited",
            "the migration waits for its lock",
        ),
        (stalls("reads"), "stall reads", "reads wait"),
        (stalls("writes"), "stall writes", "writes wait"),
        (
            timeline
                .lanes
                .iter()
                .any(|lane| !lane.transactions.is_empty()),
            "bracket",
            "transaction",
        ),
    ];
    html! {
        ul.legend {
            @for (_, class, meaning) in signs.iter().filter(|(is_there, ..)| *is_there) {
                li { i class=(class) {} (meaning) }
            }
            li { "numbers: statements, as below" }
        }
    }
}
