//! The way to a server that can't be reached from here: a child process that forwards a port of this
//! machine to it.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::process::RunId;
use crate::process::child::{Program, Running, StartError, describe_status, find_on_path};
use crate::text::redact::Mask;
use crate::text::{human_seconds, one_line};

/// How long a tunnel may take until the server at its other end answers.
const LIMIT: Duration = Duration::from_secs(60);

/// How long one attempt waits for the server's answer.
const ATTEMPT: Duration = Duration::from_secs(5);

const PAUSE: Duration = Duration::from_millis(250);

/// So many of the child's last lines are kept.
const LINES: usize = 20;

/// More of their text is not shown.
const SAID: usize = 400;

/// What every PostgreSQL server answers with one byte: whether it speaks TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

const CLI: &str = "aws";

const PLUGIN: &str = "session-manager-plugin";

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// How a clone is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Connect {
    #[default]
    Direct,
    /// Through an instance that AWS Systems Manager knows.
    Ssm { target: String },
    /// Through what this shell line opens; `{local_port}`, `{host}` and `{port}` are filled in.
    Command { line: String },
}

/// A forwarded port. It closes when this is dropped.
#[derive(Debug)]
pub struct Tunnel {
    port: u16,
    /// Ends with this.
    _child: Child,
}

struct Child(Running);

impl std::fmt::Debug for Child {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.0.shown())
    }
}

/// Where a tunnel leads.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    pub host: &'a str,
    pub port: u16,
    /// The AWS region that it is in.
    pub region: &'a str,
}

