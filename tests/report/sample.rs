//! Runs as a report sees them, made by hand.

use std::time::Duration;

use jiff::Timestamp;
use pgrehearse::verdict::{
    Accepted, Failure, Finding, Fingerprint, Judged, Level, MigrationReport, MigrationState,
    NotRun, NotRunKind, Outcome, Place, Provenance, RuleReport, RunReport, Stage, StageReport,
    TraceReport, Verdict, apply, decide,
};

use crate::traces;

/// A run in which nothing speaks against the migration.
#[allow(clippy::too_many_lines, reason = "one sample, told whole")]
pub fn go() -> RunReport {
    let took = [410, 12_100, 48_040, 4_120, 3_300, 9_870, 21_500];
    let saw: [&[&str]; 7] = [
        &["3 pending migrations"],
        &["dump of 2.2 GB"],
        &["24 tables, 1,204,331 rows", "every row counted"],
        &["3 migrations, 12 statements"],
        &["41 constraints, 63 indexes"],
        &["no difference to a fresh install"],
        &["2 documents ingested", "4 pages answered"],
    ];
    let mut clock = Duration::ZERO;
    let mut began = |took: u64| {
        let began = clock;
        clock += Duration::from_millis(took);
        began
    };
    let stages = Stage::ALL
        .into_iter()
        .zip(took)
        .zip(saw)
        .map(|((stage, took), saw)| StageReport {
            stage,
            outcome: Outcome::Passed,
            began: began(took),
            took: Duration::from_millis(took),
            saw: saw.iter().map(|&text| text.to_owned()).collect(),
        })
        .collect();
    let rule = |id, stage, summary| RuleReport {
        id,
        stage,
        level: Level::Block,
        summary,
        effect: "the service does not answer while it lasts",
        remedy: "do it in small steps, as `docs` say",
    };
    decided(RunReport {
        name: "shop".into(),
        policy_file: "db/pgrehearse.yml".into(),
        run: "20261120-1f3a".into(),
        started: "2026-11-20T12:03:04Z".parse::<Timestamp>().expect("valid"),
        took: Duration::from_secs(99),
        verdict: Verdict::Undecided,
        reason: String::new(),
        stages,
        findings: Vec::new(),
        rules: vec![
            rule("policy-changed", Stage::Preflight, "a policy that changed"),
            rule(
                "row-count-wrong",
                Stage::Restore,
                "a clone with missing rows",
            ),
            rule(
                "blocking-lock",
                Stage::Migrate,
                "a lock that stops the service",
            ),
            rule(
                "slow-migration",
                Stage::Migrate,
                "a migration that takes too long",
            ),
            rule(
                "column-dropped",
                Stage::Verify,
                "a column that is gone with its values",
            ),
            rule("index-invalid", Stage::Verify, "an index that is not valid"),
            rule("query-slower", Stage::Verify, "a query that got slower"),
            rule(
                "schema-drift",
                Stage::SchemaDiff,
                "a difference to a fresh install",
            ),
            rule(
                "page-broken",
                Stage::SmokeIngest,
                "a page that does not answer",
            ),
        ],
        migrations: vec![
            migration("migrations/0041_add_status.sql", MigrationState::Ran, 2_410),
            migration("migrations/0042_drop_note.sql", MigrationState::Ran, 1_690),
            MigrationReport {
                file: "migrations/0043_cleanup.sql".into(),
                state: MigrationState::HeldBack,
                took: None,
                note: Some("until 2026-12-01: 7 days after cut-over".into()),
            },
        ],
        trace: Some(traces::one()),
        provenance: Some(Provenance {
            source: "dump `dump/prod-*.dump`".into(),
            database: Some("shop".into()),
            source_version: Some("17.5".into()),
            server_version: "17.6".into(),
            data_as_of: Some("2026-11-20T03:00:00Z".parse().expect("valid")),
            source_bytes: Some(2_362_232_012),
            caveats: vec![
                "2 cron jobs were switched off".into(),
                "`audit.events` has no rows: the policy leaves it out".into(),
            ],
        }),
        fingerprint: Some(Fingerprint {
            files: [(
                "migrations/0041_add_status.sql".into(),
                "sha256:5e1f".into(),
            )]
            .into(),
            production: [("dump".into(), "sha256:90ab".into())].into(),
            image: None,
            program: "pgrehearse VERSION".into(),
            unknown: Vec::new(),
        }),
    })
}

