//! Sources that a provider clones.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::Context;
use crate::cloud::{self, CloudError, Provider, aws, dblab, neon};
use crate::policy::path::Path;
use crate::policy::raw::{RawDblab, RawNeon};
use crate::policy::units;
use crate::text::Secret;

const NEON: &str = "https://console.neon.tech/api/v2";

const EXPIRES: Duration = Duration::from_hours(6);

const READY_WITHIN: Duration = Duration::from_mins(10);

/// A source that a provider clones.
#[derive(Clone, Debug)]
pub struct Hosted {
    pub by: ProviderOf,
    /// The clone's age at which its provider may delete it, or `sweep` does.
    pub expires: Duration,
    pub ready_within: Duration,
}

#[derive(Clone)]
pub enum ProviderOf {
    RdsSnapshot(aws::Access, Box<aws::SnapshotWanted>),
    AuroraClone(aws::Access, Box<aws::ClusterWanted>),
    Neon(neon::Access, neon::Wanted),
    Dblab(dblab::Access, dblab::Wanted),
}

/// Keys and tokens are in it.
impl std::fmt::Debug for ProviderOf {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::RdsSnapshot(..) => "RdsSnapshot",
            Self::AuroraClone(..) => "AuroraClone",
            Self::Neon(..) => "Neon",
            Self::Dblab(..) => "Dblab",
        })
    }
}

impl Hosted {
    /// Who clones it.
    pub fn provider(&self) -> Result<Arc<dyn Provider>, CloudError> {
        Ok(match &self.by {
            ProviderOf::RdsSnapshot(access, wanted) => {
                Arc::new(aws::Snapshot::new(access, wanted.as_ref().clone()))
            }
            ProviderOf::AuroraClone(access, wanted) => {
                Arc::new(aws::Cluster::new(access, wanted.as_ref().clone()))
            }
            ProviderOf::Neon(access, wanted) => Arc::new(neon::Neon::new(access, wanted.clone())?),
            ProviderOf::Dblab(access, wanted) => {
                Arc::new(dblab::Dblab::new(access, wanted.clone())?)
            }
        })
    }

    /// Where its clones live.
    pub fn access(&self) -> cloud::Access {
        match &self.by {
            ProviderOf::RdsSnapshot(access, _) | ProviderOf::AuroraClone(access, _) => {
                cloud::Access::Aws(Box::new(access.clone()))
            }
            ProviderOf::Neon(access, _) => cloud::Access::Neon(access.clone()),
            ProviderOf::Dblab(access, _) => cloud::Access::Dblab(access.clone()),
        }
    }

    /// What of it no output may show. What AWS is asked with is not the policy's.
    pub fn secret(&self) -> Option<Secret> {
        match &self.by {
            ProviderOf::RdsSnapshot(..) | ProviderOf::AuroraClone(..) => None,
            ProviderOf::Neon(access, _) => Some(Secret::new(&access.key)),
            ProviderOf::Dblab(access, _) => Some(Secret::new(&access.token)),
        }
    }

    /// The environment variables by which its provider may be asked, that the policy does not name.
    pub fn variables(&self) -> &'static [&'static str] {
        match &self.by {
            ProviderOf::RdsSnapshot(..) | ProviderOf::AuroraClone(..) => aws::CREDENTIALS,
            ProviderOf::Neon(..) | ProviderOf::Dblab(..) => &[],
        }
    }
}

pub(super) fn neon(raw: &RawNeon, at: &Path, context: &mut Context<'_>) -> Option<Hosted> {
    let api = context.parsed(
        &at.key("api"),
        raw.api.as_deref().unwrap_or(NEON),
        units::http_url,
    );
    let expires = duration(raw.expires.as_deref(), EXPIRES, &at.key("expires"), context);
    let ready_within = duration(
        raw.ready_within.as_deref(),
        READY_WITHIN,
        &at.key("ready_within"),
        context,
    );
    Some(Hosted {
        by: ProviderOf::Neon(
            neon::Access {
                api: api?,
                project: raw.project.clone(),
                key: raw.api_key.clone(),
            },
            neon::Wanted {
                branch: raw.branch.clone(),
                database: raw.database.clone(),
                role: raw.role.clone(),
            },
        ),
        expires: expires?,
        ready_within: ready_within?,
    })
}

pub(super) fn dblab(raw: &RawDblab, at: &Path, context: &mut Context<'_>) -> Option<Hosted> {
    let api: Option<Url> = context.parsed(&at.key("url"), &raw.url, units::http_url);
    let max_age = match raw.max_age.as_deref() {
        Some(text) => Some(context.parsed(&at.key("max_age"), text, units::duration)?),
        None => None,
    };
    let expires = duration(raw.expires.as_deref(), EXPIRES, &at.key("expires"), context);
    let ready_within = duration(
        raw.ready_within.as_deref(),
        READY_WITHIN,
        &at.key("ready_within"),
        context,
    );
    Some(Hosted {
        by: ProviderOf::Dblab(
            dblab::Access {
                api: api?,
                token: raw.token.clone(),
            },
            dblab::Wanted {
                branch: raw.branch.clone(),
                database: raw.database.clone(),
                max_age,
            },
        ),
        expires: expires?,
        ready_within: ready_within?,
    })
}

pub(super) fn duration(
    text: Option<&str>,
    default: Duration,
    path: &Path,
    context: &mut Context<'_>,
) -> Option<Duration> {
    match text {
        Some(text) => context.parsed(path, text, units::duration),
        None => Some(default),
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::parse;

    const RDS: &str =
        "rds_snapshot: { instance: prod, account: \"123456789012\", region: eu-central-1 }";

    const AURORA: &str =
        "aurora_clone: { cluster: prod, account: \"123456789012\", region: eu-central-1 }";

    const NEON: &str = "neon: { project: shop-1, api_key: \"${KEY}\" }";

    #[test]
    fn what_a_provider_is_asked_with_is_no_commands() {
        for (source, withheld) in [
            (RDS, "AWS_SESSION_TOKEN"),
            (AURORA, "AWS_SESSION_TOKEN"),
            (NEON, "KEY"),
        ] {
            let text = format!(
                "version: 1\nsource: {{ {source} }}\nmigrations: {{ command: \"true\" }}\n"
            );
            let key = |_: &str| Some("napi_a-key".to_owned());
            let policy = parse("pgrehearse.yml".as_ref(), &text, key).expect("a policy");
            assert!(policy.variables.contains(withheld), "{source}");
        }
    }
}
