//! `comment.md`: the pull request's comment. Read on a phone, so lines are short and details folded.
//!
//! Every text that is not ours passes [`Markdown`] or [`marker`]: what a migration names must neither
//! ping a team nor make a link nor break a table.

mod sections;
mod timeline;

use self::sections::{Group, Section};
use super::bundles::{self, Bundle, Item, Weight};
use super::escape::Markdown;
use super::words;
use crate::text::{count_of, human_seconds, one_line};
use crate::verdict::{Failure, Judged, Level, Outcome, RunReport, Stage, StageReport, Verdict};

/// GitHub refuses 65,536 characters; the rest is room for what a poster adds.
pub const LIMIT: usize = 65_000;

/// The reason is the first line; what is longer stands below it in full.
const REASON_LIMIT: usize = 300;

/// So many findings of one rule are listed.
const LISTED: usize = 20;

/// The hidden first line by which a rehearsal finds its own comment again.
///
/// A name's characters that could end the mark are written as percent codes, so that two names never
/// make the same mark.
pub fn marker(name: &str) -> String {
    let mut written = String::new();
    for character in name.chars() {
        let is_plain = character.is_alphanumeric() || matches!(character, ' ' | '.' | '_' | '/');
        if is_plain || (character == '-' && !written.is_empty() && !written.ends_with('-')) {
            written.push(character);
        } else {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                written.push_str(&format!("%{byte:02X}"));
            }
        }
    }
    format!("<!-- pgrehearse: {written} -->")
}

/// The report as a comment of less than [`LIMIT`] characters.
pub fn render(report: &RunReport) -> String {
    sections::assemble(&head(report), &every_section(report), &foot(report), LIMIT)
}

fn head(report: &RunReport) -> String {
    let picture = match report.verdict {
        Verdict::Go => "✅",
        Verdict::NoGo => "⛔",
        Verdict::Undecided => "⚠️",
    };
    let mut text = format!(
        "{}\n### {picture} {} · {}: {}\n\n",
        marker(&report.name),
        words::headline(report.verdict),
        Markdown::sentence(&one_line(&report.name, 80)),
        Markdown::sentence(&one_line(&report.reason, REASON_LIMIT)),
    );
    text.push_str("| | stage | time |\n|---|---|---:|\n");
    for stage in &report.stages {
        let took = match stage.outcome {
            Outcome::NotRun(_) => "not run".to_owned(),
            _ => human_seconds(stage.took),
        };
        let name = match stage.outcome {
            Outcome::Failed | Outcome::Errored(_) => {
                format!("**{}** {}", stage.stage, words::word(&stage.outcome))
            }
            Outcome::Passed | Outcome::NotRun(_) => stage.stage.to_string(),
        };
        text.push_str(&format!(
            "| {} | {name} | {took} |\n",
            picture_of(&stage.outcome)
        ));
    }
    text
}

fn picture_of(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✅",
        Outcome::Failed => "❌",
        Outcome::Errored(_) => "⚠️",
        Outcome::NotRun(_) => "➖",
    }
}

fn every_section(report: &RunReport) -> Vec<Section> {
    let mut found = Vec::new();
    for (stage, failure) in words::errored(report) {
        found.push(Section::new(Group::Errors, doubt(stage, failure)));
    }
    for item in bundles::of(report.blocking(), Weight::Heavy) {
        let text = match item {
            Item::One(judged) => blocking(report, judged),
            Item::Bundle(bundle) => together(report, &bundle),
        };
        found.push(Section::new(Group::Blocks, text));
    }
    if let Some(text) = timeline::section(report) {
        found.push(Section::new(Group::Timeline, text));
    }
    for (level, group) in [(Level::Warn, Group::Warnings), (Level::Info, Group::Notes)] {
        for item in bundles::of(words::of_level(report, level), Weight::Light) {
            let text = match item {
                Item::One(judged) => lesser(report, judged),
                Item::Bundle(bundle) => together(report, &bundle),
            };
            found.push(Section::new(group, text));
        }
    }
    for judged in words::accepted(report) {
        found.push(Section::new(Group::Accepted, accepted(report, judged)));
    }
    if !report.migrations.is_empty() {
        found.push(Section::new(Group::Migrations, migrations(report)));
    }
    if let Some(provenance) = clone(report) {
        found.push(Section::new(Group::Clone, provenance));
    }
    let saw: Vec<String> = report.stages.iter().filter_map(saw).collect();
    if !saw.is_empty() {
        found.push(Section::new(
            Group::Saw,
            fold("what each stage saw", &saw.join("\n")),
        ));
    }
    found
}

