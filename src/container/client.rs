//! A connection to Docker's daemon.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};

use super::error::{ContainerError, said};

/// Where Docker's socket is, and where a runner mounts it.
pub const SOCKET: &str = "/var/run/docker.sock";

/// How long Docker may take to begin an answer, in seconds. Stopping and removing take a few.
const ANSWER: u64 = 60;

/// How long it may take to say that it is there.
const GREETING: Duration = Duration::from_secs(10);

/// The socket that `DOCKER_HOST` names, or the usual one.
pub fn socket(variable: impl Fn(&str) -> Option<String>) -> Result<PathBuf, ContainerError> {
    match variable("DOCKER_HOST").filter(|host| !host.is_empty()) {
        None => Ok(PathBuf::from(SOCKET)),
        Some(host) => host
            .strip_prefix("unix://")
            .map(PathBuf::from)
            .ok_or(ContainerError::NoSocket),
    }
}

/// Connects, and finds out what the daemon can do.
pub async fn connect(socket: &Path) -> Result<Docker, ContainerError> {
    let failed = |said: String| ContainerError::NoDocker {
        socket: socket.to_owned(),
        said,
    };
    let path = socket.to_string_lossy();
    let docker = Docker::connect_with_unix(&path, ANSWER, API_DEFAULT_VERSION)
        .map_err(|error| failed(said(&error)))?;
    match tokio::time::timeout(GREETING, docker.negotiate_version()).await {
        Ok(Ok(docker)) => Ok(docker),
        Ok(Err(error)) => Err(failed(said(&error))),
        Err(_) => Err(failed("no answer".to_owned())),
    }
}

/// Waits for `work` on a thread and a runtime of its own: for handles that go while another runtime
/// is being left.
pub(super) fn block_on<T: Send>(
    limit: Duration,
    work: impl Future<Output = Result<T, ContainerError>> + Send,
) -> Result<T, ContainerError> {
    let on_thread = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| ContainerError::File {
                path: PathBuf::from(SOCKET),
                source,
            })?;
        runtime.block_on(async {
            tokio::time::timeout(limit, work)
                .await
                .unwrap_or(Err(ContainerError::Slow { limit }))
        })
    };
    std::thread::scope(|scope| {
        scope
            .spawn(on_thread)
            .join()
            .unwrap_or(Err(ContainerError::Slow { limit }))
    })
}

#[cfg(test)]
mod tests {
    use super::{SOCKET, socket};

    #[test]
    fn only_a_unix_socket_is_taken() {
        let at = |host: &'static str| {
            socket(move |name| (name == "DOCKER_HOST").then(|| host.to_owned())).ok()
        };
        assert_eq!(at(""), Some(SOCKET.into()));
        assert_eq!(
            at("unix:///run/user/1/docker.sock"),
            Some("/run/user/1/docker.sock".into())
        );
        assert_eq!(at("tcp://127.0.0.1:2375"), None);
    }
}
