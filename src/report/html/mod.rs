//! `report.html`: one self-contained page. No script, nothing loaded, light and dark, phone and desk.

mod timeline;
mod tips;
mod trace;

use std::time::Duration;

use maud::{DOCTYPE, Markup, PreEscaped, Render, html};

use super::bundles::{self, Bundle, Item, Weight};
use super::escape::{self, Piece};
use super::words;
use crate::text::{count_of, human_seconds};
use crate::verdict::{
    Failure, Judged, Level, MigrationReport, MigrationState, Outcome, Provenance, RunReport, Stage,
    StageReport, Verdict,
};

const STYLE: &str = include_str!("report.css");

/// Nothing may be loaded, sent or run, whatever a name in the page says.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// A sentence whose literals are shown as code.
struct Sentence<'a>(&'a str);

impl Render for Sentence<'_> {
    fn render_to(&self, buffer: &mut String) {
        let text = escape::visible_line(self.0);
        for piece in escape::pieces(&text) {
            match piece {
                Piece::Words(words) => words.render_to(buffer),
                Piece::Literal(literal) => html! { code { (literal) } }.render_to(buffer),
            }
        }
    }
}

/// A name or a path, in one line.
struct Name<'a>(&'a str);

impl Render for Name<'_> {
    fn render_to(&self, buffer: &mut String) {
        escape::visible_line(self.0).render_to(buffer);
    }
}

/// Lines as they are.
struct Lines<'a>(&'a str);

impl Render for Lines<'_> {
    fn render_to(&self, buffer: &mut String) {
        escape::visible(self.0).trim_end().render_to(buffer);
    }
}

/// The report as a page.
pub fn render(report: &RunReport) -> String {
    let headline = words::headline(report.verdict);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { (headline) " · " (Name(&report.name)) }
                style { (PreEscaped(STYLE)) }
            }
            body class=(verdict_class(report.verdict)) {
                (header(report))
                main {
                    (doubts(report))
                    (findings("What blocks", report, report.blocking(), Weight::Heavy))
                    (lesser("Warnings", report, Level::Warn))
                    (stages(report))
                    (lesser("Notes", report, Level::Info))
                    (accepted(report))
                    (migrations(&report.migrations))
                    @if let Some(trace) = &report.trace { (trace::section(trace)) }
                    @if let Some(provenance) = &report.provenance { (clone(provenance)) }
                }
                (footer(report))
            }
        }
    };
    page.into_string()
}

fn verdict_class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Go => "go",
        Verdict::NoGo => "no-go",
        Verdict::Undecided => "undecided",
    }
}

fn header(report: &RunReport) -> Markup {
    let blocking = report.blocking().count() as u64;
    let warnings = words::of_level(report, Level::Warn).count() as u64;
    html! {
        header {
            p.name { "Migration rehearsal · " b { (Name(&report.name)) } }
            h1 { span.verdict { (words::headline(report.verdict)) } }
            p.reason { (Sentence(&report.reason)) }
            ul.facts {
                li { b { (blocking) } " blocking" }
                li { b { (warnings) } " " (if warnings == 1 { "warning" } else { "warnings" }) }
                li { b { (human_seconds(report.took)) } " rehearsal" }
                @if let Some(moment) = report.provenance.as_ref().and_then(|it| it.data_as_of) {
                    li { "data of " b { (words::moment(moment)) } }
                }
            }
        }
    }
}

fn doubts(report: &RunReport) -> Markup {
    let doubts: Vec<(Stage, &Failure)> = words::errored(report).collect();
    html! {
        @if !doubts.is_empty() {
            section {
                h2 { "Could not tell" }
                @for (stage, failure) in doubts {
                    article.card.doubt {
                        h3 { code.rule { (stage.as_str()) } }
                        ol.chain {
                            @for text in &failure.chain { li { (Sentence(text)) } }
                        }
                        @if let Some(hint) = &failure.hint {
                            p.instead { b { "Hint: " } (Sentence(hint)) }
                        }
                    }
                }
            }
        }
    }
}

