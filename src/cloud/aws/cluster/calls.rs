//! The calls of a cloned cluster, told in their order.

use super::{Cluster, Source};
use crate::cloud::aws::calls::{
    self, CLUSTER, Figures, asked, identity, notes, password, rate, removal, set_password, tunnel,
};
use crate::cloud::aws::price;
use crate::cloud::calls::{Change, Detail, Rate, Step, Takes, Used};
use crate::cloud::{CloudError, Intended, Outline};

const SHOW: &str = "DescribeDBClusters";

const INSTANCES: &str = "DescribeDBInstances";

impl Cluster {
    pub(super) async fn calls(&self, intended: Intended<'_>) -> Result<Outline, CloudError> {
        let source = self.source().await?;
        let name = intended.name.to_string();
        let production = [SHOW, INSTANCES];
        let hour = self.hour(&source);
        let mut steps = vec![
            identity(),
            Step::look(&production, "what production is, and its instances"),
            self.cloning(&name, &source),
            Step::look(&[SHOW], "until the cluster is available"),
            self.adding(&name, &source, hour),
            Step::look(
                &[INSTANCES, SHOW],
                "until the instance is available, and the cluster's address",
            ),
            set_password("ModifyDBCluster", ("cluster", name.clone()), &self.home).into(),
            Step::look(&[SHOW], "until the password is in force"),
        ];
        steps.extend(tunnel(&self.wanted.reach));
        steps.push(Step::Work {
            what: match intended.used {
                Used::InPlace => "the rehearsal, in the cluster",
                Used::Streamed => "reads the clone into a server of ours",
            }
            .to_owned(),
            details: Vec::new(),
            takes: Takes::NotKnown,
        });
        let deletions = [
            ("DeleteDBInstance", "instance"),
            ("DeleteDBCluster", "cluster"),
        ];
        steps.extend(removal(intended.name, &deletions));
        let mut notes = notes(hour);
        notes.push(
            "AWS's own example of a clone took 5 min 30 s, whatever the size; most of it was the instance. The clone shares production's storage: what is written to it is charged by the GiB, and every read by the request, and neither is known here.".to_owned(),
        );
        Ok(calls::outline(
            &self.home,
            asked(&production),
            steps,
            Figures {
                ready: CLUSTER + password(&self.home),
                cost: calls::cost(hour, None),
                notes,
            },
        ))
    }

    fn cloning(&self, name: &str, source: &Source) -> Step {
        let mut details: Vec<Detail> = vec![
            ("cluster", name.to_owned()),
            ("of", self.wanted.cluster.clone()),
            ("kind", "copy-on-write, as it is now".to_owned()),
        ];
        details.extend(self.setup(source).place());
        let group = self.cluster_parameter_group(source);
        details.extend(group.map(|group| ("parameter group", group)));
        details.extend(
            (self.units(source)).map(|(least, most)| ("units", format!("{least} to {most}"))),
        );
        Change::new("RestoreDBClusterToPointInTime", details)
            .taking(Takes::NotKnown)
            .costing(Rate::NotKnown)
            .into()
    }

    fn adding(&self, name: &str, source: &Source, hour: Option<(f64, f64)>) -> Step {
        let setup = self.setup(source);
        let mut details: Vec<Detail> =
            vec![("instance", name.to_owned()), ("cluster", name.to_owned())];
        details.extend(setup.class());
        details.extend(setup.parameter_group());
        Change::new("CreateDBInstance", details)
            .taking(CLUSTER)
            .costing(rate(hour))
            .into()
    }

    /// Dollars an hour of the instance.
    fn hour(&self, source: &Source) -> Option<(f64, f64)> {
        if let Some((least, most)) = self.units(source) {
            return Some((price::serverless_hour(least), price::serverless_hour(most)));
        }
        let hour = price::aurora_hour(self.setup(source).class.as_deref()?)?;
        Some((hour, hour))
    }
}
