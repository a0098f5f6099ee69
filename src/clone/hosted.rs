//! A clone that a provider makes: used where it is, or read as a live database and given back.

use jiff::Timestamp;
use tokio::time::Instant;

use super::database::DatabaseSource;
use super::{BoxFuture, CloneError, Fetched, InPlace, Inspected, Source, quiet, room};
use crate::cloud::{self, CloneName, Labels, Order};
use crate::context::Context;
use crate::policy::{Hosted, LockTimeout, Target};
use crate::postgres::session::During as _;
use crate::postgres::tools::Tools;
use crate::postgres::{Major, binaries};
use crate::verdict::Stage;

/// How long reading the clone waits for a lock. Nobody else is in it.
const LOCK_TIMEOUT: LockTimeout = LockTimeout(std::time::Duration::from_secs(60));

pub(super) struct HostedSource {
    pub hosted: Hosted,
}

impl Source for HostedSource {
    fn describe(&self) -> String {
        self.hosted
            .provider()
            .map_or_else(|error| error.to_string(), |provider| provider.describe())
    }

    fn inspect<'a>(&'a self, _: &'a Context) -> BoxFuture<'a, Result<Inspected, CloneError>> {
        Box::pin(async {
            let looked = self.hosted.provider()?.look().await?;
            if let Some(major) = looked.major {
                supported(major, looked.version.as_deref())?;
            }
            Ok(Inspected {
                major: looked.major,
                version: looked.version,
                size: looked.size,
                data_as_of: looked.data_as_of,
                database: looked.database,
                ..Inspected::default()
            })
        })
    }

    fn fetch<'a>(
        &'a self,
        context: &'a Context,
        inspected: &'a Inspected,
        tools: &'a Tools,
    ) -> BoxFuture<'a, Result<Fetched, CloneError>> {
        Box::pin(async {
            let provider = self.hosted.provider()?;
            let name = CloneName::new(&context.policy.name, &context.run);
            let asked = Instant::now();
            let doing = |text: String| context.progress.doing(Stage::Clone, text);
            let made = context
                .ledger
                .make(
                    provider.as_ref(),
                    &Order {
                        name: &name,
                        labels: &Labels {
                            run: context.run.clone(),
                            expires: Timestamp::now() + self.hosted.expires,
                            source: provider.describe(),
                            made_by: made_by(),
                        },
                        directory: context.workspace.path(),
                        by: asked + self.hosted.ready_within,
                        doing: &doing,
                    },
                )
                .await?;
            let session = cloud::prove(&name, &made, asked).await?;
            let quiet = quiet::make(&made.endpoint, &session).await?;
            let version: String = session
                .query_one("select current_setting('server_version')", &[])
                .await
                .during("read the clone's version")?
                .get(0);
            let major =
                Major::from_version_text(&version).ok_or_else(|| CloneError::Unsupported {
                    found: version.clone(),
                })?;
            supported(major, Some(&version))?;
            let size: i64 = session
                .query_one("select pg_database_size(current_database())", &[])
                .await
                .during("read the clone's size")?
                .get(0);
            let size = size.unsigned_abs();
            drop(session);
            room::allowed(&context.policy, size)?;
            room::enough(&context.policy, size)?;
            if matches!(context.policy.target, Target::InPlace) {
                return Ok(Fetched::InPlace(Box::new(InPlace {
                    name,
                    endpoint: made.endpoint,
                    version,
                    data_as_of: made.data_as_of,
                    blocks: made.blocks,
                    disarmed: quiet.disarmed,
                    caveat: quiet.caveat,
                })));
            }
            let inspected = Inspected {
                major: Some(major),
                size: Some(size),
                ..inspected.clone()
            };
            let database = DatabaseSource {
                endpoint: made.endpoint,
                lock_timeout: LOCK_TIMEOUT,
            };
            let mut fetched = database.fetch(context, &inspected, tools).await?;
            if let Fetched::Data { caveat, .. } = &mut fetched {
                *caveat = quiet.caveat;
            }
            Ok(fetched)
        })
    }
}

fn supported(major: Major, version: Option<&str>) -> Result<(), CloneError> {
    if binaries::SUPPORTED.contains(&major.0) {
        return Ok(());
    }
    Err(CloneError::Unsupported {
        found: version.map_or_else(|| major.to_string(), str::to_owned),
    })
}

/// The job that this is, for whoever finds the clone later.
fn made_by() -> String {
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let job = || {
        Some(format!(
            "{}/{}/actions/runs/{}",
            variable("GITHUB_SERVER_URL")?,
            variable("GITHUB_REPOSITORY")?,
            variable("GITHUB_RUN_ID")?
        ))
    };
    job()
        .or_else(|| variable("CI_JOB_URL"))
        .or_else(|| nix::unistd::gethostname().ok()?.into_string().ok())
        .unwrap_or_else(|| "unknown".to_owned())
}
