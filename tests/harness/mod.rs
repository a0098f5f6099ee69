//! What tests share: a real server per test process, and a database per case.

#![allow(dead_code, reason = "each test file uses its own part of the harness")]

pub mod aws;
pub mod disk;
pub mod docker;
pub mod fault;
pub mod fixture;
pub mod gate;
pub mod github;
pub mod hold;
pub mod killed;
pub mod processes;
pub mod production;
pub mod provider;
pub mod proxy;
pub mod registry;
pub mod reports;
pub mod told;
pub mod tools;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use pgrehearse::postgres::binaries::{self, Binaries};
use pgrehearse::postgres::settings::{self, Profile};
use pgrehearse::postgres::throwaway::{Throwaway, Wanted};
use pgrehearse::postgres::{Endpoint, Session};
use pgrehearse::process::RunId;
use pgrehearse::process::guard::Guard;

/// A server of the given binaries for the length of a test.
pub struct Server {
    pub throwaway: Throwaway,
    pub run: RunId,
    pub guard: Arc<Guard>,
    databases: AtomicU32,
}

impl Server {
    pub async fn start(binaries: &Binaries) -> Self {
        let run = RunId::new();
        let guard = Arc::new(
            Guard::start(Path::new(env!("CARGO_BIN_EXE_pgrehearse")), &run)
                .expect("the guard starts"),
        );
        let throwaway = Throwaway::start(
            Wanted {
                binaries,
                parent: &std::env::temp_dir(),
                label: "pgrehearse-test",
                settings: settings::of(Profile::Loading, &[], &[]),
                network: None,
            },
            &guard,
        )
        .await
        .expect("the server starts");
        Self {
            throwaway,
            run,
            guard,
            databases: AtomicU32::new(0),
        }
    }

    /// A server of the newest version that is installed.
    pub async fn newest() -> Self {
        Self::start(&binaries::newest(None).expect("a PostgreSQL server is installed")).await
    }

    /// An empty database of its own, and the superuser's way in.
    pub async fn database(&self) -> Endpoint {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("case_{number}");
        self.make_database(&name).await;
        self.throwaway.superuser(&name)
    }

    /// An empty database of that name.
    pub async fn make_database(&self, name: &str) {
        let session = Session::open(&self.throwaway.superuser("postgres"), &[])
            .await
            .expect("the server answers");
        session
            .batch_execute(&format!("create database {name} template template0"))
            .await
            .expect("a database is made");
    }

    /// An empty database in which `sql` has run.
    pub async fn database_with(&self, sql: &str) -> Endpoint {
        let endpoint = self.database().await;
        let session = Session::open(&endpoint, &[])
            .await
            .expect("the server answers");
        if let Err(error) = session.batch_execute(sql).await {
            panic!("the test's own SQL failed: {error:?}\n{sql}");
        }
        endpoint
    }
}

/// Every supported version that is installed, oldest first, one entry a major.
pub fn installed_majors() -> Vec<Binaries> {
    let mut all = binaries::installed(None);
    all.retain(|binaries| binaries::SUPPORTED.contains(&binaries.major.0));
    all.sort_by(|a, b| (a.major, &a.version).cmp(&(b.major, &b.version)));
    all.dedup_by_key(|binaries| binaries.major);
    all
}
