//! Where a clone is put, and on what: what the policy says, and otherwise what production has.

use aws_sdk_rds::types::{DbInstance, VpcSecurityGroupMembership};

use crate::cloud::calls::Detail;

/// Taking part in extended support costs by the hour and the processor, and is the default of every call
/// that makes something.
const NOT_EXTENDED: &str = "open-source-rds-extended-support-disabled";

const EXTENDED: &str = "open-source-rds-extended-support";

/// From this size on, in GiB, `gp3` has operations a second that can be chosen.
const LARGE: i32 = 400;

/// Where a clone is put. What is not set is as production has it.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub instance_class: Option<String>,
    pub subnet_group: Option<String>,
    /// Empty: production's, if the subnet group is production's too.
    pub security_groups: Vec<String>,
    pub parameter_group: Option<String>,
    pub extended_support: ExtendedSupport,
}

/// Whether a clone of a version that its community has given up takes part in AWS's paid support.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtendedSupport {
    /// AWS makes the clone of such a version with a later one; that is an error here.
    #[default]
    Avoided,
    Paid,
}

impl ExtendedSupport {
    pub(super) fn parameter(self) -> &'static str {
        match self {
            Self::Avoided => NOT_EXTENDED,
            Self::Paid => EXTENDED,
        }
    }
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// `gp3`, `io2`.
    pub kind: String,
    pub iops: Option<i32>,
    /// MiB a second.
    pub throughput: Option<i32>,
}

/// What a clone is put into: the calls that make it and the description of them are both of this.
#[derive(Clone, Debug, Default)]
pub(super) struct Setup {
    pub class: Option<String>,
    pub subnet_group: Option<String>,
    pub security_groups: Option<Vec<String>>,
    pub parameter_group: Option<String>,
}

impl Place {
    /// Beside production, unless the policy says otherwise.
    pub(super) fn beside(
        &self,
        production: &DbInstance,
        subnet_group: Option<&str>,
        security_groups: &[VpcSecurityGroupMembership],
    ) -> Setup {
        Setup {
            class: (self.instance_class.clone())
                .or_else(|| production.db_instance_class().map(str::to_owned)),
            subnet_group: self.subnet_group(subnet_group),
            security_groups: self.security_groups(security_groups),
            parameter_group: self.parameter_group(production),
        }
    }

    fn subnet_group(&self, production: Option<&str>) -> Option<String> {
        (self.subnet_group.clone()).or_else(|| production.map(str::to_owned))
    }

    /// Production's groups are of its own VPC: in another, AWS's default for that has to do.
    fn security_groups(&self, production: &[VpcSecurityGroupMembership]) -> Option<Vec<String>> {
        if !self.security_groups.is_empty() {
            return Some(self.security_groups.clone());
        }
        if self.subnet_group.is_some() {
            return None;
        }
        let groups: Vec<String> = (production.iter())
            .filter_map(|group| group.vpc_security_group_id().map(str::to_owned))
            .collect();
        Some(groups).filter(|groups| !groups.is_empty())
    }

    /// Left to itself, AWS takes the default one, and the clone plans and locks as production does not.
    fn parameter_group(&self, production: &DbInstance) -> Option<String> {
        (self.parameter_group.clone()).or_else(|| {
            let group = production.db_parameter_groups().first()?;
            group.db_parameter_group_name().map(str::to_owned)
        })
    }
}

impl Setup {
    /// Where it is, in the order that people look for it.
    pub(super) fn place(&self) -> Vec<Detail> {
        let groups = (self.security_groups.as_ref()).map_or_else(
            || "the VPC's default one".to_owned(),
            |groups| groups.join(", "),
        );
        (self.subnet_group.iter())
            .map(|group| ("subnet group", group.clone()))
            .chain([("security groups", groups)])
            .collect()
    }

    pub(super) fn class(&self) -> Option<Detail> {
        Some(("class", self.class.clone()?))
    }

    pub(super) fn parameter_group(&self) -> Option<Detail> {
        Some(("parameter group", self.parameter_group.clone()?))
    }
}

impl Storage {
    /// As production has it. Left to itself, AWS takes `gp3` whatever production has, without what was
    /// paid for beside it.
    pub(super) fn like(production: &DbInstance) -> Option<Self> {
        let kind = production.storage_type()?.to_owned();
        let is_large = production.allocated_storage().unwrap_or_default() >= LARGE;
        let (iops, throughput) = match kind.as_str() {
            "io1" | "io2" => (production.iops(), None),
            "gp3" if is_large => (production.iops(), production.storage_throughput()),
            _ => (None, None),
        };
        Some(Self {
            kind,
            iops,
            throughput,
        })
    }
}
