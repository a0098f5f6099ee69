//! AWS: an RDS instance that is restored from production's snapshot, and a copy-on-write clone of an
//! Aurora cluster.
//!
//! Whatever a run makes here has the run's [`CloneName`], each kind of thing in a name space of its own:
//! the instance, the cluster, the temporary snapshot. Both ways give the clone production's master
//! password; it is set anew before the clone is handed on, so that no secret of production is needed.
//!
//! Signing in by `sso` is not built in: it is two more clients of the SDK's, and the AWS CLI hands the
//! keys on, by a profile's `credential_process` too.

mod access;
mod authorities;
mod calls;
mod cluster;
mod failure;
mod list;
mod pace;
mod permissions;
mod place;
mod price;
mod remove;
mod renewal;
mod seen;
mod snapshot;
mod wait;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::OnceCell;

use super::{
    Account, BoxFuture, CloneName, CloudError, Connect, Labels, Order, Patience, Resource, Tunnel,
    tunnel,
};
use crate::postgres::Endpoint;
use crate::postgres::endpoint::{Host, Tls, TlsMode};
use crate::text::Secret;
use access::Clients;

pub use access::{Access, Keys};
pub use cluster::{Cluster, ClusterWanted};
pub use pace::Pace;
pub use permissions::{Policy, permissions};
pub use place::{ExtendedSupport, Place, Storage};
pub use price::hour as hourly_dollars;
pub use renewal::{Renewal, Token};
pub use snapshot::{Choice, Snapshot, SnapshotWanted};

/// The variables that lead to credentials.
pub const CREDENTIALS: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// What Systems Manager calls the forwarding of a port to another host.
pub const FORWARDING_DOCUMENT: &str = "AWS-StartPortForwardingSessionToRemoteHost";

const PORT: u16 = 5432;

/// How a clone is reached.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    pub connect: Connect,
    /// The authorities of its certificate. `None`: RDS's own, of the region.
    pub ca_file: Option<PathBuf>,
}

impl Reach {
    /// Checks, before anything is made, what can be checked.
    fn check(&self, region: &str) -> Result<(), CloudError> {
        self.connect.check()?;
        let (what, cure) = match &self.ca_file {
            Some(path) if !path.is_file() => (format!("there is no file `{}`", path.display()), ""),
            None if authorities::of(region).is_none() => (
                format!(
                    "who signs the certificates of RDS's servers in `{region}` is not known here"
                ),
                "set `ca_file`: ",
            ),
            _ => return Ok(()),
        };
        let hint = format!(
            "{cure}AWS has the authorities at https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
        );
        Err(CloudError::Source {
            what,
            hint: Some(hint),
        })
    }

    /// A file with the authorities of the clone's certificate, in the run's own directory where it is ours.
    fn authorities(&self, region: &str, directory: &Path) -> Result<Option<PathBuf>, CloudError> {
        if let Some(path) = &self.ca_file {
            return Ok(Some(path.clone()));
        }
        let written = authorities::of(region)
            .map(|certificates| authorities::write(certificates, directory))
            .transpose();
        written.map_err(|error| CloudError::Source {
            what: format!(
                "the authorities of the clone's certificate could not be written to `{}`: {error}",
                directory.display()
            ),
            hint: None,
        })
    }
}

/// An account's region, in which clones are made.
pub struct Home {
    access: Access,
    pace: Pace,
    clients: OnceCell<Clients>,
}

/// What is behind an address.
struct Server {
    host: String,
    port: u16,
    user: String,
    database: String,
}

impl Home {
    pub fn new(access: &Access) -> Self {
        Self::paced(access, Pace::default())
    }

    /// The same, with another patience.
    pub fn paced(access: &Access, pace: Pace) -> Self {
        Self {
            access: access.clone(),
            pace,
            clients: OnceCell::new(),
        }
    }

    /// The clients. Every call goes by this, so that none comes before the account is known.
    async fn clients(&self) -> Result<&Clients, CloudError> {
        self.clients
            .get_or_try_init(|| self.access.clients(self.pace))
            .await
    }

