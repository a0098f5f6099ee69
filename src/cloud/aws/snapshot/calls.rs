//! The calls of a restored snapshot, told in their order.

use std::time::Duration;

use jiff::Timestamp;

use super::choice::{Choice, Used, Whose};
use super::{Snapshot, Source};
use crate::cloud::aws::calls::{
    self, Figures, RESTORE, asked, identity, notes, password, rate, removal, set_password,
    streaming, tunnel,
};
use crate::cloud::aws::price;
use crate::cloud::calls::{self as told, Change, Detail, Rate, Step, Takes};
use crate::cloud::{CloneName, CloudError, Intended, Outline};
use crate::text::human_seconds;

const LIST: &str = "DescribeDBSnapshots";

const SHOW: &str = "DescribeDBInstances";

impl Snapshot {
    pub(super) async fn calls(&self, intended: Intended<'_>) -> Result<Outline, CloudError> {
        let source = self.source().await?;
        let newest = self.newest(&source).await?;
        let name = intended.name;
        let production: &[&str] = match self.wanted.choice {
            Choice::Fresh => &[SHOW],
            Choice::UpTo { .. } | Choice::Newest => &[SHOW, LIST],
        };
        let mut steps = vec![
            identity(),
            Step::look(production, "what production is, and its snapshots"),
        ];
        let mut ready = RESTORE + password(&self.home);
        let used = if let Some(used) = newest {
            used
        } else {
            let used = Used {
                id: name.to_string(),
                data_as_of: None,
                of: Whose::Ours,
                key: None,
                size: source.instance.allocated_storage(),
            };
            steps.push(self.taking(name, &used));
            steps.push(Step::look(&[LIST], "until the snapshot is available"));
            ready = ready + Takes::NotKnown;
            used
        };
        let parts = self.hour(&source, &used);
        let hour = parts.map(|(class, storage)| class + storage);
        steps.push(self.restoring(name, &source, &used, hour));
        if used.of == Whose::Ours {
            steps.push(Step::look(
                &[SHOW, LIST],
                "until the instance is available; the snapshot is of no more use",
            ));
            let details = vec![("snapshot", used.id.clone())];
            steps.push(Change::new("DeleteDBSnapshot", details).into());
            steps.push(Step::look(&[SHOW], "the clone's address"));
        } else {
            steps.push(Step::look(
                &[SHOW],
                "until the instance is available, and its address",
            ));
        }
        let instance = ("instance", name.to_string());
        steps.push(set_password("ModifyDBInstance", instance, &self.home).into());
        steps.push(Step::look(&[SHOW], "until the password is in force"));
        steps.extend(tunnel(&self.wanted.reach));
        let (work, life) = work(intended.used, used.size);
        steps.push(work);
        steps.extend(removal(name, &[("DeleteDBInstance", "instance")]));
        let mut notes = notes(hour.map(|hour| (hour, hour)));
        notes.extend(parts.map(|(class, storage)| {
            format!("An hour is ${class:.3} for the class and ${storage:.3} for the storage.")
        }));
        notes.push(about_time(intended.used).to_owned());
        Ok(calls::outline(
            &self.home,
            asked(production),
            steps,
            Figures {
                ready,
                cost: calls::cost(hour.map(|hour| (hour, hour)), life),
                notes,
            },
        ))
    }

    fn taking(&self, name: &CloneName, used: &Used) -> Step {
        let details = vec![
            ("instance", self.wanted.instance.clone()),
            ("snapshot", name.to_string()),
        ];
        Change::new("CreateDBSnapshot", details)
            .taking(Takes::NotKnown)
            .costing(used.size.map_or(Rate::NotKnown, |size| {
                Rate::AtMost(price::snapshot_hour(size))
            }))
            .into()
    }

    fn restoring(&self, name: &CloneName, source: &Source, used: &Used, hour: Option<f64>) -> Step {
        let setup = self.setup(source);
        let mut details: Vec<Detail> = vec![
            ("instance", name.to_string()),
            ("snapshot", used.id.clone()),
        ];
        details.extend(used.data_as_of.and_then(|at| Some(("taken", age(at)?))));
        details.extend(setup.class());
        details.extend(self.shown_storage(source, used));
        details.extend(setup.place());
        details.extend(setup.parameter_group());
        Change::new("RestoreDBInstanceFromDBSnapshot", details)
            .taking(RESTORE)
            .costing(rate(hour.map(|hour| (hour, hour))))
            .into()
    }

    fn shown_storage(&self, source: &Source, used: &Used) -> Option<Detail> {
        let storage = self.storage(source)?;
        let size = used
            .size
            .map(|size| format!("{size} GiB of "))
            .unwrap_or_default();
        let iops = storage
            .iops
            .map(|iops| format!(", {iops} IOPS"))
            .unwrap_or_default();
        Some(("storage", format!("{size}{}{iops}", storage.kind)))
    }

    /// Dollars an hour of the instance and of its storage.
    fn hour(&self, source: &Source, used: &Used) -> Option<(f64, f64)> {
        let class = price::hour(self.setup(source).class.as_deref()?)?;
        let storage = self.storage(source);
        let storage = price::Storage {
            kind: storage.as_ref().map_or("gp3", |storage| &storage.kind),
            gibibytes: used.size?,
            iops: storage
                .as_ref()
                .and_then(|storage| storage.iops)
                .unwrap_or_default(),
        };
        Some((class, storage.hour()))
    }
}

/// What comes between the making and the end, and how long the instance is there for it where that can be
/// told.
fn work(used: told::Used, size: Option<i32>) -> (Step, Option<Duration>) {
    match (used, size) {
        (told::Used::InPlace, _) => (
            Step::Work {
                what: "the rehearsal, in the instance".to_owned(),
                details: Vec::new(),
                takes: Takes::NotKnown,
            },
            None,
        ),
        (told::Used::Streamed, None) => (reading(Vec::new()), None),
        (told::Used::Streamed, Some(gibibytes)) => {
            let (least, most) = streaming(gibibytes);
            let at_best = format!(
                "{} to {} min, if all of that is data",
                minutes(least),
                minutes(most)
            );
            let details = vec![
                (
                    "size",
                    format!("no more than the {gibibytes} GiB that are allocated"),
                ),
                ("at best", at_best),
            ];
            (reading(details), Some(most))
        }
    }
}

fn reading(details: Vec<Detail>) -> Step {
    Step::Work {
        what: "reads the clone into a server of ours".to_owned(),
        details,
        takes: Takes::NotKnown,
    }
}

fn minutes(duration: Duration) -> u64 {
    duration.as_secs().div_ceil(60)
}

fn about_time(used: told::Used) -> &'static str {
    match used {
        told::Used::InPlace => {
            "That a restore takes 10 to 30 min is what users of another tool have seen. A restored volume's blocks come from S3 as they are first read: how fast is not known here."
        }
        told::Used::Streamed => {
            "That a restore takes 10 to 30 min is what users of another tool have seen. Streaming was measured at 36 to 65 MB a second, on two processors and with all blocks there; a restored volume's come from S3 as they are first read, and how fast is not known here."
        }
    }
}

fn age(at: Timestamp) -> Option<String> {
    let age = Duration::try_from(Timestamp::now().duration_since(at)).ok()?;
    Some(format!("{} ago", human_seconds(age)))
}
