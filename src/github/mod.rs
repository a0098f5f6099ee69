//! GitHub: the job that we run in, and what is told there of a rehearsal: a comment, a check run, a
//! commit status.
//!
//! Nothing here changes a verdict. What can't be told is a warning.

mod annotations;
mod announcement;
mod check;
mod client;
mod comment;
mod error;
pub mod event;
mod outcome;
mod relay;
mod status;
mod sticky;
mod teller;

pub use announcement::{Announcement, Limits};
pub use error::{ApiError, Permission};
pub use outcome::End;
pub use relay::{RelayError, relay};

/// Why a job must not rehearse anything, if it must not.
///
/// A migration is code. Under this event a pull request's code would have the secrets of its base and a
/// token that may write.
pub fn refusal(lookup: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is = |name: &str, value: &str| lookup(name).is_some_and(|found| found == value);
    (is("GITHUB_ACTIONS", "true") && is("GITHUB_EVENT_NAME", "pull_request_target")).then_some(
        "a migration is not rehearsed on `pull_request_target`: a stranger's code would run with this \
         repository's secrets",
    )
}

#[cfg(test)]
mod tests {
    use super::refusal;

    #[test]
    fn a_strangers_code_gets_no_secrets() {
        let with = |event: &'static str, actions: &'static str| {
            refusal(move |name| match name {
                "GITHUB_EVENT_NAME" => Some(event.to_owned()),
                "GITHUB_ACTIONS" => Some(actions.to_owned()),
                _ => None,
            })
        };
        assert!(with("pull_request_target", "true").is_some());
        assert!(with("pull_request", "true").is_none());
        assert!(with("pull_request_target", "").is_none());
    }
}
