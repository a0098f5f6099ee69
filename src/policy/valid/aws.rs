//! Sources at AWS.

use std::path::PathBuf;
use std::time::Duration;

use super::Context;
use super::cloud::{Hosted, ProviderOf, duration};
use crate::cloud::Connect;
use crate::cloud::aws::{
    Access, Choice, ClusterWanted, ExtendedSupport, Place, Reach, SnapshotWanted,
};
use crate::policy::path::Path;
use crate::policy::raw::{RawAuroraClone, RawConnect, RawExtendedSupport, RawRdsSnapshot};
use crate::policy::units;

const EXPIRES: Duration = Duration::from_hours(12);

const READY_WITHIN: Duration = Duration::from_hours(2);

pub(super) fn rds_snapshot(
    raw: &RawRdsSnapshot,
    at: &Path,
    context: &mut Context<'_>,
) -> Option<Hosted> {
    let access = access(&raw.account, &raw.region, at, context);
    let choice = match (&raw.max_age, raw.fresh) {
        (Some(_), Some(true)) => {
            context.problem_of_key(
                &at.key("max_age"),
                "`max_age` says nothing beside `fresh: true`",
                Some("leave one of the two out".to_owned()),
            );
            None
        }
        (None, Some(true)) => Some(Choice::Fresh),
        (None, _) => Some(Choice::Newest),
        (Some(text), _) => context
            .parsed(&at.key("max_age"), text, units::duration)
            .map(|max_age| Choice::UpTo { max_age }),
    };
    let reach = reach(raw.connect.as_ref(), raw.ca_file.as_deref(), at, context);
    let times = times(
        raw.expires.as_deref(),
        raw.ready_within.as_deref(),
        at,
        context,
    );
    let (expires, ready_within) = times?;
    Some(Hosted {
        by: ProviderOf::RdsSnapshot(
            access?,
            Box::new(SnapshotWanted {
                instance: raw.instance.clone(),
                choice: choice?,
                place: Place {
                    instance_class: raw.instance_class.clone(),
                    subnet_group: raw.subnet_group.clone(),
                    security_groups: raw.security_groups.clone(),
                    parameter_group: raw.parameter_group.clone(),
                    extended_support: extended_support(raw.extended_support),
                },
                storage: None,
                database: raw.database.clone(),
                reach: reach?,
            }),
        ),
        expires,
        ready_within,
    })
}

pub(super) fn aurora_clone(
    raw: &RawAuroraClone,
    at: &Path,
    context: &mut Context<'_>,
) -> Option<Hosted> {
    let access = access(&raw.account, &raw.region, at, context);
    let reach = reach(raw.connect.as_ref(), raw.ca_file.as_deref(), at, context);
    let times = times(
        raw.expires.as_deref(),
        raw.ready_within.as_deref(),
        at,
        context,
    );
    let (expires, ready_within) = times?;
    Some(Hosted {
        by: ProviderOf::AuroraClone(
            access?,
            Box::new(ClusterWanted {
                cluster: raw.cluster.clone(),
                place: Place {
                    instance_class: raw.instance_class.clone(),
                    subnet_group: raw.subnet_group.clone(),
                    security_groups: raw.security_groups.clone(),
                    parameter_group: raw.parameter_group.clone(),
                    extended_support: extended_support(raw.extended_support),
                },
                cluster_parameter_group: raw.cluster_parameter_group.clone(),
                database: raw.database.clone(),
                reach: reach?,
            }),
        ),
        expires,
        ready_within,
    })
}

fn access(account: &str, region: &str, at: &Path, context: &mut Context<'_>) -> Option<Access> {
    let account = context.parsed(&at.key("account"), account, |text| {
        let is_one = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_one
            .then(|| text.to_owned())
            .ok_or_else(|| "expected the twelve digits of an AWS account, in quotes".to_owned())
    });
    Some(Access::new(account?, region))
}

fn reach(
    connect: Option<&RawConnect>,
    ca_file: Option<&str>,
    at: &Path,
    context: &mut Context<'_>,
) -> Option<Reach> {
    let ca_file: Option<PathBuf> =
        ca_file.map(|file| context.existing_file(&at.key("ca_file"), file));
    let connect = match connect {
        None => Connect::Direct,
        Some(raw) => {
            let here = at.key("connect");
            let set = [
                ("ssm", raw.ssm.is_some()),
                ("command", raw.command.is_some()),
            ];
            context.exactly_one(&here, &set)?;
            match (&raw.ssm, &raw.command) {
                (Some(target), _) => Connect::Ssm {
                    target: target.clone(),
                },
                (None, line) => Connect::Command {
                    line: line.clone()?,
                },
            }
        }
    };
    Some(Reach { connect, ca_file })
}

fn times(
    expires: Option<&str>,
    ready_within: Option<&str>,
    at: &Path,
    context: &mut Context<'_>,
) -> Option<(Duration, Duration)> {
    let expires = duration(expires, EXPIRES, &at.key("expires"), context);
    let ready_within = duration(ready_within, READY_WITHIN, &at.key("ready_within"), context);
    Some((expires?, ready_within?))
}

fn extended_support(raw: Option<RawExtendedSupport>) -> ExtendedSupport {
    match raw {
        None | Some(RawExtendedSupport::Avoided) => ExtendedSupport::Avoided,
        Some(RawExtendedSupport::Paid) => ExtendedSupport::Paid,
    }
}
