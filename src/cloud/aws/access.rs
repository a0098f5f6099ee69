//! Who we are at AWS: credentials, the clients that are made with them, and the account that they are of.

use std::time::{Duration, UNIX_EPOCH};

use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_rds::config::{
    Credentials, ProvideCredentials as _, RuntimeComponents, SharedCredentialsProvider,
    SharedHttpClient,
};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::failure::{Failure, chain};
use super::{Pace, Renewal};
use crate::cloud::CloudError;

/// Credentials that end sooner are not begun with.
const SOON: Duration = Duration::from_secs(60);

/// A way into an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Credentials of any other account are refused.
    pub account: String,
    pub region: String,
    /// Where the services are asked instead of at AWS.
    pub rds_url: Option<String>,
    pub sts_url: Option<String>,
    /// `None`: what this process has, by the SDK's default chain.
    pub keys: Option<Keys>,
    /// Where new keys come from when these are over.
    pub renewal: Option<Renewal>,
}

/// Credentials as they were resolved.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
    pub expires: Option<Timestamp>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Keys")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Clients whose credentials are known to be of the account.
pub(super) struct Clients {
    pub rds: aws_sdk_rds::Client,
    pub credentials: SharedCredentialsProvider,
    pub rds_url: Option<String>,
    pub sts_url: Option<String>,
}

impl Access {
    /// With what this process has: variables, a profile, a token, a machine's role.
    pub fn new(account: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            region: region.into(),
            rds_url: None,
            sts_url: None,
            keys: None,
            renewal: None,
        }
    }

    /// Begins the ARN of whatever is in the account and region: `arn:aws:rds:eu-central-1:123456789012`.
    pub(super) fn arn(&self, service: &str) -> String {
        let partition = match self.region.split('-').next() {
            Some("cn") => "aws-cn",
            Some("us") if self.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        format!("arn:{partition}:{service}:{}:{}", self.region, self.account)
    }

    /// The clients. Nothing is asked before the account is known to be the right one.
    pub(super) async fn clients(&self, pace: Pace) -> Result<Clients, CloudError> {
        let config = self.config(pace).await?;
        let credentials = config.credentials_provider().ok_or_else(no_credentials)?;
        credentials
            .provide_credentials()
            .await
            .map_err(|error| no_credentials_because(&chain(&error)))?;
        // The clients have the shared URL by themselves; the guard has neither's variables.
        let own = |variable| std::env::var(variable).ok().filter(|url| !url.is_empty());
        let shared = config.endpoint_url().map(str::to_owned);
        let url_of = |given: &Option<String>, variable| {
            given
                .clone()
                .or_else(|| own(variable))
                .or_else(|| shared.clone())
        };
        let clients = Clients {
            rds_url: url_of(&self.rds_url, "AWS_ENDPOINT_URL_RDS"),
            sts_url: url_of(&self.sts_url, "AWS_ENDPOINT_URL_STS"),
            rds: {
                let mut builder = aws_sdk_rds::config::Builder::from(&config);
                if let Some(url) = &self.rds_url {
                    builder = builder.endpoint_url(url);
                }
                aws_sdk_rds::Client::from_conf(builder.build())
            },
            credentials,
        };
        let mut builder = aws_sdk_sts::config::Builder::from(&config);
        if let Some(url) = &self.sts_url {
            builder = builder.endpoint_url(url);
        }
        let sts = aws_sdk_sts::Client::from_conf(builder.build());
        let who = sts
            .get_caller_identity()
            .send()
            .await
            .map_err(Failure::during("read whose the credentials are"))?;
        match who.account() {
            Some(account) if account == self.account => Ok(clients),
            account => Err(CloudError::Source {
                what: format!(
                    "the AWS credentials are of account `{}`, not of `{}`",
                    account.unwrap_or("unknown"),
                    self.account
                ),
                hint: Some(
                    "use credentials of that account, or correct the source's `account`; nothing else was asked"
                        .to_owned(),
                ),
            }),
        }
    }

    async fn config(&self, pace: Pace) -> Result<aws_config::SdkConfig, CloudError> {
        let http = http_client();
        let region = Region::new(self.region.clone());
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(region.clone())
            .http_client(http.clone())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(pace.attempts)
                    .with_initial_backoff(pace.again),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(pace.answer / 2)
                    .operation_attempt_timeout(pace.answer)
                    .build(),
            );
        let valid = (self.keys.as_ref()).filter(|keys| !keys.are_over());
        if let Some(keys) = valid {
            loader = loader.credentials_provider(keys.credentials());
        } else if let Some(renewal) = &self.renewal {
            let config = ProviderConfig::without_region()
                .with_region(Some(region))
                .with_http_client(http);
            loader = loader.credentials_provider(renewal.provider(&config).await?);
        }
        Ok(loader.load().await)
    }
}

impl Clients {
    /// The same access, for a process that has nothing.
    pub async fn access(&self, access: &Access) -> Result<Access, CloudError> {
        let resolved = (self.credentials.provide_credentials().await)
            .map_err(|error| no_credentials_because(&chain(&error)))?;
        Ok(Access {
            rds_url: self.rds_url.clone(),
            sts_url: self.sts_url.clone(),
            keys: Some(Keys::of(&resolved)),
            renewal: access.renewal.clone().or_else(Renewal::of_this_process),
            ..access.clone()
        })
    }
}

impl Keys {
    fn of(credentials: &Credentials) -> Self {
        let expires = credentials
            .expiry()
            .and_then(|at| Timestamp::try_from(at).ok());
        Self {
            id: credentials.access_key_id().to_owned(),
            secret: credentials.secret_access_key().to_owned(),
            token: credentials.session_token().map(str::to_owned),
            expires,
        }
    }

    fn are_over(&self) -> bool {
        self.expires
            .is_some_and(|expires| Timestamp::now() + SOON > expires)
    }

    pub(super) fn credentials(&self) -> Credentials {
        let expires = self.expires.and_then(|expires| {
            let seconds = u64::try_from(expires.as_second()).ok()?;
            Some(UNIX_EPOCH + Duration::from_secs(seconds))
        });
        Credentials::new(
            &self.id,
            &self.secret,
            self.token.clone(),
            expires,
            "pgrehearse",
        )
    }
}

/// A client with the one TLS that we have, and the proxy that the variables name.
fn http_client() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let mut builder = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .proxy_config(ProxyConfig::from_env());
        if let Some(settings) = settings {
            builder = builder.connector_settings(settings.clone());
        }
        builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
        builder.build()
    })
}

fn no_credentials() -> CloudError {
    no_credentials_because("nothing in the environment, no profile, no role of the machine")
}

pub(super) fn no_credentials_because(why: &str) -> CloudError {
    // Signing in by a browser is left out of the build; the CLI does it and hands the keys on.
    let by_browser = ["sso", "credentials-login"]
        .iter()
        .any(|feature| why.contains(feature));
    CloudError::Source {
        what: format!("there are no AWS credentials: {why}"),
        hint: Some(if by_browser {
            "run `eval \"$(aws configure export-credentials --format env)\"` first".to_owned()
        } else {
            "set `AWS_PROFILE`, or `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or let the job assume a role"
                .to_owned()
        }),
    }
}
