//! Where a database is and how to reach it, in the forms that programs want.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::text::Secret;

/// Everything but letters, digits and `-_.~` is escaped inside a URL.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

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

/// One database as one role.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub host: Host,
    pub port: u16,
    pub user: String,
    pub password: Option<Secret>,
    pub database: String,
    pub tls: Tls,
    /// Where `host` is reached instead of where its name leads, as by a tunnel (`hostaddr`). The name
    /// stays what the certificate is checked against.
    pub address: Option<IpAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Tcp(String),
    /// The directory of a Unix socket.
    Socket(PathBuf),
}

/// How the connection is protected, with libpq's meaning of each mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    pub mode: TlsMode,
    /// PEM file of the authorities to trust (`sslrootcert`).
    pub root_certificate: Option<PathBuf>,
    /// PEM files of the client's certificate and key (`sslcert`, `sslkey`).
    pub client_certificate: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsMode {
    Disable,
    /// Encrypt if the server offers it.
    #[default]
    Prefer,
    /// Encrypt; do not check who answers.
    Require,
    /// Encrypt and check the certificate's chain.
    VerifyCa,
    /// Encrypt, check the chain and the host name.
    VerifyFull,
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

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

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

    /// Whether this is a port of that host.
    pub fn is_at(&self, other: &str) -> bool {
        let other = other.trim_end_matches('.');
        matches!(&self.host, Host::Tcp(host) if host.trim_end_matches('.').eq_ignore_ascii_case(other))
    }

    /// The same server and role, another database.
    pub fn with_database(&self, database: impl Into<String>) -> Self {
        Self {
            database: database.into(),
            ..self.clone()
        }
    }

    /// The URL, password included: for a child's environment, never for a log.
    ///
    /// Few tools know `hostaddr`, and some take it for a setting of the server's. So an address stands in
    /// the host's place, and `verify-full`, which could not hold for it, becomes `verify-ca`.
    pub fn url(&self) -> Secret {
        if let Some(address) = self.address {
            let mut plain = Self {
                host: Host::Tcp(address.to_string()),
                address: None,
                ..self.clone()
            };
            if plain.tls.mode == TlsMode::VerifyFull {
                plain.tls.mode = TlsMode::VerifyCa;
            }
            return plain.url();
        }
        let mut url = format!("postgres://{}", encode(&self.user));
        if let Some(password) = &self.password {
            url.push(':');
            url.push_str(&encode(password.expose()));
        }
        url.push('@');
        let mut parameters = Vec::new();
        match &self.host {
            Host::Tcp(host) if host.contains(':') => url.push_str(&format!("[{host}]")),
            Host::Tcp(host) => url.push_str(host),
            Host::Socket(directory) => {
                // Parsers of URLs want a host; the parameter wins over it.
                url.push_str("localhost");
                parameters.push(("host", directory.to_string_lossy().into_owned()));
            }
        }
        url.push_str(&format!(":{}/{}", self.port, encode(&self.database)));
        if self.tls.mode != TlsMode::Prefer {
            parameters.push(("sslmode", self.tls.mode.as_str().to_owned()));
        }
        if let Some(path) = &self.tls.root_certificate {
            parameters.push(("sslrootcert", path.to_string_lossy().into_owned()));
        }
        if let Some((certificate, key)) = &self.tls.client_certificate {
            parameters.push(("sslcert", certificate.to_string_lossy().into_owned()));
            parameters.push(("sslkey", key.to_string_lossy().into_owned()));
        }
        for (index, (name, value)) in parameters.iter().enumerate() {
            url.push(if index == 0 { '?' } else { '&' });
            url.push_str(&format!("{name}={}", encode(value)));
        }
        Secret::new(url)
    }

    /// `jdbc:postgresql://host:port/database`; user and password travel apart, as JDBC tools want.
    pub fn jdbc_url(&self) -> String {
        let address = self.address.map(|address| address.to_string());
        let host = match &self.host {
            Host::Tcp(host) => address.as_deref().unwrap_or(host),
            // JDBC has no Unix sockets; a server of ours listens on loopback as well.
            Host::Socket(_) => "127.0.0.1",
        };
        format!(
            "jdbc:postgresql://{host}:{}/{}",
            self.port,
            encode(&self.database)
        )
    }

    /// The variables that libpq reads, for our own calls of `psql`, `pg_dump` and `pg_restore`: a
    /// password in the arguments would be seen by every user of the machine.
    pub fn libpq_variables(&self) -> Vec<(&'static str, Secret)> {
        let host = match &self.host {
            Host::Tcp(host) => host.clone(),
            Host::Socket(directory) => directory.to_string_lossy().into_owned(),
        };
        let mut variables = vec![
            ("PGHOST", Secret::new(host)),
            ("PGPORT", Secret::new(self.port.to_string())),
            ("PGUSER", Secret::new(self.user.clone())),
            ("PGDATABASE", Secret::new(self.database.clone())),
            ("PGSSLMODE", Secret::new(self.tls.mode.as_str())),
        ];
        if let Some(password) = &self.password {
            variables.push(("PGPASSWORD", password.clone()));
        }
        if let Some(address) = self.address {
            variables.push(("PGHOSTADDR", Secret::new(address.to_string())));
        }
        let mut file = |name, path: &PathBuf| {
            variables.push((name, Secret::new(path.to_string_lossy())));
        };
        if let Some(path) = &self.tls.root_certificate {
            file("PGSSLROOTCERT", path);
        }
        if let Some((certificate, key)) = &self.tls.client_certificate {
            file("PGSSLCERT", certificate);
            file("PGSSLKEY", key);
        }
        variables
    }
}

