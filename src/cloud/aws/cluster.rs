//! An Aurora cluster: a clone that shares its storage until either writes, with one instance.

mod calls;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_rds::types::{
    DbCluster, DbInstance, Filter, ServerlessV2ScalingConfiguration,
    ServerlessV2ScalingConfigurationInfo,
};
use serde_json::Value;

use super::failure::Failure;
use super::place::Setup;
use super::seen::Thing;
use super::{
    Access, Home, PORT, Pace, Place, Policy, Reach, Server, not_the_source, not_understood,
    permissions, same_major, tags, time,
};
use crate::cloud::{
    Account, Blocks, BoxFuture, CloudError, Intended, Looked, Made, Order, Outline, Provider,
};
use crate::postgres::Major;

const ENGINE: &str = "aurora-postgresql";

/// The class whose size is a range of the cluster's.
const SERVERLESS: &str = "db.serverless";

/// Aurora capacity units where production has none: AWS's smallest, and enough for a rehearsal.
const UNITS: (f64, f64) = (0.5, 8.0);

/// What is cloned, and how.
#[derive(Clone, Debug, Default)]
pub struct ClusterWanted {
    /// Production's.
    pub cluster: String,
    pub place: Place,
    /// `None`: production's.
    pub cluster_parameter_group: Option<String>,
    /// `None`: the one that the cluster was made with.
    pub database: Option<String>,
    pub reach: Reach,
}

/// A cluster that is production.
pub struct Cluster {
    home: Arc<Home>,
    wanted: ClusterWanted,
}

/// What is known of production.
struct Source {
    cluster: DbCluster,
    /// The writer, or else any: the clone's is like it.
    instance: DbInstance,
    hosts: Vec<String>,
    version: String,
    user: String,
    database: String,
}

impl Cluster {
    pub fn new(access: &Access, wanted: ClusterWanted) -> Self {
        Self::paced(access, wanted, Pace::default())
    }

    /// The same, with another patience.
    pub fn paced(access: &Access, wanted: ClusterWanted, pace: Pace) -> Self {
        Self {
            home: Arc::new(Home::paced(access, pace)),
            wanted,
        }
    }

    fn needed(&self, keys: &BTreeSet<String>) -> Value {
        permissions(&self.home.access, Policy::Cluster(&self.wanted), keys)
    }

    async fn source(&self) -> Result<Source, CloudError> {
        const DOING: &str = "read production's cluster";
        let wanted = &self.wanted.cluster;
        let wrong = |what: String, hint: &str| CloudError::Source {
            what,
            hint: Some(hint.to_owned()),
        };
        let cluster = self.home.cluster(wanted).await?.ok_or_else(|| {
            wrong(
                format!("there is no cluster `{wanted}` in {}", self.home.describe()),
                "correct the source's `cluster`, `region` or `account`",
            )
        })?;
        if cluster.engine() != Some(ENGINE) {
            return Err(wrong(
                format!(
                    "`{wanted}` runs `{}`, not Aurora PostgreSQL",
                    cluster.engine().unwrap_or("nothing")
                ),
                "name a cluster whose engine is `aurora-postgresql`",
            ));
        }
        let instances = self.instances(&cluster).await?;
        let is_writer = |instance: &DbInstance| {
            let id = instance.db_instance_identifier();
            (cluster.db_cluster_members().iter()).any(|member| {
                member.db_instance_identifier() == id && member.is_cluster_writer() == Some(true)
            })
        };
        let instance = (instances.iter().find(|instance| is_writer(instance)))
            .or(instances.first())
            .cloned()
            .ok_or_else(|| {
                wrong(
                    format!(
                        "`{wanted}` has no instance, and AWS clones only a cluster that has one"
                    ),
                    "add an instance to the cluster",
                )
            })?;
        let database = (self.wanted.database.clone())
            .or_else(|| cluster.database_name().map(str::to_owned))
            .ok_or_else(|| {
                wrong(
                    format!("which database of `{wanted}` is meant can't be told"),
                    "set `source.aurora_clone.database`",
                )
            })?;
        let text =
            |text: Option<&str>| text.map(str::to_owned).ok_or_else(|| not_understood(DOING));
        let hosts = (cluster.endpoint().into_iter())
            .chain(cluster.reader_endpoint())
            .chain(cluster.custom_endpoints().iter().map(String::as_str))
            .chain(
                (instances.iter())
                    .filter_map(|instance| instance.endpoint())
                    .filter_map(|endpoint| endpoint.address()),
            )
            .map(str::to_owned)
            .collect();
        Ok(Source {
            hosts,
            version: text(cluster.engine_version())?,
            user: text(cluster.master_username())?,
            database,
            instance,
            cluster,
        })
    }

    async fn instances(&self, cluster: &DbCluster) -> Result<Vec<DbInstance>, CloudError> {
        let id = cluster.db_cluster_identifier().unwrap_or_default();
        let of = Filter::builder().name("db-cluster-id").values(id).build();
        (self.home.rds().await?)
            .describe_db_instances()
            .filters(of)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<_, _>>()
            .await
            .map_err(|error| Failure::during("list the cluster's instances")(error).into())
    }

