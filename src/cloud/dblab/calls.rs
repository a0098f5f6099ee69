//! The calls of a thin clone, told in their order.

use super::Dblab;
use super::engine::{Snapshot, time};
use crate::cloud::calls::{Change, Cost, Detail, Step, Takes, Used};
use crate::cloud::{Account as _, CloudError, Intended, Outline};
use crate::text::human_bytes;

impl Dblab {
    pub(super) async fn calls(&self, intended: Intended<'_>) -> Result<Outline, CloudError> {
        let snapshot = self.newest().await?;
        let list = "GET /snapshots".to_owned();
        let own = format!("/clone/{}", intended.name);
        let show = || vec![format!("GET {own}")];
        let steps = vec![
            Step::Look {
                calls: vec![list.clone()],
                what: "the newest snapshot",
            },
            Change::new(
                "POST /clone",
                made(intended, &snapshot, &self.wanted.database),
            )
            .into(),
            Step::Look {
                calls: show(),
                what: "until the clone is ready",
            },
            Step::Work {
                what: match intended.used {
                    Used::InPlace => "the rehearsal, in the clone",
                    Used::Streamed => "reads the clone into a server of ours",
                }
                .to_owned(),
                details: Vec::new(),
                takes: Takes::NotKnown,
            },
            Step::Look {
                calls: show(),
                what: "whether it is there",
            },
            Change::new(
                format!("PATCH {own}"),
                vec![("lifts", "its protection from deletion".to_owned())],
            )
            .into(),
            Change::new(
                format!("DELETE {own}"),
                vec![("clone", intended.name.to_string())],
            )
            .into(),
            Step::Look {
                calls: show(),
                what: "until it is gone",
            },
        ];
        Ok(Outline {
            place: self.engine.describe(),
            asked: vec![list],
            steps,
            ready: Takes::Seconds,
            cost: Cost::Nothing,
            notes: vec![
                "The engine charges nothing; the clone takes room there as it is written to."
                    .to_owned(),
            ],
        })
    }
}

fn made(intended: Intended<'_>, snapshot: &Snapshot, database: &str) -> Vec<Detail> {
    let mut details = vec![
        ("clone", intended.name.to_string()),
        ("snapshot", snapshot.id.clone()),
    ];
    details.extend(
        time(&snapshot.data_state_at)
            .map(|at| ("data as of", at.strftime("%Y-%m-%d %H:%M UTC").to_string())),
    );
    details.extend(
        snapshot
            .logical_size
            .map(|size| ("size", human_bytes(size))),
    );
    details.push(("database", database.to_owned()));
    details
}