fn doubt(stage: Stage, failure: &Failure) -> String {
    let mut text = format!(
        "**{stage}**: {}\n",
        Markdown::sentence(failure.chain.first().map_or("", String::as_str))
    );
    for cause in failure.chain.iter().skip(1) {
        text.push_str(&format!("- caused by: {}\n", Markdown::sentence(cause)));
    }
    if let Some(hint) = &failure.hint {
        text.push_str(&format!("\n**Hint:** {}\n", Markdown::sentence(hint)));
    }
    text
}

/// A finding's rule and object, as code of the place where they stand.
fn title(judged: &Judged, code: fn(&str) -> Markdown) -> String {
    let mut text = code(judged.finding.rule).to_string();
    if let Some(object) = &judged.finding.object {
        text.push_str(&format!(" on {}", code(object)));
    }
    text
}

fn blocking(report: &RunReport, judged: &Judged) -> String {
    let finding = &judged.finding;
    let mut text = format!(
        "#### {}\n\n**{}**\n",
        title(judged, Markdown::code),
        Markdown::sentence(&finding.message)
    );
    if let Some(place) = words::place(report, judged) {
        text.push_str(&format!("\nin {}\n", Markdown::code(&place.to_string())));
    }
    text.push_str(&remedy(judged));
    if !finding.evidence.is_empty() {
        text.push_str(&format!(
            "\n{}",
            fold("evidence", &bullets(&finding.evidence))
        ));
    }
    text
}

/// What it does and what to do instead.
fn remedy(judged: &Judged) -> String {
    let finding = &judged.finding;
    let mut text = String::new();
    text.push_str(&labelled("Effect", Some(&finding.effect)));
    text.push_str(&labelled("Instead", finding.advice.as_deref()));
    if let Some(sql) = &finding.sql {
        text.push_str(&format!("\n{}\n", Markdown::fence("sql", sql)));
    }
    text
}

fn labelled(label: &str, sentence: Option<&str>) -> String {
    match sentence {
        None | Some("") => String::new(),
        Some(sentence) => format!("\n**{label}:** {}\n", Markdown::sentence(sentence)),
    }
}

/// What a rule's findings say alike, and where each is.
fn together(report: &RunReport, bundle: &Bundle<'_>) -> String {
    let mut inside = labelled("Effect", bundle.shared(|of| Some(&of.effect)));
    inside.push_str(&labelled(
        "Instead",
        bundle.shared(|of| of.advice.as_deref()),
    ));
    inside.push('\n');
    for judged in bundle.findings.iter().take(LISTED) {
        let message = Markdown::sentence(&judged.finding.message);
        match words::place(report, judged) {
            Some(place) => {
                inside.push_str(&format!(
                    "- {}: {message}\n",
                    Markdown::code(&place.to_string())
                ));
            }
            None => inside.push_str(&format!("- {message}\n")),
        }
    }
    if let Some(left_out) = bundle.findings.len().checked_sub(LISTED + 1) {
        inside.push_str(&format!("- {} more, in `report.html`\n", left_out + 1));
    }
    let rule = Markdown::summary_code(bundle.rule);
    fold(&format!("{rule}: {}", bundle.count()), inside.trim_start())
}

fn lesser(report: &RunReport, judged: &Judged) -> String {
    let mut inside = String::new();
    if let Some(place) = words::place(report, judged) {
        inside.push_str(&format!("in {}\n", Markdown::code(&place.to_string())));
    }
    inside.push_str(&remedy(judged));
    if !judged.finding.evidence.is_empty() {
        inside.push_str(&format!("\n{}", bullets(&judged.finding.evidence)));
    }
    if inside.is_empty() {
        return format!(
            "- {}: {}
",
            title(judged, Markdown::code),
            Markdown::sentence(&judged.finding.message)
        );
    }
    let summary = format!(
        "{}: {}",
        title(judged, Markdown::summary_code),
        Markdown::summary(&judged.finding.message)
    );
    fold(&summary, inside.trim_start())
}