fn lesser(title: &str, report: &RunReport, level: Level) -> Markup {
    findings(title, report, words::of_level(report, level), Weight::Light)
}

fn findings<'a>(
    title: &str,
    report: &RunReport,
    findings: impl Iterator<Item = &'a Judged>,
    weight: Weight,
) -> Markup {
    let findings: Vec<&Judged> = findings.collect();
    html! {
        @if !findings.is_empty() {
            section {
                h2 { (title) " " span.count { (findings.len()) } }
                @for item in bundles::of(findings.into_iter(), weight) {
                    @match item {
                        Item::One(judged) => (finding(report, judged)),
                        Item::Bundle(bundle) => (together(report, &bundle)),
                    }
                }
            }
        }
    }
}

/// What stands above a finding already and is not said again in it.
#[derive(Default)]
struct Told<'a> {
    rule: Option<&'a str>,
    effect: Option<&'a str>,
    advice: Option<&'a str>,
}

/// What a rule's findings say alike, and each of them folded, with what is its own.
fn together(report: &RunReport, bundle: &Bundle<'_>) -> Markup {
    let told = Told {
        rule: Some(bundle.rule),
        effect: bundle.shared(|of| Some(&of.effect)),
        advice: bundle.shared(|of| of.advice.as_deref()),
    };
    html! {
        article class={ "card " (level_class(bundle.level)) } {
            h3 { code.rule { (bundle.rule) } " " (bundle.count()) }
            @if let Some(effect) = told.effect.filter(|effect| !effect.is_empty()) {
                p { (Sentence(effect)) }
            }
            @if let Some(advice) = told.advice { p.instead { b { "Instead: " } (Sentence(advice)) } }
            details {
                summary { "Each of them" }
                @for judged in &bundle.findings {
                    article.one { (said(report, judged, &told)) }
                }
            }
        }
    }
}

fn finding(report: &RunReport, judged: &Judged) -> Markup {
    html! {
        article class={ "card " (level_class(judged.level)) } {
            (said(report, judged, &Told::default()))
        }
    }
}

fn said(report: &RunReport, judged: &Judged, told: &Told) -> Markup {
    let finding = &judged.finding;
    let effect = Some(finding.effect.as_str()).filter(|effect| !effect.is_empty());
    let advice = finding.advice.as_deref();
    html! {
        h3 { (Sentence(&finding.message)) }
        p.about {
            @if told.rule != Some(finding.rule) { code.rule { (Name(finding.rule)) } }
            @if let Some(object) = &finding.object { code { (Name(object)) } }
            @if let Some(place) = words::place(report, judged) {
                code.place { (Name(&place.to_string())) }
            }
        }
        @if let Some(effect) = effect.filter(|_| told.effect != effect) { p { (Sentence(effect)) } }
        @if let Some(advice) = advice.filter(|_| told.advice != advice) {
            p.instead { b { "Instead: " } (Sentence(advice)) }
        }
        @if let Some(sql) = &finding.sql {
            pre { code { (Lines(sql)) } }
        }
        @if !finding.evidence.is_empty() {
            details {
                summary { "Evidence" }
                ul { @for fact in &finding.evidence { li { (Sentence(fact)) } } }
            }
        }
    }
}

fn level_class(level: Level) -> &'static str {
    match level {
        Level::Block => "block",
        Level::Warn => "warn",
        Level::Info | Level::Off => "info",
    }
}

/// What the bars of one timeline share: its length in seconds.
struct Scale(f64);

impl Scale {
    /// From the beginning to the end of the last of `parts`: when each began, and what it took.
    fn of(parts: impl Iterator<Item = (Duration, Duration)>) -> Self {
        Self(
            parts
                .map(|(began, took)| (began + took).as_secs_f64())
                .fold(0.0, f64::max),
        )
    }

    fn percent(&self, part: Duration) -> f64 {
        if self.0 > 0.0 {
            100.0 * part.as_secs_f64() / self.0
        } else {
            0.0
        }
    }