/// `user@host:port/database`: enough to know which, nothing to get in with.
impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match &self.host {
            Host::Tcp(host) => host.as_str().into(),
            Host::Socket(directory) => directory.to_string_lossy(),
        };
        write!(
            formatter,
            "{}@{host}:{}/{}",
            self.user, self.port, self.database
        )
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Endpoint({self})")
    }
}

/// Stands for a host that is not written: `postgres://user@/database?host=/socket`.
const NO_HOST: &str = "no-host.invalid";

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

fn encode(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, Host, ParseError, TlsMode};

    #[test]
    fn a_url_survives_the_round_trip() {
        for url in [
            "postgres://app@db.example:5432/shop",
            "postgres://app:p%40ss%2Fword@db.example:6432/shop?sslmode=verify-full&sslrootcert=%2Fca.pem",
            "postgres://app@localhost:5432/shop?host=%2Fvar%2Frun%2Fpostgresql",
            "postgres://app@[::1]:5432/a%20b",
        ] {
            let endpoint = Endpoint::parse(url).expect(url);
            assert_eq!(endpoint.url().expose(), url);
        }
    }

    #[test]
    fn display_has_no_password() {
        let endpoint = Endpoint::parse("postgresql://app:hunter2@h/shop").expect("valid");
        assert_eq!(endpoint.to_string(), "app@h:5432/shop");
        assert!(!format!("{endpoint:?}").contains("hunter2"));
        assert_eq!(endpoint.jdbc_url(), "jdbc:postgresql://h:5432/shop");
    }

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
    fn an_address_leaves_the_name_for_tls() {
        let text = "postgres://u@db.example:1/d?hostaddr=127.0.0.1&sslmode=verify-full";
        let endpoint = Endpoint::parse(text).expect("valid");
        assert!(endpoint.is_at("db.example"));
        let variables = endpoint.libpq_variables();
        for (name, value) in [
            ("PGHOST", "db.example"),
            ("PGHOSTADDR", "127.0.0.1"),
            ("PGSSLMODE", "verify-full"),
        ] {
            let found = variables.iter().find(|(known, _)| *known == name);
            assert_eq!(found.map(|(_, value)| value.expose()), Some(value));
        }
        assert_eq!(
            endpoint.url().expose(),
            "postgres://u@127.0.0.1:1/d?sslmode=verify-ca"
        );
        assert_eq!(endpoint.jdbc_url(), "jdbc:postgresql://127.0.0.1:1/d");
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
