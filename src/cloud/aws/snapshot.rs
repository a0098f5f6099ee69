//! An RDS instance: its newest snapshot, or a temporary one, restored beside it.

mod calls;
mod choice;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_rds::types::DbInstance;
use serde_json::Value;

use super::failure::Failure;
use super::place::Setup;
use super::remove;
use super::seen::Thing;
use super::{
    Access, Home, PORT, Pace, Place, Policy, Reach, Server, Storage, not_the_source,
    not_understood, permissions, same_major, tags,
};
use crate::cloud::{
    Account, Blocks, BoxFuture, CloudError, Intended, Looked, Made, Order, Outline, Provider,
};
use crate::postgres::Major;

const ENGINE: &str = "postgres";

pub use choice::Choice;
use choice::{Used, Whose};

/// What is cloned, and how.
#[derive(Clone, Debug, Default)]
pub struct SnapshotWanted {
    /// Production's.
    pub instance: String,
    pub choice: Choice,
    pub place: Place,
    /// `None`: as production has it.
    pub storage: Option<Storage>,
    /// `None`: the one that the instance was made with.
    pub database: Option<String>,
    pub reach: Reach,
}

/// An instance that is production.
pub struct Snapshot {
    home: Arc<Home>,
    wanted: SnapshotWanted,
}

/// What is known of production.
struct Source {
    instance: DbInstance,
    version: String,
    host: String,
    user: String,
    database: String,
}

impl Snapshot {
    pub fn new(access: &Access, wanted: SnapshotWanted) -> Self {
        Self::paced(access, wanted, Pace::default())
    }

    /// The same, with another patience.
    pub fn paced(access: &Access, wanted: SnapshotWanted, pace: Pace) -> Self {
        Self {
            home: Arc::new(Home::paced(access, pace)),
            wanted,
        }
    }

    fn needed(&self, keys: &BTreeSet<String>) -> Value {
        permissions(&self.home.access, Policy::Snapshot(&self.wanted), keys)
    }

    async fn source(&self) -> Result<Source, CloudError> {
        const DOING: &str = "read production's instance";
        let wanted = &self.wanted.instance;
        let wrong = |what: String, hint: &str| CloudError::Source {
            what,
            hint: Some(hint.to_owned()),
        };
        let instance = self.home.instance(wanted).await?.ok_or_else(|| {
            wrong(
                format!(
                    "there is no instance `{wanted}` in {}",
                    self.home.describe()
                ),
                "correct the source's `instance`, `region` or `account`",
            )
        })?;
        match instance.engine() {
            Some(ENGINE) => {}
            Some("aurora-postgresql") => {
                return Err(wrong(
                    format!("`{wanted}` is an instance of an Aurora cluster"),
                    "clone its cluster, with `source.aurora_clone`",
                ));
            }
            engine => {
                return Err(wrong(
                    format!(
                        "`{wanted}` runs `{}`, not PostgreSQL",
                        engine.unwrap_or("nothing")
                    ),
                    "name an instance whose engine is `postgres`",
                ));
            }
        }
        let database = (self.wanted.database.clone())
            .or_else(|| instance.db_name().map(str::to_owned))
            .ok_or_else(|| {
                wrong(
                    format!("which database of `{wanted}` is meant can't be told"),
                    "set `source.rds_snapshot.database`",
                )
            })?;
        let text =
            |text: Option<&str>| text.map(str::to_owned).ok_or_else(|| not_understood(DOING));
        let endpoint = instance.endpoint().and_then(|endpoint| endpoint.address());
        Ok(Source {
            version: text(instance.engine_version())?,
            host: text(endpoint)?,
            user: text(instance.master_username())?,
            database,
            instance,
        })
    }

    fn setup(&self, source: &Source) -> Setup {
        let production = &source.instance;
        let subnet_group = (production.db_subnet_group())
            .and_then(aws_sdk_rds::types::DbSubnetGroup::db_subnet_group_name);
        let security_groups = production.vpc_security_groups();
        (self.wanted.place).beside(production, subnet_group, security_groups)
    }

    fn storage(&self, source: &Source) -> Option<Storage> {
        (self.wanted.storage.clone()).or_else(|| Storage::like(&source.instance))
    }