#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    #[error("`{program}` is needed for the tunnel and was not found")]
    Missing { program: &'static str },
    #[error("the tunnel's line has no `{placeholder}`")]
    Placeholder { placeholder: &'static str },
    #[error("no port of this machine is free")]
    Port(#[source] std::io::Error),
    #[error("the tunnel could not be started")]
    Start(#[source] StartError),
    #[error(
        "the tunnel ended before the server answered ({how}){}",
        after_colon(said)
    )]
    Ended { how: String, said: String },
    #[error("no server answered through the tunnel within {}{}", human_seconds(*after), after_colon(said))]
    Silent { after: Duration, said: String },
}

fn after_colon(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

impl TunnelError {
    pub fn hint(&self) -> Option<String> {
        let said = match self {
            Self::Missing { program: PLUGIN } => {
                return Some(
                    "install AWS's Session Manager plugin, or reach the clone by `connect: { command: … }`"
                        .to_owned(),
                );
            }
            Self::Missing { .. } => {
                return Some(
                    "install the AWS CLI, or reach the clone by `connect: { command: … }`"
                        .to_owned(),
                );
            }
            Self::Placeholder { .. } => {
                return Some("such as `ssh -N -L {local_port}:{host}:{port} bastion`".to_owned());
            }
            Self::Ended { said, .. } | Self::Silent { said, .. } => said,
            Self::Port(_) | Self::Start(_) => return None,
        };
        let hint = if said.contains("TargetNotConnected") {
            "the instance is not connected to Systems Manager: is it running, with the agent and a role for it?"
        } else if said.contains("AccessDenied") || said.contains("not authorized") {
            "the credentials may not open the session: `pgrehearse plan` prints what they need"
        } else if said.contains("ExpiredToken") {
            "the AWS session has expired: log in again"
        } else {
            "do the clone's security groups let the tunnel's far end in?"
        };
        Some(hint.to_owned())
    }
}

impl Connect {
    /// Checks that what it takes is there, before anything is made.
    pub fn check(&self) -> Result<(), TunnelError> {
        match self {
            Self::Direct => {}
            Self::Ssm { .. } => {
                for program in [CLI, PLUGIN] {
                    if find_on_path(program).is_none() {
                        return Err(TunnelError::Missing { program });
                    }
                }
            }
            Self::Command { line } => {
                for placeholder in ["{local_port}", "{host}"] {
                    if !line.contains(placeholder) {
                        return Err(TunnelError::Placeholder { placeholder });
                    }
                }
            }
        }
        Ok(())
    }

    /// Opens the tunnel and waits until the server answers through it. `None`: none is needed.
    pub async fn open(
        &self,
        to: Destination<'_>,
        run: &RunId,
        by: Instant,
    ) -> Result<Option<Tunnel>, TunnelError> {
        self.check()?;
        if *self == Self::Direct {
            return Ok(None);
        }
        let port = free_port().await.map_err(TunnelError::Port)?;
        let Some(program) = self.program(to, port, run) else {
            return Ok(None);
        };
        let mut running = program
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .start()
            .map_err(TunnelError::Start)?;
        let said = Said::default();
        said.listen(running.child.stdout.take());
        said.listen(running.child.stderr.take());
        let began = Instant::now();
        let by = by.min(began + LIMIT);
        while !answers(port).await {
            let ended = running.child.try_wait().ok().flatten();
            // One that went into the background by itself has ended well.
            if let Some(status) = ended.filter(|status| !status.success()) {
                // The line that says why may still be in the pipe.
                tokio::time::sleep(PAUSE).await;
                return Err(TunnelError::Ended {
                    how: describe_status(status),
                    said: said.text(),
                });
            }
            if Instant::now() + PAUSE > by {
                return Err(TunnelError::Silent {
                    after: began.elapsed(),
                    said: said.text(),
                });
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(Some(Tunnel {
            port,
            _child: Child(running),
        }))
    }

    fn program(&self, to: Destination<'_>, local_port: u16, run: &RunId) -> Option<Program> {
        match self {
            Self::Direct => None,
            Self::Ssm { target } => {
                let parameters = serde_json::json!({
                    "host": [to.host],
                    "portNumber": [to.port.to_string()],
                    "localPortNumber": [local_port.to_string()],
                });
                Some(Program::new(CLI, run).args([
                    "ssm",
                    "start-session",
                    "--region",
                    to.region,
                    "--target",
                    target,
                    "--document-name",
                    super::aws::FORWARDING_DOCUMENT,
                    "--parameters",
                    &parameters.to_string(),
                ]))
            }
            Self::Command { line } => {
                let line = line
                    .replace("{local_port}", &local_port.to_string())
                    .replace("{host}", to.host)
                    .replace("{port}", &to.port.to_string());
                Some(Program::shell(&line, run))
            }
        }
    }
}

impl Tunnel {
    /// Where it begins.
    pub fn address(&self) -> IpAddr {
        LOCAL
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

/// A port that nobody listens at now.
async fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((LOCAL, 0)).await?.local_addr()?.port())
}

/// Whether a PostgreSQL server answers. That something accepts the connection says nothing: a forwarder
/// does before it knows whether there is a server.
async fn answers(port: u16) -> bool {
    let attempt = async {
        let mut stream = TcpStream::connect((LOCAL, port)).await?;
        stream.write_all(&SSL_REQUEST).await?;
        let mut byte = [0];
        stream.read_exact(&mut byte).await
    };
    matches!(tokio::time::timeout(ATTEMPT, attempt).await, Ok(Ok(_)))
}

/// The last of what a child wrote.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<VecDeque<String>>>);

impl Said {
    /// Reads `output` until it closes, so that the child never waits for a reader.
    fn listen(&self, output: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(output) = output else { return };
        let lines = self.0.clone();
        tokio::spawn(async move {
            let mut reader = BufReader::new(output).lines();
            while let Ok(Some(line)) = reader.next_line().await {
                let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == LINES {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        });
    }

    fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: Vec<&str> = lines.iter().map(String::as_str).collect();
        one_line(&Mask::default().apply(&all.join("\n")), SAID)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: Destination<'_> = Destination {
        host: "db.example",
        port: 5432,
        region: "eu-central-1",
    };

    async fn open(line: &str, patience: Duration) -> Result<Option<Tunnel>, TunnelError> {
        let connect = Connect::Command {
            line: line.to_owned(),
        };
        connect
            .open(TO, &RunId::new(), Instant::now() + patience)
            .await
    }

    #[tokio::test]
    async fn a_command_that_ends_is_told_with_what_it_said() {
        let line =
            "echo 'cannot reach postgres://u:hunter2@{host}:{port} by {local_port}' >&2; exit 3";
        let error = open(line, LIMIT).await.expect_err("no tunnel").to_string();
        assert!(error.contains("exit code 3"), "{error}");
        assert!(
            error.contains("cannot reach postgres://u:***@db.example:5432"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[tokio::test]
    async fn silence_has_a_limit() {
        let line = "echo connected; : {local_port} {host}; sleep 60";
        let error = open(line, Duration::from_secs(1))
            .await
            .expect_err("silence");
        assert!(matches!(error, TunnelError::Silent { .. }), "{error}");
        assert!(error.to_string().ends_with("connected"), "{error}");
    }

    #[tokio::test]
    async fn a_line_without_its_port_is_refused() {
        let error = open("ssh -N bastion", LIMIT).await.expect_err("no port");
        assert!(matches!(error, TunnelError::Placeholder { .. }), "{error}");
    }
}