    /// Makes the cluster. Monitoring and performance insights stay out of the call, which AWS refuses with
    /// them.
    async fn restore(&self, order: &Order<'_>, source: &Source) -> Result<(), CloudError> {
        let setup = self.setup(source);
        (order.doing)(format!("cloning the cluster `{}`", self.wanted.cluster));
        let restored = (self.home.rds().await?)
            .restore_db_cluster_to_point_in_time()
            .db_cluster_identifier(order.name.as_str())
            .source_db_cluster_identifier(&self.wanted.cluster)
            .restore_type("copy-on-write")
            .use_latest_restorable_time(true)
            .set_tags(Some(tags(order.labels)))
            .copy_tags_to_snapshot(false)
            .set_db_subnet_group_name(setup.subnet_group)
            .set_vpc_security_group_ids(setup.security_groups)
            .set_db_cluster_parameter_group_name(self.cluster_parameter_group(source))
            .set_serverless_v2_scaling_configuration(self.units(source).map(|(least, most)| {
                ServerlessV2ScalingConfiguration::builder()
                    .min_capacity(least)
                    .max_capacity(most)
                    .build()
            }))
            .deletion_protection(false)
            .engine_lifecycle_support(self.wanted.place.extended_support.parameter())
            .send()
            .await
            .map_err(Failure::during("clone the cluster"));
        match restored {
            Ok(_) => Ok(()),
            Err(failure) => {
                self.home
                    .made_after_all(order, Thing::Cluster, failure)
                    .await
            }
        }
    }

    /// A clone has no instance until it is given one.
    async fn add_instance(&self, order: &Order<'_>, source: &Source) -> Result<(), CloudError> {
        (order.doing)("adding an instance to the cluster".to_owned());
        let setup = self.setup(source);
        let added = (self.home.rds().await?)
            .create_db_instance()
            .db_instance_identifier(order.name.as_str())
            .db_cluster_identifier(order.name.as_str())
            .engine(ENGINE)
            .set_db_instance_class(setup.class)
            .set_db_parameter_group_name(setup.parameter_group)
            .set_tags(Some(tags(order.labels)))
            .publicly_accessible(false)
            .auto_minor_version_upgrade(false)
            .send()
            .await
            .map_err(Failure::during("add an instance to the cluster"));
        match added {
            Ok(_) => Ok(()),
            Err(failure) => {
                self.home
                    .made_after_all(order, Thing::Instance, failure)
                    .await
            }
        }
    }

    fn setup(&self, source: &Source) -> Setup {
        let production = &source.cluster;
        (self.wanted.place).beside(
            &source.instance,
            production.db_subnet_group(),
            production.vpc_security_groups(),
        )
    }

    fn cluster_parameter_group(&self, source: &Source) -> Option<String> {
        (self.wanted.cluster_parameter_group.clone()).or_else(|| {
            source
                .cluster
                .db_cluster_parameter_group()
                .map(str::to_owned)
        })
    }

    /// The least and the most capacity units of a serverless instance.
    fn units(&self, source: &Source) -> Option<(f64, f64)> {
        if self.setup(source).class.as_deref() != Some(SERVERLESS) {
            return None;
        }
        let production = source.cluster.serverless_v2_scaling_configuration();
        let least = production.and_then(ServerlessV2ScalingConfigurationInfo::min_capacity);
        let most = production.and_then(ServerlessV2ScalingConfigurationInfo::max_capacity);
        Some((least.unwrap_or(UNITS.0), most.unwrap_or(UNITS.1)))
    }
}

impl Provider for Cluster {
    fn describe(&self) -> String {
        format!(
            "Aurora cluster `{}` of {}",
            self.wanted.cluster,
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
            Ok(Looked {
                major: Major::from_version_text(&source.version),
                // Aurora tells its size only to CloudWatch.
                size: None,
                data_as_of: source.cluster.latest_restorable_time().and_then(time),
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
            let keys: BTreeSet<String> = (source.cluster.kms_key_id().map(str::to_owned))
                .into_iter()
                .collect();
            Ok(Some(self.needed(&keys)))
        })
    }

    fn permissions_unasked(&self) -> Option<Value> {
        Some(self.needed(&BTreeSet::new()))
    }

    fn make<'a>(&'a self, order: &'a Order<'a>) -> BoxFuture<'a, Result<Made, CloudError>> {
        Box::pin(async move {
            const DOING: &str = "read the clone's address";
            self.wanted.reach.check(&self.home.access.region)?;
            let home = &self.home;
            let source = self.source().await?;
            let data_as_of = jiff::Timestamp::now();
            self.restore(order, &source).await?;
            home.ready(order, Thing::Cluster).await?;
            self.add_instance(order, &source).await?;
            home.ready(order, Thing::Instance).await?;
            let clone = home.cluster(order.name.as_str()).await?;
            let clone = clone.ok_or_else(|| not_understood(DOING))?;
            let version = clone.engine_version().unwrap_or(&source.version).to_owned();
            same_major(order, &source.version, &version)?;
            let host = clone.endpoint().ok_or_else(|| not_understood(DOING))?;
            not_the_source(order, host, &source.hosts)?;
            let password = home.rotate(order, Thing::Cluster).await?;
            let port = clone.port().and_then(|port| u16::try_from(port).ok());
            let server = Server {
                host: host.to_owned(),
                port: port.unwrap_or(PORT),
                user: source.user,
                database: source.database,
            };
            let (endpoint, tunnel) =
                (home.reach(order, &self.wanted.reach, server, password)).await?;
            Ok(Made {
                endpoint,
                tunnel,
                source_hosts: source.hosts,
                data_as_of: Some(data_as_of),
                // It may be the newest minor one, whatever production's is.
                version: Some(version),
                blocks: Blocks::There,
            })
        })
    }
}
