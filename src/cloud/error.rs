//! What went wrong with a provider: what was being done, what was answered, what helps.

use std::time::Duration;

use super::CloneName;
use super::tunnel::TunnelError;
use crate::postgres::session::{ConnectError, ConnectFailure, QueryError};
use crate::text::human_seconds;
use crate::verdict::Explained;

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What was being done: `make a branch`.
    pub doing: String,
    /// The HTTP status.
    pub status: u16,
    /// What the provider says of it, one line.
    pub said: String,
    /// What helps, where that is known.
    pub hint: Option<String>,
    pub lacks: Lacks,
    pub by: Speaker,
}

/// Whose words an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaker {
    /// The service's own, in its own form.
    Service,
    /// Something's between us and the service, for all that can be told: a proxy while that starts anew.
    Anybody,
}

/// What a refusal is for want of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacks {
    /// Whoever asks is known, and may not do it.
    Permission,
    Other,
}

#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    #[error("{provider} refused to {} ({}): {}", refusal.doing, refusal.status, refusal.said)]
    Refused {
        provider: &'static str,
        refusal: Refusal,
    },
    #[error("{provider} could not be reached to {doing}: {why}")]
    Unreachable {
        provider: &'static str,
        doing: String,
        why: String,
    },
    #[error("{provider} answered what can't be understood, asked to {doing}")]
    Answer {
        provider: &'static str,
        doing: String,
    },
    #[error("{what}")]
    Source { what: String, hint: Option<String> },
    #[error("the clone `{name}` was not ready within {}: {state}", human_seconds(*after))]
    NotReady {
        name: CloneName,
        after: Duration,
        state: String,
    },
    #[error("the clone `{name}` ended in state `{state}`")]
    Failed {
        name: CloneName,
        state: String,
        hint: Option<String>,
    },
    #[error("the clone `{name}` is not gone {} after it was asked to be removed", human_seconds(*after))]
    NotGone { name: CloneName, after: Duration },
    #[error("what answers for the clone `{name}` is not the clone: {why}")]
    NotTheClone { name: CloneName, why: String },
    #[error("the guard process is gone; nothing is made that could be left behind")]
    Guard(#[source] std::io::Error),
    #[error("could not connect to the clone `{name}`")]
    Connect {
        name: CloneName,
        source: ConnectError,
    },
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    #[error(transparent)]
    Query(#[from] QueryError),
}

impl Explained for CloudError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { refusal, .. } => refusal.hint.clone(),
            Self::Source { hint, .. } | Self::Failed { hint, .. } => hint.clone(),
            Self::NotReady { .. } => {
                Some("give it more time with the source's `ready_within`".to_owned())
            }
            Self::NotGone { name, .. } => Some(format!(
                "look again with `pgrehearse sweep --run-id {}`",
                name.run()
            )),
            Self::NotTheClone { .. } => Some(
                "nothing was written to it; if this is the provider's fault, tell it".to_owned(),
            ),
            Self::Connect { source, .. } => not_let_in(source),
            Self::Tunnel(error) => error.hint(),
            _ => None,
        }
    }
}

/// What helps where the clone does not let us in. Its password was set by the run, so it can't be a wrong
/// one in the policy.
fn not_let_in(error: &ConnectError) -> Option<String> {
    match &error.source {
        ConnectFailure::Server(server) if server.sqlstate == "28P01" => Some(
            "the run has set this password itself: somebody else has set another meanwhile (a rotation, a person); start the run anew"
                .to_owned(),
        ),
        ConnectFailure::Network(_) => Some(
            "can this machine reach the clone? at AWS its `security_groups` must let it in, or `connect` leads there"
                .to_owned(),
        ),
        ConnectFailure::Server(_) | ConnectFailure::Tls(_) => error.hint(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::ServerError;
    use crate::process::RunId;

    #[test]
    fn a_password_that_was_changed_meanwhile_is_no_fault_of_the_policy() {
        let name = CloneName::new("shop", &RunId::new());
        let hint = |source| {
            let endpoint = "postgres://master@clone/shop".to_owned();
            let source = ConnectError { endpoint, source };
            let error = CloudError::Connect {
                name: name.clone(),
                source,
            };
            error.hint().unwrap_or_default()
        };
        let refused = ServerError {
            sqlstate: "28P01".to_owned(),
            message: "password authentication failed".to_owned(),
            object: None,
            position: None,
            key: None,
            referenced: None,
            raised: None,
        };
        assert!(hint(ConnectFailure::Server(refused)).contains("somebody else has set another"));
        assert!(hint(ConnectFailure::Network("timed out".to_owned())).contains("security_groups"));
    }
}