    async fn rds(&self) -> Result<&aws_sdk_rds::Client, CloudError> {
        Ok(&self.clients().await?.rds)
    }

    /// A way into a clone, through a tunnel where one is needed.
    async fn reach(
        &self,
        order: &Order<'_>,
        reach: &Reach,
        server: Server,
        password: Secret,
    ) -> Result<(Endpoint, Option<Arc<Tunnel>>), CloudError> {
        if reach.connect != Connect::Direct {
            (order.doing)("opening the tunnel to the clone".to_owned());
        }
        let to = tunnel::Destination {
            host: &server.host,
            port: server.port,
            region: &self.access.region,
        };
        let tunnel = reach.connect.open(to, order.name.run(), order.by).await?;
        let endpoint = Endpoint {
            port: tunnel.as_ref().map_or(server.port, Tunnel::port),
            address: tunnel.as_ref().map(Tunnel::address),
            host: Host::Tcp(server.host),
            user: server.user,
            password: Some(password),
            database: server.database,
            tls: Tls {
                mode: TlsMode::VerifyFull,
                root_certificate: reach.authorities(&self.access.region, order.directory)?,
                client_certificate: None,
            },
        };
        Ok((endpoint, tunnel.map(Arc::new)))
    }
}

impl Account for Home {
    fn describe(&self) -> String {
        format!(
            "AWS account `{}` in `{}`",
            self.access.account, self.access.region
        )
    }

    fn access(&self) -> BoxFuture<'_, Result<super::Access, CloudError>> {
        Box::pin(async {
            let access = self.clients().await?.access(&self.access).await?;
            Ok(super::Access::Aws(Box::new(access)))
        })
    }

    fn remove<'a>(
        &'a self,
        name: &'a CloneName,
        patience: Patience,
    ) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(remove::remove(self, name, patience))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Resource>, CloudError>> {
        Box::pin(list::list(self))
    }
}

/// Our labels in AWS's words, which allow fewer characters.
fn tags(labels: &Labels) -> Vec<aws_sdk_rds::types::Tag> {
    labels
        .pairs()
        .into_iter()
        .map(|(name, value)| {
            let value: String = value
                .chars()
                .map(|character| match character {
                    character if character.is_alphanumeric() => character,
                    ' ' | '_' | '.' | ':' | '/' | '=' | '+' | '-' | '@' => character,
                    _ => '_',
                })
                .take(256)
                .collect();
            aws_sdk_rds::types::Tag::builder()
                .key(name)
                .value(value)
                .build()
        })
        .collect()
}

fn time(at: &aws_sdk_rds::primitives::DateTime) -> Option<Timestamp> {
    Timestamp::new(at.secs(), 0).ok()
}

fn random_password() -> Secret {
    Secret::new(format!("{:032x}", rand::random::<u128>()))
}

/// AWS answered with something that it always has otherwise.
fn not_understood(doing: &str) -> CloudError {
    CloudError::Answer {
        provider: failure::AWS,
        doing: doing.to_owned(),
    }
}

/// Refuses a clone whose host is one of the source's, before anything connects to it.
fn not_the_source(order: &Order<'_>, host: &str, source: &[String]) -> Result<(), CloudError> {
    let host = host.trim_end_matches('.');
    let is_source = (source.iter()).any(|one| one.trim_end_matches('.').eq_ignore_ascii_case(host));
    if is_source {
        return Err(CloudError::NotTheClone {
            name: order.name.clone(),
            why: format!("AWS gave the source's own host `{host}`"),
        });
    }
    Ok(())
}

/// Refuses a clone that AWS has made with another major version than the source's.
fn same_major(order: &Order<'_>, source: &str, clone: &str) -> Result<(), CloudError> {
    let major = |version: &str| version.split('.').next().map(str::to_owned);
    if major(source) == major(clone) {
        return Ok(());
    }
    Err(CloudError::Source {
        what: format!(
            "AWS has made the clone `{}` with version {clone}, and the source is {source}",
            order.name
        ),
        hint: Some(
            "AWS no longer offers the source's version without paid extended support: set `extended_support: paid`, or upgrade production"
                .to_owned(),
        ),
    })
}