/// Two findings that block, a warning, a note, and one that the policy accepts.
#[expect(clippy::too_many_lines, reason = "a report, written out")]
pub fn no_go() -> RunReport {
    let mut report = go();
    report.findings = vec![
        judged(
            Level::Block,
            Finding {
                rule: "blocking-lock",
                stage: Stage::Migrate,
                object: Some("public.orders".into()),
                message: "`public.orders` was locked against reads for 4.1 s".into(),
                effect: "every query on the table waits for the migration, and then every \
                         connection of the pool does"
                    .into(),
                advice: Some(
                    "add the column without a default first and fill it in small parts".into(),
                ),
                sql: Some(
                    "alter table public.orders add column status text;\n\
                     update public.orders set status = 'open' where id between 1 and 10000;\n\
                     alter table public.orders add constraint orders_status_not_null\n  \
                     check (status is not null) not valid;"
                        .into(),
                ),
                evidence: vec![
                    "`ACCESS EXCLUSIVE` from 12:04:07.114 to 12:04:11.230".into(),
                    "1,204,331 rows were read while it was held".into(),
                ],
                place: Some(place("migrations/0041_add_status.sql", 3)),
                within: &[],
                settled: None,
            },
        ),
        judged(
            Level::Block,
            Finding {
                rule: "column-dropped",
                stage: Stage::Verify,
                object: Some("public.orders.note".into()),
                message: "column `note` of `public.orders` is gone, and 18,220 rows had a value \
                          in it"
                    .into(),
                effect: "the values are lost; the running version of the app still reads them"
                    .into(),
                advice: Some("drop it one release after the last version that reads it".into()),
                sql: None,
                evidence: Vec::new(),
                place: Some(place("migrations/0042_drop_note.sql", 1)),
                within: &[],
                settled: None,
            },
        ),
        judged(
            Level::Warn,
            Finding {
                rule: "query-slower",
                stage: Stage::Verify,
                object: Some("perf/open-orders.sql".into()),
                message: "`perf/open-orders.sql` takes 41 ms instead of 28 ms".into(),
                effect: "the page of open orders is slower".into(),
                advice: Some("add an index on the new column".into()),
                sql: Some("create index concurrently on public.orders (status);".into()),
                evidence: vec!["5 runs each, the fastest counts".into()],
                place: None,
                within: &[],
                settled: None,
            },
        ),
        judged(
            Level::Info,
            Finding {
                rule: "slow-migration",
                stage: Stage::Migrate,
                object: None,
                message: "the migration took 4.1 s".into(),
                effect: String::new(),
                advice: None,
                sql: None,
                evidence: Vec::new(),
                place: None,
                within: &[],
                settled: None,
            },
        ),
        Judged {
            accepted: Some(Accepted {
                reason: "renamed by hand in 2024, ticket 812".into(),
                until: jiff::civil::date(2027, 1, 31),
            }),
            ..judged(
                Level::Block,
                Finding {
                    rule: "schema-drift",
                    stage: Stage::SchemaDiff,
                    object: Some("public.orders.remark".into()),
                    message: "column `remark` is not in a fresh install".into(),
                    effect: "the next migration may fail in one of the two".into(),
                    advice: None,
                    sql: None,
                    evidence: Vec::new(),
                    place: None,
                    within: &[],
                    settled: None,
                },
            )
        },
    ];
    for rule in &mut report.rules {
        if rule.id == "page-broken" {
            rule.level = Level::Off;
        }
    }
    decided(report)
}

/// Three hundred findings of one rule that blocks, and two dozen notes of another.
pub fn no_go_for_many_reasons() -> RunReport {
    let mut report = go();
    let of = |level, rule, stage, number: u32| {
        judged(
            level,
            Finding {
                rule,
                stage,
                object: Some(format!("public.t{number}.note")),
                message: format!(
                    "column `note` of `public.t{number}` is not like a fresh install's"
                ),
                effect: "the next migration may fail in one of the two".into(),
                advice: Some("decide which of the two is right".into()),
                sql: Some(format!("alter table public.t{number} drop column note;")),
                evidence: vec!["the type is `text` here and `citext` there".into()],
                place: Some(place("migrations/0042_drop_note.sql", number)),
                within: &[],
                settled: None,
            },
        )
    };
    report.findings = (1..=300)
        .map(|number| of(Level::Block, "schema-drift", Stage::SchemaDiff, number))
        .chain((1..=24).map(|number| {
            of(
                Level::Info,
                "lint/ban-drop-column",
                Stage::Preflight,
                number,
            )
        }))
        .collect();
    decided(report)
}

