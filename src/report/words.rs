//! What all formats say alike: marks, words of outcomes, places, the clone's description.

use std::path::{Component, Path};

use jiff::Timestamp;

use crate::text::{human_bytes, human_time};
use crate::verdict::{
    Judged, Level, MigrationState, Outcome, Place, Provenance, RunReport, Stage, StageReport,
    StatementReport, Verdict,
};

/// Our version, as reports name it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The verdict as a headline.
pub fn headline(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Go => "GO",
        Verdict::NoGo => "NO-GO",
        Verdict::Undecided => "UNDECIDED",
    }
}

/// One character for an outcome; it is never alone where a word fits.
pub fn mark(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::Failed => "✗",
        Outcome::Errored(_) => "!",
        Outcome::NotRun(_) => "–",
    }
}

/// An outcome in a word or two.
pub fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Errored(_) => "could not tell",
        Outcome::NotRun(_) => "not run",
    }
}

/// Why a stage came to no result.
pub fn because(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Passed | Outcome::Failed => None,
        Outcome::Errored(failure) => Some(failure.one_line()),
        Outcome::NotRun(not_run) => Some(not_run.because.clone()),
    }
}

/// What a stage's line says beside its outcome: why it came to nothing, else what it saw.
pub fn remark(stage: &StageReport) -> String {
    match &stage.outcome {
        Outcome::Errored(_) | Outcome::NotRun(_) => because(&stage.outcome).unwrap_or_default(),
        Outcome::Passed | Outcome::Failed => stage.saw.join("; "),
    }
}

/// One character for what became of a migration.
pub fn migration_mark(state: MigrationState) -> &'static str {
    match state {
        MigrationState::Ran => "✓",
        MigrationState::Failed => "✗",
        MigrationState::DidNotRun | MigrationState::HeldBack => "–",
    }
}

/// A place as the repository names it.
///
/// Files are relative to the policy; a policy in a folder of the repository adds that folder. A path
/// that leaves the working directory says nothing about the repository and adds nothing.
pub fn repository_place(report: &RunReport, place: &Place) -> Place {
    let folder = Path::new(&report.policy_file)
        .parent()
        .filter(|folder| {
            folder
                .components()
                .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        })
        .map(|folder| {
            folder
                .components()
                .filter(|part| matches!(part, Component::Normal(_)))
                .map(|part| part.as_os_str().to_string_lossy().into_owned())
                .collect::<Vec<_>>()
                .join("/")
        })
        .filter(|folder| !folder.is_empty());
    let file = place.file.strip_prefix("./").unwrap_or(&place.file);
    Place {
        file: match folder {
            Some(folder) if !Path::new(file).is_absolute() => within(&folder, file),
            _ => file.to_owned(),
        },
        line: place.line,
    }
}

/// `db/shop` and `../m/1.sql` are `db/m/1.sql`: who shows a file looks it up by this name.
fn within(folder: &str, file: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    let mut rest = file;
    while let Some(above) = rest.strip_prefix("../") {
        if parts.pop().is_none() {
            return format!("{folder}/{file}");
        }
        rest = above;
    }
    parts.push(rest);
    parts.join("/")
}

/// A finding's place as the repository names it.
pub fn place(report: &RunReport, judged: &Judged) -> Option<Place> {
    let place = judged.finding.place.as_ref()?;
    Some(repository_place(report, place))
}

/// What happened, what it does to the service, and what to do instead, as far as a finding says it.
pub fn sentences(judged: &Judged) -> Vec<&str> {
    let finding = &judged.finding;
    let mut sentences = vec![finding.message.as_str(), finding.effect.as_str()];
    sentences.extend(finding.advice.as_deref());
    sentences.retain(|sentence| !sentence.is_empty());
    sentences
}

/// The policy: the place of what has none of its own.
///
/// Readers that find no place look for a file with the stage's name, or show nothing.
pub fn policy_place(report: &RunReport) -> Place {
    let file = &report.policy_file;
    Place {
        file: file.strip_prefix("./").unwrap_or(file).to_owned(),
        line: Some(1),
    }
}

/// A finding's place for whoever shows nothing without one: what is of no file is the policy's, which
/// asked for it.
pub fn place_or_policy(report: &RunReport, judged: &Judged) -> Place {
    place(report, judged).unwrap_or_else(|| policy_place(report))
}

/// Findings of a level that does not block, without the accepted ones.
pub fn of_level(report: &RunReport, level: Level) -> impl Iterator<Item = &Judged> {
    report
        .findings
        .iter()
        .filter(move |judged| judged.accepted.is_none() && judged.level == level)
}

/// Findings that the policy accepts.
pub fn accepted(report: &RunReport) -> impl Iterator<Item = &Judged> {
    report
        .findings
        .iter()
        .filter(|judged| judged.accepted.is_some())
}