fn accepted(report: &RunReport, judged: &Judged) -> String {
    let Some(accepted) = &judged.accepted else {
        return String::new();
    };
    let mut text = format!(
        "- {}: {}",
        title(judged, Markdown::code),
        Markdown::sentence(&judged.finding.message)
    );
    if let Some(place) = words::place(report, judged) {
        text.push_str(&format!(" in {}", Markdown::code(&place.to_string())));
    }
    text.push_str(&format!(
        "; accepted until {}: {}\n",
        accepted.until,
        Markdown::sentence(&accepted.reason)
    ));
    text
}

fn migrations(report: &RunReport) -> String {
    let mut table = "| migration | |\n|---|---|\n".to_owned();
    for migration in &report.migrations {
        let mut state = migration.state.as_str().to_owned();
        if let Some(took) = migration.took {
            state.push_str(&format!(", {}", human_seconds(took)));
        }
        if let Some(note) = &migration.note {
            state.push_str(&format!(": {}", Markdown::sentence(note)));
        }
        table.push_str(&format!(
            "| {} | {state} |\n",
            Markdown::code(&migration.file)
        ));
    }
    let number = report.migrations.len() as u64;
    fold(&count_of(number, "migration"), &table)
}

fn clone(report: &RunReport) -> Option<String> {
    let provenance = report.provenance.as_ref()?;
    let mut inside = String::new();
    for (word, phrase) in words::provenance(provenance) {
        inside.push_str(&format!("- {word}: {}\n", Markdown::sentence(&phrase)));
    }
    for caveat in &provenance.caveats {
        inside.push_str(&format!("- **caveat:** {}\n", Markdown::sentence(caveat)));
    }
    let summary = match provenance.caveats.len() as u64 {
        0 => "the clone".to_owned(),
        caveats => format!("the clone, with {}", count_of(caveats, "caveat")),
    };
    Some(fold(&summary, &inside))
}

fn saw(stage: &StageReport) -> Option<String> {
    let mut facts: Vec<String> = words::because(&stage.outcome).into_iter().collect();
    facts.extend(stage.saw.iter().cloned());
    if facts.is_empty() {
        return None;
    }
    let facts: Vec<String> = facts
        .iter()
        .map(|fact| Markdown::sentence(fact).to_string())
        .collect();
    Some(format!(
        "- **{}** {}: {}",
        stage.stage,
        words::word(&stage.outcome),
        facts.join("; ")
    ))
}

fn bullets(texts: &[String]) -> String {
    let mut list = String::new();
    for text in texts {
        list.push_str(&format!("- {}\n", Markdown::sentence(text)));
    }
    list
}

/// Folded away. The summary is HTML; the empty lines make GitHub read the inside as Markdown again.
fn fold(summary: &str, inside: &str) -> String {
    format!(
        "<details><summary>{summary}</summary>

{}

</details>
",
        inside.trim_end()
    )
}

fn foot(report: &RunReport) -> String {
    format!(
        "<sub>run {} · {} · {} · pgrehearse {}</sub>\n",
        Markdown::sentence(&one_line(&report.run, 80)),
        words::moment(report.started),
        human_seconds(report.took),
        words::VERSION,
    )
}

#[cfg(test)]
mod tests {
    use super::marker;

    #[test]
    fn a_name_cannot_end_its_mark() {
        assert_eq!(marker("shop-db"), "<!-- pgrehearse: shop-db -->");
        assert_eq!(
            marker("a--> b\n@x"),
            "<!-- pgrehearse: a-%2D%3E b%0A%40x -->"
        );
        assert_eq!(marker("->"), "<!-- pgrehearse: %2D%3E -->");
        assert_ne!(marker("a%2D"), marker("a-"));
    }
}
