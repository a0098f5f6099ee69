//! Where another process gets new credentials from when the ones that it was handed are over.

use std::time::Duration;

use aws_config::imds;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_rds::config::SharedCredentialsProvider;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Keys;
use super::access::no_credentials_because;
use crate::cloud::CloudError;

/// Where ECS has the endpoint that a relative URI is of.
const CONTAINER: &str = "http://169.254.170.2";

/// How long that may take to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// What a process with an empty environment needs to get credentials by itself. A machine's own role
/// needs nothing: it is where the SDK looks last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Renewal {
    /// A token of the CI system's, for a role.
    WebIdentity {
        role: String,
        session: String,
        token_file: String,
    },
    Profile {
        name: String,
        config: Option<String>,
        credentials: Option<String>,
    },
    /// The endpoint that a container on ECS or EKS has for its own role.
    Container { url: String, token: Option<Token> },
    /// The metadata of a machine, where it is not where all machines have it.
    Instance { endpoint: String },
}

/// What a container shows to its endpoint.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Token {
    Value(String),
    /// It changes, and is read each time.
    File(String),
}

impl std::fmt::Debug for Token {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Value(_) => formatter.write_str("Token"),
            Self::File(path) => formatter.debug_tuple("Token").field(path).finish(),
        }
    }
}

impl Renewal {
    /// What this process's own variables lead to. Keys in variables are for nothing but their time.
    pub(super) fn of_this_process() -> Option<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        if variable("AWS_ACCESS_KEY_ID").is_some() {
            return None;
        }
        if let Some(name) = variable("AWS_PROFILE") {
            let below_home = |path| Some(format!("{}/.aws/{path}", variable("HOME")?));
            return Some(Self::Profile {
                name,
                config: variable("AWS_CONFIG_FILE").or_else(|| below_home("config")),
                credentials: variable("AWS_SHARED_CREDENTIALS_FILE")
                    .or_else(|| below_home("credentials")),
            });
        }
        let role = variable("AWS_ROLE_ARN").zip(variable("AWS_WEB_IDENTITY_TOKEN_FILE"));
        if let Some((role, token_file)) = role {
            return Some(Self::WebIdentity {
                role,
                session: variable("AWS_ROLE_SESSION_NAME")
                    .unwrap_or_else(|| "pgrehearse".to_owned()),
                token_file,
            });
        }
        let url = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
            .map(|path| format!("{CONTAINER}{path}"))
            .or_else(|| variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
        if let Some(url) = url {
            let token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
                .map(Token::File)
                .or_else(|| variable("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Token::Value));
            return Some(Self::Container { url, token });
        }
        let endpoint = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT")?;
        Some(Self::Instance { endpoint })
    }

    /// Where the SDK gets credentials by it.
    pub(super) async fn provider(
        &self,
        config: &ProviderConfig,
    ) -> Result<SharedCredentialsProvider, CloudError> {
        Ok(match self {
            Self::Container { url, token } => {
                let keys = container(url, token.as_ref()).await;
                let keys = keys.map_err(|why| no_credentials_because(&why))?;
                SharedCredentialsProvider::new(keys.credentials())
            }
            Self::Instance { endpoint } => {
                let client = imds::Client::builder()
                    .configure(config)
                    .endpoint(endpoint)
                    .map_err(|error| no_credentials_because(&error.to_string()))?
                    .build();
                SharedCredentialsProvider::new(
                    ImdsCredentialsProvider::builder()
                        .configure(config)
                        .imds_client(client)
                        .build(),
                )
            }
            Self::WebIdentity {
                role,
                session,
                token_file,
            } => SharedCredentialsProvider::new(
                WebIdentityTokenCredentialsProvider::builder()
                    .configure(config)
                    .static_configuration(StaticConfiguration {
                        web_identity_token_file: token_file.into(),
                        role_arn: role.clone(),
                        session_name: session.clone(),
                    })
                    .build(),
            ),
            Self::Profile {
                name,
                config: config_file,
                credentials,
            } => {
                let mut files = EnvConfigFiles::builder();
                if let Some(path) = config_file {
                    files = files.with_file(EnvConfigFileKind::Config, path);
                }
                if let Some(path) = credentials {
                    files = files.with_file(EnvConfigFileKind::Credentials, path);
                }
                SharedCredentialsProvider::new(
                    ProfileFileCredentialsProvider::builder()
                        .configure(config)
                        .profile_files(files.build())
                        .profile_name(name)
                        .build(),
                )
            }
        })
    }
}

/// New keys of a container's own role. The SDK finds that endpoint by variables alone, which the guard has
/// none of.
async fn container(url: &str, token: Option<&Token>) -> Result<Keys, String> {
    let token = match token {
        None => None,
        Some(Token::Value(token)) => Some(token.clone()),
        Some(Token::File(path)) => {
            let text = tokio::fs::read_to_string(path).await;
            let text = text.map_err(|error| format!("`{path}`: {error}"))?;
            Some(text.trim().to_owned())
        }
    };
    let unreadable =
        |error: reqwest::Error| format!("the container's endpoint: {}", error.without_url());
    // Whoever was first has installed the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(ANSWER)
        .build()
        .map_err(unreadable)?;
    let mut request = client.get(url);
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    let answer = request.send().await.map_err(unreadable)?;
    let answer = answer.error_for_status().map_err(unreadable)?;
    let given: Given = answer.json().await.map_err(unreadable)?;
    Ok(Keys {
        id: given.access_key_id,
        secret: given.secret_access_key,
        token: Some(given.token),
        expires: Some(given.expiration),
    })
}

/// What the endpoint answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Given {
    access_key_id: String,
    secret_access_key: String,
    token: String,
    expiration: Timestamp,
}