/// The stages that could not tell.
pub fn errored(report: &RunReport) -> impl Iterator<Item = (Stage, &crate::verdict::Failure)> {
    report
        .stages
        .iter()
        .filter_map(|stage| match &stage.outcome {
            Outcome::Errored(failure) => Some((stage.stage, failure)),
            _ => None,
        })
}

/// `2026-11-20 03:00 UTC`.
pub fn moment(timestamp: Timestamp) -> String {
    timestamp.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// The clone's description, a word and a phrase a line.
pub fn provenance(provenance: &Provenance) -> Vec<(&'static str, String)> {
    let mut lines = vec![("source", provenance.source.clone())];
    if let Some(database) = &provenance.database {
        lines.push(("database", format!("`{database}`")));
    }
    if let Some(bytes) = provenance.source_bytes {
        lines.push(("size", human_bytes(bytes)));
    }
    if let Some(data_as_of) = provenance.data_as_of {
        lines.push(("data as of", moment(data_as_of)));
    }
    let clone = &provenance.server_version;
    let number = version_number(clone);
    let server = match &provenance.source_version {
        Some(source) if version_number(source) != number => {
            format!("PostgreSQL {clone}, the source has {source}")
        }
        Some(_) => format!("PostgreSQL {number}, as the source"),
        None => format!("PostgreSQL {number}"),
    };
    lines.push(("server", server));
    lines
}

/// `17.12` of `17.12 (Debian 17.12-1.pgdg12+1)`: packagers add what they like.
fn version_number(version: &str) -> &str {
    version.split_whitespace().next().unwrap_or(version)
}

/// What there is to say of a statement beside its text and its time.
pub fn of_statement(statement: &StatementReport) -> Vec<String> {
    let mut said = Vec::new();
    said.extend(statement.place.as_ref().map(|place| format!("`{place}`")));
    if let Some(blocked) = &statement.blocks {
        said.push(format!(
            "{} on `{}` for {}",
            blocked.mode,
            blocked.relation,
            human_time(blocked.held)
        ));
    }
    for rewrite in &statement.rewrites {
        said.push(format!(
            "writes `{}` anew ({})",
            rewrite.relation.name,
            human_bytes(rewrite.bytes)
        ));
    }
    for scan in statement.scans.iter().filter(|scan| !scan.relation.is_new) {
        said.push(format!("reads all of `{}`", scan.relation.name));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_in_a_folder_adds_the_folder() {
        let mut report = RunReport {
            name: String::new(),
            policy_file: String::new(),
            run: String::new(),
            started: Timestamp::UNIX_EPOCH,
            took: std::time::Duration::ZERO,
            verdict: Verdict::Undecided,
            reason: String::new(),
            stages: Vec::new(),
            findings: Vec::new(),
            rules: Vec::new(),
            migrations: Vec::new(),
            trace: None,
            provenance: None,
            fingerprint: None,
        };
        let place = Place {
            file: "./m/1.sql".into(),
            line: Some(3),
        };
        for (policy, expected) in [
            ("pgrehearse.yml", "m/1.sql:3"),
            ("./pgrehearse.yml", "m/1.sql:3"),
            ("db/x/pgrehearse.yml", "db/x/m/1.sql:3"),
            ("../pgrehearse.yml", "m/1.sql:3"),
            ("/srv/pgrehearse.yml", "m/1.sql:3"),
        ] {
            report.policy_file = policy.into();
            assert_eq!(repository_place(&report, &place).to_string(), expected);
        }
        report.policy_file = "db/x/pgrehearse.yml".into();
        for (file, expected) in [
            ("../m/1.sql", "db/m/1.sql"),
            ("../../m/1.sql", "m/1.sql"),
            ("../../../m/1.sql", "db/x/../../../m/1.sql"),
        ] {
            let place = Place {
                file: file.into(),
                line: None,
            };
            assert_eq!(repository_place(&report, &place).to_string(), expected);
        }
    }

    #[test]
    fn versions_are_compared_by_their_number() {
        let said = |clone: &str, source: Option<&str>| {
            let described = Provenance {
                server_version: clone.to_owned(),
                source_version: source.map(str::to_owned),
                ..Provenance::default()
            };
            let server = provenance(&described).pop();
            server.map(|(_, text)| text).unwrap_or_default()
        };
        let debian = "17.12 (Debian 17.12-1.pgdg12+1)";
        assert_eq!(
            said("17.12", Some(debian)),
            "PostgreSQL 17.12, as the source"
        );
        assert_eq!(
            said(debian, Some("17.12")),
            "PostgreSQL 17.12, as the source"
        );
        assert_eq!(said(debian, None), "PostgreSQL 17.12");
        assert_eq!(
            said("17.1", Some(debian)),
            format!("PostgreSQL 17.1, the source has {debian}")
        );
    }
}
