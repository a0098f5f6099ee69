//! Sources at AWS, as they are written.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::policy::schema::DurationText;

/// An RDS instance: its newest snapshot is restored beside it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRdsSnapshot {
    /// Production's instance.
    #[schemars(length(min = 1))]
    pub instance: String,
    /// The twelve digits of the AWS account; with credentials of any other, nothing is asked.
    #[schemars(length(min = 1))]
    pub account: String,
    /// The AWS region: `eu-central-1`.
    #[schemars(length(min = 1))]
    pub region: String,
    /// The newest snapshot counts up to this age; else a temporary one is taken, and deleted afterwards.
    /// Default: the newest, however old.
    #[schemars(with = "Option<DurationText>")]
    pub max_age: Option<String>,
    /// Always take a temporary snapshot. Default: `false`.
    pub fresh: Option<bool>,
    /// The database in the instance. Default: the one that the instance was made with.
    #[schemars(length(min = 1))]
    pub database: Option<String>,
    /// The clone's class: `db.r6g.large`. Default: production's.
    #[schemars(length(min = 1))]
    pub instance_class: Option<String>,
    /// Where the clone is put. Default: production's subnet group.
    #[schemars(length(min = 1))]
    pub subnet_group: Option<String>,
    /// Who reaches the clone: `sg-…`. Default: production's, in production's subnet group.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub security_groups: Vec<String>,
    /// The clone's parameter group. Default: production's.
    #[schemars(length(min = 1))]
    pub parameter_group: Option<String>,
    /// Whether a clone of a version without support may take part in AWS's paid one. Default: `avoided`.
    pub extended_support: Option<RawExtendedSupport>,
    /// How the clone is reached. Default: directly.
    pub connect: Option<RawConnect>,
    /// The PEM file of the authorities of AWS's certificates. Default: those of RDS in the region,
    /// which are built in for most.
    #[schemars(length(min = 1))]
    pub ca_file: Option<String>,
    /// The clone's age at which `sweep` deletes it, if nothing else has. Default: `12h`.
    #[schemars(with = "Option<DurationText>")]
    pub expires: Option<String>,
    /// How long making the clone may take. Default: `2h`.
    #[schemars(with = "Option<DurationText>")]
    pub ready_within: Option<String>,
}

/// An Aurora cluster, cloned copy-on-write.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawAuroraClone {
    /// Production's cluster.
    #[schemars(length(min = 1))]
    pub cluster: String,
    /// The twelve digits of the AWS account; with credentials of any other, nothing is asked.
    #[schemars(length(min = 1))]
    pub account: String,
    /// The AWS region: `eu-central-1`.
    #[schemars(length(min = 1))]
    pub region: String,
    /// The database in the cluster. Default: the one that the cluster was made with.
    #[schemars(length(min = 1))]
    pub database: Option<String>,
    /// The class of the clone's instance: `db.r6g.large`. Default: production's.
    #[schemars(length(min = 1))]
    pub instance_class: Option<String>,
    /// Where the clone is put. Default: production's subnet group.
    #[schemars(length(min = 1))]
    pub subnet_group: Option<String>,
    /// Who reaches the clone: `sg-…`. Default: production's, in production's subnet group.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub security_groups: Vec<String>,
    /// The parameter group of the clone's instance. Default: production's.
    #[schemars(length(min = 1))]
    pub parameter_group: Option<String>,
    /// The parameter group of the clone's cluster. Default: production's.
    #[schemars(length(min = 1))]
    pub cluster_parameter_group: Option<String>,
    /// Whether a clone of a version without support may take part in AWS's paid one. Default: `avoided`.
    pub extended_support: Option<RawExtendedSupport>,
    /// How the clone is reached. Default: directly.
    pub connect: Option<RawConnect>,
    /// The PEM file of the authorities of AWS's certificates. Default: those of RDS in the region,
    /// which are built in for most.
    #[schemars(length(min = 1))]
    pub ca_file: Option<String>,
    /// The clone's age at which `sweep` deletes it, if nothing else has. Default: `12h`.
    #[schemars(with = "Option<DurationText>")]
    pub expires: Option<String>,
    /// How long making the clone may take. Default: `2h`.
    #[schemars(with = "Option<DurationText>")]
    pub ready_within: Option<String>,
}

/// `avoided` or `paid`.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RawExtendedSupport {
    Avoided,
    Paid,
}

/// How a clone is reached that can't be reached from here. Exactly one key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct RawConnect {
    /// An instance that AWS Systems Manager knows and that forwards a port: `i-0123456789abcdef0`.
    #[schemars(length(min = 1))]
    pub ssm: Option<String>,
    /// A command that forwards `{local_port}` to `{host}` and `{port}`:
    /// `ssh -N -L {local_port}:{host}:{port} bastion`.
    #[schemars(length(min = 1))]
    pub command: Option<String>,
}
