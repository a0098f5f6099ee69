//! The two words that are said to Docker: which container this is, and "stop that one".
//!
//! A runner that cancels a step kills Docker's client, ten seconds after it asked for the end; the
//! container itself may live on. The step after the job can reach it by the socket that a runner
//! mounts.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Where a runner mounts Docker's socket.
pub const SOCKET: &str = "/var/run/docker.sock";

/// How long a container may take to end before Docker kills it, in seconds.
const GRACE: u64 = 8;

/// What became of a container that should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    ByUs,
    /// It had ended, or there is none.
    Before,
}

#[derive(Debug, thiserror::Error)]
pub enum DockerError {
    #[error("could not ask Docker at `{SOCKET}`")]
    Ask(#[from] io::Error),
    #[error("Docker did not stop the run's container: it answered `{0}`")]
    Refused(String),
}

/// The id of the container that this process is in, if it is in one.
///
/// Docker mounts `/etc/hosts` and its kin from a directory that is named by it. The host's name is
/// no help: with the host's network it is the host's.
pub fn own_container() -> Option<String> {
    container_in(&std::fs::read_to_string("/proc/self/mountinfo").ok()?)
}

fn container_in(mounts: &str) -> Option<String> {
    mounts
        .split("containers/")
        .skip(1)
        .map(|rest| rest.split('/').next().unwrap_or_default())
        .find(|id| is_container(id))
        .map(str::to_owned)
}

/// Whether a text is a whole id, which is a part of a URL.
pub fn is_container(id: &str) -> bool {
    id.len() == 64
        && id
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Stops a container and waits until it has ended.
pub fn stop(socket: &Path, id: &str) -> Result<Stopped, DockerError> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(GRACE + 10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(GRACE)))?;
    write!(
        stream,
        "POST /containers/{id}/stop?t={GRACE} HTTP/1.1\r\nHost: docker\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.take(64 * 1024).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let first_line = answer.lines().next().unwrap_or_default();
    match first_line.split(' ').nth(1) {
        Some("204") => Ok(Stopped::ByUs),
        Some("304" | "404") => Ok(Stopped::Before),
        _ => Err(DockerError::Refused(first_line.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixListener;

    use super::{DockerError, Stopped, container_in, stop};

    #[test]
    fn a_container_is_found_by_its_mounts() {
        let id = "0123456789abcdef".repeat(4);
        let mounts = format!(
            "1 2 8:1 / / rw - overlay overlay rw\n\
             3 1 8:1 /var/lib/docker/containers/{id}/resolv.conf /etc/resolv.conf rw - ext4 x rw\n"
        );
        assert_eq!(container_in(&mounts), Some(id));
        assert_eq!(container_in("/var/lib/docker/containers/short/hosts"), None);
        assert_eq!(container_in(""), None);
    }

    #[test]
    fn what_docker_answers_is_understood() {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let serving = std::thread::spawn(move || {
            for answer in ["204 No Content", "404 Not Found", "500 Server Error"] {
                let (mut stream, _) = listener.accept().expect("a client");
                let mut asked = String::new();
                BufReader::new(&stream)
                    .read_line(&mut asked)
                    .expect("a request");
                assert!(
                    asked.starts_with("POST /containers/abc/stop?t=8 "),
                    "{asked}"
                );
                write!(stream, "HTTP/1.1 {answer}\r\n\r\n").expect("answered");
            }
        });
        assert_eq!(stop(&socket, "abc").expect("stopped"), Stopped::ByUs);
        assert_eq!(stop(&socket, "abc").expect("none"), Stopped::Before);
        let error = stop(&socket, "abc").expect_err("refused");
        assert!(matches!(error, DockerError::Refused(line) if line.contains("500")));
        serving.join().expect("no panic");
    }
}