    /// The style of a bar.
    fn bar(&self, began: Duration, took: Duration) -> String {
        format!(
            "margin-left:{:.1}%;width:{:.1}%",
            self.percent(began),
            self.percent(took)
        )
    }
}

/// A timeline: bars share one scale and stand where the stage began, so that the eye finds where the
/// time went and what ran at the same time.
fn stages(report: &RunReport) -> Markup {
    let whole = Scale::of(report.stages.iter().map(|stage| (stage.began, stage.took)));
    html! {
        section {
            h2 { "Stages" }
            ol.stages {
                @for stage in &report.stages { (stage_row(stage, &whole)) }
            }
        }
    }
}

fn stage_row(stage: &StageReport, whole: &Scale) -> Markup {
    let class = match stage.outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Errored(_) => "errored",
        Outcome::NotRun(_) => "not-run",
    };
    let is_run = !matches!(stage.outcome, Outcome::NotRun(_));
    html! {
        li class=(class) {
            span.mark aria-hidden="true" { (words::mark(&stage.outcome)) }
            span.stage { (stage.stage.as_str()) }
            span.word { (words::word(&stage.outcome)) }
            span.bar { @if is_run { i style=(whole.bar(stage.began, stage.took)) {} } }
            span.took { @if is_run { (human_seconds(stage.took)) } }
            @if !words::remark(stage).is_empty() {
                span.saw { (Sentence(&words::remark(stage))) }
            }
        }
    }
}

fn accepted(report: &RunReport) -> Markup {
    let accepted: Vec<_> = words::accepted(report)
        .filter_map(|judged| judged.accepted.as_ref().map(|accepted| (judged, accepted)))
        .collect();
    html! {
        @if !accepted.is_empty() {
            section {
                h2 { "Accepted by the policy " span.count { (accepted.len()) } }
                @for (judged, accepted) in accepted {
                    article.card.info {
                        h3 { (Sentence(&judged.finding.message)) }
                        p.about {
                            code.rule { (Name(judged.finding.rule)) }
                            @if let Some(object) = &judged.finding.object {
                                code { (Name(object)) }
                            }
                            @if let Some(place) = words::place(report, judged) {
                                code.place { (Name(&place.to_string())) }
                            }
                        }
                        p { "until " b { (accepted.until.to_string()) } ": " (Sentence(&accepted.reason)) }
                    }
                }
            }
        }
    }
}

fn migrations(migrations: &[MigrationReport]) -> Markup {
    html! {
        @if !migrations.is_empty() {
            section {
                h2 { "Migrations " span.count { (migrations.len()) } }
                ol.migrations {
                    @for migration in migrations {
                        li class=(migration_class(migration.state)) {
                            span.mark aria-hidden="true" {
                                (words::migration_mark(migration.state))
                            }
                            code { (Name(&migration.file)) }
                            span.word {
                                (migration.state.as_str())
                                @if let Some(took) = migration.took { ", " (human_seconds(took)) }
                            }
                            @if let Some(note) = &migration.note { span.saw { (Sentence(note)) } }
                        }
                    }
                }
            }
        }
    }
}

fn migration_class(state: MigrationState) -> &'static str {
    match state {
        MigrationState::Ran => "passed",
        MigrationState::Failed => "failed",
        MigrationState::DidNotRun | MigrationState::HeldBack => "not-run",
    }
}

fn clone(provenance: &Provenance) -> Markup {
    html! {
        section {
            h2 { "The clone" }
            dl {
                @for (word, phrase) in words::provenance(provenance) {
                    dt { (word) }
                    dd { (Sentence(&phrase)) }
                }
            }
            @if !provenance.caveats.is_empty() {
                h3.caveats { (count_of(provenance.caveats.len() as u64, "caveat")) }
                ul { @for caveat in &provenance.caveats { li { (Sentence(caveat)) } } }
            }
        }
    }
}

fn footer(report: &RunReport) -> Markup {
    html! {
        footer {
            "run " code { (Name(&report.run)) }
            " · started " (words::moment(report.started))
            " · policy " code { (Name(&report.policy_file)) }
            " · pgrehearse " (words::VERSION)
        }
    }
}