/// The restore broke, and what follows it did not run.
pub fn undecided() -> RunReport {
    let mut report = go();
    for stage in &mut report.stages {
        match stage.stage {
            Stage::Preflight | Stage::Clone => {}
            Stage::Restore => {
                stage.outcome = Outcome::Errored(Failure {
                    chain: vec![
                        "`pg_restore` ended with exit code 1".into(),
                        "extension `postgis` is not installed here".into(),
                    ],
                    hint: Some("install `postgresql-17-postgis-3` in the image".into()),
                });
                stage.saw.clear();
            }
            Stage::Migrate | Stage::Verify | Stage::SchemaDiff | Stage::SmokeIngest => {
                let is_optional = stage.stage == Stage::SmokeIngest;
                stage.took = Duration::ZERO;
                stage.began = Duration::ZERO;
                stage.saw.clear();
                stage.outcome = Outcome::NotRun(NotRun {
                    because: if is_optional {
                        "the policy does not ask for it".into()
                    } else {
                        "restore could not tell".into()
                    },
                    kind: if is_optional {
                        NotRunKind::NotAskedFor
                    } else {
                        NotRunKind::CutShort
                    },
                });
            }
        }
    }
    for migration in &mut report.migrations {
        if migration.state == MigrationState::Ran {
            migration.state = MigrationState::DidNotRun;
            migration.took = None;
        }
    }
    decided(report)
}

/// What a name or a message could hold to break out of every format.
pub const HOSTILE: &str = "]]> <script>alert(1)</script> \u{1b}[31mred\u{1b}[0m \u{0}\u{9b}2J @team #12 \
    https://evil.example www.evil.example [a](javascript:x) ![i](//x) ``` ` | \"quoted\" 'single' \
    </details> --> &amp; $x$ :tada:\n::error::pwned\n##[error]pwned\n# heading\n| a | b |";

/// A no-go in which every text that is not ours is [`HOSTILE`].
pub fn hostile() -> RunReport {
    let hostile = || HOSTILE.to_owned();
    let mut report = no_go();
    // Many of a rule are worded otherwise than few.
    report.findings = (0..5).flat_map(|_| report.findings.clone()).collect();
    report.name = hostile();
    report.policy_file = hostile();
    report.run = hostile();
    for judged in &mut report.findings {
        let finding = &mut judged.finding;
        finding.object = Some(hostile());
        finding.message = hostile();
        finding.effect = hostile();
        finding.advice = Some(hostile());
        finding.sql = Some(hostile());
        finding.evidence = vec![hostile(), hostile()];
        finding.place = Some(Place {
            file: hostile(),
            line: Some(7),
        });
        if let Some(accepted) = &mut judged.accepted {
            accepted.reason = hostile();
        }
    }
    for stage in &mut report.stages {
        stage.saw = vec![hostile()];
        if stage.stage == Stage::SchemaDiff {
            stage.outcome = Outcome::Errored(Failure {
                chain: vec![hostile(), hostile()],
                hint: Some(hostile()),
            });
        }
        if stage.stage == Stage::SmokeIngest {
            stage.outcome = Outcome::NotRun(NotRun {
                because: hostile(),
                kind: NotRunKind::CutShort,
            });
        }
    }
    for migration in &mut report.migrations {
        migration.file = hostile();
        migration.note = Some(hostile());
    }
    report.trace = Some(traces::hostile(HOSTILE));
    if let Some(provenance) = &mut report.provenance {
        provenance.source = hostile();
        provenance.database = Some(hostile());
        provenance.source_version = Some(hostile());
        provenance.server_version = hostile();
        provenance.caveats = vec![hostile()];
    }
    decided(report)
}

/// A run that did this on the server.
pub fn with_trace(mut report: RunReport, trace: TraceReport) -> RunReport {
    report.trace = Some(trace);
    report
}

/// Gives a run the verdict that its stages and findings come to.
pub fn decided(mut report: RunReport) -> RunReport {
    apply(&mut report.stages, &report.findings);
    (report.verdict, report.reason) = decide(&report.stages, &report.findings);
    report
}

fn judged(level: Level, finding: Finding) -> Judged {
    Judged {
        finding,
        level,
        accepted: None,
    }
}

fn place(file: &str, line: u32) -> Place {
    Place {
        file: file.into(),
        line: Some(line),
    }
}

fn migration(file: &str, state: MigrationState, milliseconds: u64) -> MigrationReport {
    MigrationReport {
        file: file.into(),
        state,
        took: Some(Duration::from_millis(milliseconds)),
        note: None,
    }
}
