//! A session with a server, and errors that say what was being done.

use std::ops::Deref;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};

use super::endpoint::{Endpoint, Host, TlsMode};
use super::server_error::ServerError;
use super::tls;

/// How long a server may take to answer a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long it may take, once connected, until it lets us in. Something that accepts connections and
/// never answers is no server.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(30);

/// What `application_name` says of our sessions, so that our own traces can leave them out.
pub const APPLICATION_NAME: &str = "pgrehearse";

/// Production's own limits are set on the clone's server as well, for the migration's sessions; ours
/// must be able to count a large table.
const NO_LIMITS: &[(&str, &str)] = &[
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
];

/// Values that travel as text mean the same to both servers under these, whatever each has as its
/// default: under another `datestyle` the third of April comes in as the fourth of March.
pub const PLAIN_TEXT: [(&str, &str); 5] = [
    ("datestyle", "ISO, MDY"),
    ("intervalstyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
    ("lc_monetary", "C"),
];

/// An open session. It closes when it is dropped.
pub struct Session {
    client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Session {
    /// Connects, with `settings` in force from the first statement on.
    pub async fn open(
        endpoint: &Endpoint,
        settings: &[(&str, &str)],
    ) -> Result<Self, ConnectError> {
        let failed = |source: ConnectFailure| ConnectError {
            endpoint: endpoint.to_string(),
            source,
        };
        let config = config(endpoint, settings);
        let connecting = async {
            Ok(
                if endpoint.tls.mode == TlsMode::Disable || matches!(endpoint.host, Host::Socket(_))
                {
                    let (client, connection) = config.connect(NoTls).await?;
                    (client, tokio::spawn(drive(connection)))
                } else {
                    let connector = tls::connector(&endpoint.tls)?;
                    let (client, connection) = config.connect(connector).await?;
                    (client, tokio::spawn(drive(connection)))
                },
            )
        };
        let (client, driver) = tokio::time::timeout(CONNECT_TIMEOUT + LOGIN_TIMEOUT, connecting)
            .await
            .unwrap_or_else(|_| {
                Err(ConnectFailure::Network(
                    "it accepts connections and does not answer".to_owned(),
                ))
            })
            .map_err(failed)?;
        Ok(Self { client, driver })
    }

    /// Like [`Client::batch_execute`], saying what it was for when it fails.
    pub async fn run(&self, sql: &str, doing: &'static str) -> Result<(), QueryError> {
        self.client
            .batch_execute(sql)
            .await
            .map_err(|error| QueryError::new(doing, &error))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // The client learns of the end by its own requests failing; the log is for people.
    if let Err(error) = connection.await {
        tracing::debug!(%error, "a connection ended");
    }
}

fn config(endpoint: &Endpoint, settings: &[(&str, &str)]) -> Config {
    let mut config = Config::new();
    config
        .user(&endpoint.user)
        .dbname(&endpoint.database)
        .port(endpoint.port)
        .connect_timeout(CONNECT_TIMEOUT)
        .application_name(APPLICATION_NAME)
        .ssl_mode(match endpoint.tls.mode {
            TlsMode::Disable => SslMode::Disable,
            TlsMode::Prefer => SslMode::Prefer,
            TlsMode::Require | TlsMode::VerifyCa | TlsMode::VerifyFull => SslMode::Require,
        });
    match &endpoint.host {
        Host::Tcp(host) => config.host(host),
        Host::Socket(directory) => config.host_path(directory),
    };
    if let Some(address) = endpoint.address {
        config.hostaddr(address);
    }
    if let Some(password) = &endpoint.password {
        config.password(password.expose());
    }
    let options: Vec<String> = NO_LIMITS
        .iter()
        .chain(settings)
        .map(|(name, value)| {
            let escaped = value.replace('\\', "\\\\").replace(' ', "\\ ");
            format!("-c {name}={escaped}")
        })
        .collect();
    config.options(options.join(" "));
    config
}

/// A server could not be reached, or did not let us in.
#[derive(Debug, thiserror::Error)]
#[error("could not connect to `{endpoint}`")]
pub struct ConnectError {
    pub endpoint: String,
    pub source: ConnectFailure,
}

#[derive(Debug, thiserror::Error)]
pub enum ConnectFailure {
    #[error(transparent)]
    Server(ServerError),
    #[error("{0}")]
    Network(String),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
}

impl From<tokio_postgres::Error> for ConnectFailure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(error) => Self::Server(ServerError::from_db(error)),
            None => Self::Network(chain(&error)),
        }
    }
}

impl ConnectError {
    pub fn hint(&self) -> Option<String> {
        match &self.source {
            ConnectFailure::Server(error) => match error.sqlstate.as_str() {
                "28P01" | "28000" => Some("check user and password".to_owned()),
                "3D000" => Some("check the database's name".to_owned()),
                "53300" => Some("the server has no connection to spare".to_owned()),
                _ => None,
            },
            ConnectFailure::Tls(error) => error.hint(),
            ConnectFailure::Network(_) => None,
        }
    }
}

/// A statement of ours failed.
#[derive(Debug, thiserror::Error)]
#[error("could not {doing}")]
pub struct QueryError {
    pub doing: &'static str,
    pub source: QueryFailure,
}

#[derive(Debug, thiserror::Error)]
pub enum QueryFailure {
    #[error(transparent)]
    Server(#[from] ServerError),
    /// The connection is gone: the server died, or the network did.
    #[error("the connection was lost: {0}")]
    Lost(String),
    #[error("{0}")]
    Client(String),
}

impl QueryError {
    pub fn new(doing: &'static str, error: &tokio_postgres::Error) -> Self {
        let source = match error.as_db_error() {
            Some(error) => QueryFailure::Server(ServerError::from_db(error)),
            None if error.is_closed() => QueryFailure::Lost("the server closed it".to_owned()),
            None => QueryFailure::Client(chain(error)),
        };
        Self { doing, source }
    }

    pub fn server_error(&self) -> Option<&ServerError> {
        match &self.source {
            QueryFailure::Server(error) => Some(error),
            _ => None,
        }
    }
}

/// Says what a statement was for when it fails.
pub trait During<T> {
    fn during(self, doing: &'static str) -> Result<T, QueryError>;
}

impl<T> During<T> for Result<T, tokio_postgres::Error> {
    fn during(self, doing: &'static str) -> Result<T, QueryError> {
        self.map_err(|error| QueryError::new(doing, &error))
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