    async fn restore(
        &self,
        order: &Order<'_>,
        source: &Source,
        used: &Used,
    ) -> Result<(), CloudError> {
        let setup = self.setup(source);
        let storage = self.storage(source);
        (order.doing)(format!("restoring the snapshot `{}`", used.id));
        let restored = (self.home.rds().await?)
            .restore_db_instance_from_db_snapshot()
            .db_instance_identifier(order.name.as_str())
            .db_snapshot_identifier(&used.id)
            .set_db_instance_class(setup.class)
            // Without tags of its own the clone would wear production's.
            .set_tags(Some(tags(order.labels)))
            .copy_tags_to_snapshot(false)
            .set_db_subnet_group_name(setup.subnet_group)
            .set_vpc_security_group_ids(setup.security_groups)
            .set_db_parameter_group_name(setup.parameter_group)
            .publicly_accessible(false)
            .deletion_protection(false)
            .multi_az(false)
            .auto_minor_version_upgrade(false)
            // A backup of the clone would only hold it up.
            .backup_retention_period(0)
            .engine_lifecycle_support(self.wanted.place.extended_support.parameter())
            .set_storage_type(storage.as_ref().map(|storage| storage.kind.clone()))
            .set_iops(storage.as_ref().and_then(|storage| storage.iops))
            .set_storage_throughput(storage.as_ref().and_then(|storage| storage.throughput))
            .send()
            .await
            .map_err(Failure::during("restore the snapshot"));
        match restored {
            Ok(_) => Ok(()),
            Err(failure) => {
                self.home
                    .made_after_all(order, Thing::Instance, failure)
                    .await
            }
        }
    }
}

impl Provider for Snapshot {
    fn describe(&self) -> String {
        format!(
            "RDS instance `{}` of {}",
            self.wanted.instance,
            self.home.describe()
        )
    }

    fn account(&self) -> Arc<dyn Account> {
        self.home.clone()
    }

    fn look(&self) -> BoxFuture<'_, Result<Looked, CloudError>> {
        Box::pin(async {
            self.wanted.reach.check(&self.home.access.region)?;
            let source = self.source().await?;
            let newest = self.newest(&source).await?;
            if newest.is_none() {
                self.can_be_taken(&source)?;
            }
            Ok(Looked {
                major: Major::from_version_text(&source.version),
                // What is allocated says little of what is in it; the clone itself is asked.
                size: None,
                data_as_of: newest.and_then(|used| used.data_as_of),
                database: Some(source.database),
                version: Some(source.version),
            })
        })
    }

    fn outline<'a>(&'a self, intended: Intended<'a>) -> BoxFuture<'a, Result<Outline, CloudError>> {
        Box::pin(self.calls(intended))
    }

    fn permissions(&self) -> BoxFuture<'_, Result<Option<Value>, CloudError>> {
        Box::pin(async {
            let source = self.source().await?;
            let newest = self.newest(&source).await?;
            let keys: BTreeSet<String> = (source.instance.kms_key_id().map(str::to_owned))
                .into_iter()
                .chain(newest.and_then(|used| used.key))
                .collect();
            Ok(Some(self.needed(&keys)))
        })
    }

    fn permissions_unasked(&self) -> Option<Value> {
        Some(self.needed(&BTreeSet::new()))
    }

    fn make<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Made, CloudError>> {
        Box::pin(async move {
            self.wanted.reach.check(&self.home.access.region)?;
            let home = &self.home;
            let source = self.source().await?;
            let used = match self.newest(&source).await? {
                Some(used) => used,
                None => self.take(order, &source).await?,
            };
            self.restore(order, &source, &used).await?;
            home.ready(order, Thing::Instance).await?;
            if used.of == Whose::Ours {
                // One that can't be removed now is removed with the clone.
                if let Ok(Some(seen)) = home.look_at(Thing::Snapshot, order.name).await
                    && seen.is_of(order.name)
                    && let Err(asked) = remove::delete(home, order.name, &seen).await
                {
                    let why = CloudError::from(asked).to_string();
                    tracing::debug!(why, "the temporary snapshot was not removed yet");
                }
            }
            let clone = home.instance(order.name.as_str()).await?;
            let version = (clone.as_ref())
                .and_then(|clone| clone.engine_version())
                .unwrap_or(&source.version)
                .to_owned();
            same_major(order, &source.version, &version)?;
            let endpoint = (clone.as_ref()).and_then(DbInstance::endpoint);
            let host = endpoint
                .and_then(|endpoint| endpoint.address())
                .ok_or_else(|| not_understood("read the clone's address"))?
                .to_owned();
            let port = endpoint
                .and_then(aws_sdk_rds::types::Endpoint::port)
                .and_then(|port| u16::try_from(port).ok())
                .unwrap_or(PORT);
            let source_hosts = vec![source.host];
            not_the_source(order, &host, &source_hosts)?;
            let password = home.rotate(order, Thing::Instance).await?;
            let server = Server {
                host,
                port,
                user: source.user,
                database: source.database,
            };
            let (endpoint, tunnel) =
                (home.reach(order, &self.wanted.reach, server, password)).await?;
            Ok(Made {
                endpoint,
                tunnel,
                source_hosts,
                data_as_of: used.data_as_of,
                version: Some(version),
                // A restored volume's blocks come from S3 as they are first read.
                blocks: Blocks::Lazy,
            })
        })
    }
}
