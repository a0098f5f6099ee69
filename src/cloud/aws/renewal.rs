//! Where another process gets new credentials from when the ones that it was handed are over.

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::{StaticConfiguration, WebIdentityTokenCredentialsProvider};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_rds::config::SharedCredentialsProvider;
use serde::{Deserialize, Serialize};

/// What a process with an empty environment needs to get credentials by itself. A machine's own role
/// needs nothing.
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
        Some(Self::WebIdentity {
            role: variable("AWS_ROLE_ARN")?,
            session: variable("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| "pgrehearse".to_owned()),
            token_file: variable("AWS_WEB_IDENTITY_TOKEN_FILE")?,
        })
    }

    pub(super) fn provider(&self, config: &ProviderConfig) -> SharedCredentialsProvider {
        match self {
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
        }
    }
}
