//! One run's orders.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use pgrehearse::cloud::aws::{Cluster, ClusterWanted, Home, Place, Snapshot, SnapshotWanted};
use pgrehearse::cloud::{
    Account as _, CloneName, CloudError, Labels, Made, Order, Patience, Provider,
};
use pgrehearse::process::RunId;
use tokio::time::Instant;

use crate::harness::aws::{Aws, PACE, PRODUCTION};

/// A run that wants a clone.
pub struct Scene {
    pub name: CloneName,
    pub labels: Labels,
    pub said: Arc<Mutex<Vec<String>>>,
    directory: tempfile::TempDir,
}

impl Scene {
    pub fn new() -> Self {
        let run = RunId::new();
        Self {
            name: CloneName::new("orcha", &run),
            labels: Labels {
                run,
                expires: Timestamp::now() + Duration::from_hours(6),
                source: "a source".to_owned(),
                made_by: "https://ci.example/1".to_owned(),
            },
            said: Arc::default(),
            directory: tempfile::tempdir().expect("a directory"),
        }
    }

    pub async fn make(&self, provider: &dyn Provider) -> Result<Made, CloudError> {
        self.make_within(provider, Duration::from_secs(20)).await
    }

    pub async fn make_within(
        &self,
        provider: &dyn Provider,
        limit: Duration,
    ) -> Result<Made, CloudError> {
        let said = self.said.clone();
        let doing = move |text: String| said.lock().expect("said").push(text);
        let order = Order {
            name: &self.name,
            labels: &self.labels,
            directory: self.directory.path(),
            by: Instant::now() + limit,
            doing: &doing,
        };
        provider.make(&order).await
    }

    /// Removes it, and waits until nothing is left.
    pub async fn remove(&self, aws: &Aws) -> Result<(), CloudError> {
        let by = Instant::now() + Duration::from_secs(10);
        home(aws).remove(&self.name, Patience::Gone { by }).await
    }

    pub fn instance(&self) -> String {
        format!("DBInstance {}", self.name)
    }
}

pub fn home(aws: &Aws) -> Home {
    Home::paced(&aws.access(), PACE)
}

pub fn wanted() -> SnapshotWanted {
    SnapshotWanted {
        instance: PRODUCTION.to_owned(),
        place: Place {
            instance_class: Some("db.t4g.medium".to_owned()),
            security_groups: vec!["sg-0abc".to_owned()],
            ..Place::default()
        },
        ..SnapshotWanted::default()
    }
}

pub fn snapshot(aws: &Aws, wanted: SnapshotWanted) -> Snapshot {
    Snapshot::paced(&aws.access(), wanted, PACE)
}

pub fn cluster(aws: &Aws) -> Cluster {
    let wanted = ClusterWanted {
        cluster: PRODUCTION.to_owned(),
        ..ClusterWanted::default()
    };
    Cluster::paced(&aws.access(), wanted, PACE)
}
