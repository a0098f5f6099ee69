//! Where a database is and how to reach it, in the forms that programs want.

mod parse;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::text::Secret;

pub use parse::ParseError;

/// Everything but letters, digits and `-_.~` is escaped inside a URL.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

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

impl Endpoint {
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

fn encode(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

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
}
