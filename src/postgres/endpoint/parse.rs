//! Reading a `postgres://` URL as people and tools write it.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Url;

use super::{Endpoint, Host, Tls, TlsMode};
use crate::text::Secret;

/// Parameters that other tools put into a PostgreSQL URL and that change nothing for us.
const FOREIGN_PARAMETERS: &[&str] = &[
    "schema",
    "pgbouncer",
    "connection_limit",
    "pool_timeout",
    "pool_size",
    "socket_timeout",
    "statement_cache_size",
    "sslaccept",
    "channel_binding",
    "gssencmode",
    "target_session_attrs",
    "fallback_application_name",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
];

/// Stands for a host that is not written: `postgres://user@/database?host=/socket`.
const NO_HOST: &str = "no-host.invalid";

/// Why a text is no endpoint. Never holds the text: a password may be in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("must be a URL such as `postgres://user@host:5432/database`")]
    NotAUrl,
    #[error("must begin with `postgres://` or `postgresql://`")]
    Scheme,
    #[error("names several hosts; one is needed")]
    SeveralHosts,
    #[error("names no host")]
    NoHost,
    #[error("names no database")]
    NoDatabase,
    #[error("names no user")]
    NoUser,
    #[error("has an unknown parameter `{0}`")]
    Parameter(String),
    #[error("has `sslmode={0}`; known are disable, prefer, require, verify-ca, verify-full")]
    SslMode(String),
    #[error("has a `hostaddr` that is no IP address")]
    HostAddress,
    #[error("has `sslcert` without `sslkey`, or the other way round")]
    HalfCertificate,
}

impl Endpoint {
    /// Reads a `postgres://` URL. Unknown parameters are refused: `sslmod=verify-full` must not
    /// quietly mean no verification.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let Some((scheme, _)) = text.split_once("://") else {
            return Err(ParseError::NotAUrl);
        };
        if scheme != "postgres" && scheme != "postgresql" {
            return Err(ParseError::Scheme);
        }
        let url = Url::parse(&with_some_host(text)?).map_err(|_| ParseError::NotAUrl)?;
        let mut endpoint = Self {
            host: Host::Tcp(decode(
                url.host_str().unwrap_or_default().trim_matches(['[', ']']),
            )),
            port: url.port().unwrap_or(5432),
            user: decode(url.username()),
            password: url.password().map(|password| Secret::new(decode(password))),
            database: decode(url.path().trim_start_matches('/')),
            tls: Tls::default(),
            address: None,
        };
        endpoint.read_parameters(&url)?;
        match &endpoint.host {
            Host::Tcp(host) if host == NO_HOST => return Err(ParseError::NoHost),
            Host::Tcp(host) if host.starts_with('/') => {
                endpoint.host = Host::Socket(host.into());
            }
            _ => {}
        }
        if endpoint.user.is_empty() {
            return Err(ParseError::NoUser);
        }
        if endpoint.database.is_empty() {
            return Err(ParseError::NoDatabase);
        }
        Ok(endpoint)
    }

    fn read_parameters(&mut self, url: &Url) -> Result<(), ParseError> {
        let (mut certificate, mut key) = (None, None);
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            match name.as_ref() {
                "host" => self.host = Host::Tcp(value),
                "hostaddr" => {
                    self.address = Some(value.parse().map_err(|_| ParseError::HostAddress)?);
                }
                "port" => self.port = value.parse().map_err(|_| ParseError::NotAUrl)?,
                "user" => self.user = value,
                "password" => self.password = Some(Secret::new(value)),
                "dbname" => self.database = value,
                "sslmode" => {
                    self.tls.mode = TlsMode::parse(&value).ok_or(ParseError::SslMode(value))?;
                }
                "sslrootcert" => self.tls.root_certificate = Some(value.into()),
                "sslcert" => certificate = Some(PathBuf::from(value)),
                "sslkey" => key = Some(PathBuf::from(value)),
                "connect_timeout" | "application_name" | "options" => {}
                name if FOREIGN_PARAMETERS.contains(&name) => {}
                name => return Err(ParseError::Parameter(name.to_owned())),
            }
        }
        self.tls.client_certificate = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => return Err(ParseError::HalfCertificate),
        };
        Ok(())
    }
}

impl TlsMode {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "disable" => Self::Disable,
            "allow" | "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => return None,
        })
    }
}

/// `text` with a host for the URL parser, which refuses an empty one.
fn with_some_host(text: &str) -> Result<String, ParseError> {
    let (scheme, rest) = text.split_once("://").ok_or(ParseError::NotAUrl)?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (format!("{user}@"), host),
        None => (String::new(), authority),
    };
    if host.contains(',') {
        return Err(ParseError::SeveralHosts);
    }
    let placeholder = if host.is_empty() || host.starts_with(':') {
        NO_HOST
    } else {
        ""
    };
    Ok(format!("{scheme}://{user}{placeholder}{host}{path}"))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Host, ParseError, TlsMode};

    #[test]
    fn sockets_and_modes_are_read() {
        for url in [
            "postgres://u@%2Ftmp%2Fs:5433/d",
            "postgres://u@:5433/d?host=/tmp/s",
            "postgres://u@/d?host=/tmp/s&port=5433",
        ] {
            let endpoint = Endpoint::parse(url).expect(url);
            assert_eq!(endpoint.host, Host::Socket("/tmp/s".into()), "{url}");
            assert_eq!(endpoint.port, 5433, "{url}");
        }
        let endpoint = Endpoint::parse("postgres://u@h/d").expect("valid");
        assert_eq!(endpoint.tls.mode, TlsMode::Prefer);
    }

    #[test]
    fn what_is_wrong_is_said_without_the_text() {
        let cases = [
            ("host=db dbname=shop", ParseError::NotAUrl),
            ("mysql://u@h/d", ParseError::Scheme),
            ("postgres://u@a,b/d", ParseError::SeveralHosts),
            ("postgres://u@/d", ParseError::NoHost),
            ("postgres://u@h/", ParseError::NoDatabase),
            ("postgres://h/d", ParseError::NoUser),
            (
                "postgres://u@h/d?sslmod=verify-full",
                ParseError::Parameter("sslmod".into()),
            ),
            (
                "postgres://u@h/d?sslmode=full",
                ParseError::SslMode("full".into()),
            ),
            (
                "postgres://u@h/d?hostaddr=localhost",
                ParseError::HostAddress,
            ),
            ("postgres://u@h/d?sslkey=k", ParseError::HalfCertificate),
        ];
        for (text, error) in cases {
            assert_eq!(Endpoint::parse(text), Err(error), "{text}");
        }
    }
}
