//! One command in an image: a container beside this process, its output line by line, and a sure end.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use bollard::Docker;
use bollard::container::{AttachContainerResults, LogOutput};
use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, ContainerState, HealthConfig, HostConfig, HostConfigLogConfig,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, KillContainerOptionsBuilder,
    WaitContainerOptionsBuilder,
};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::error::{ContainerError, said};
use super::hidden::Replaced;
use super::leftover;
use super::network::Link;
use super::site::Site;
use crate::process::child::{Ended, Stream};
use crate::process::lines::LineBuffer;
use crate::text::Secret;

/// How long a command may take to end after SIGTERM before it is killed, as any child may.
const GRACE: Duration = Duration::from_secs(3);

/// How long the last of the output may take to come once the command has ended.
const TAIL: Duration = Duration::from_secs(2);

/// Enough for what runs on Node or a JVM, and for no other's harm.
const MEMORY: u64 = 2 * 1024 * 1024 * 1024;

/// Processes and threads.
const PROCESSES: i64 = 1024;

/// The only writable place beside the container's own layer.
const TEMPORARY: &str = "/tmp";

/// A command for the image's shell.
pub struct Work<'a> {
    pub line: &'a str,
    pub directory: &'a Path,
    /// Of one name, the last counts.
    pub variables: Vec<(String, Secret)>,
    pub replaced: &'a [Replaced],
    pub limit: Duration,
}

impl Site {
    /// Runs a command to its end, its limit, or the end of this future.
    pub async fn run(
        &self,
        work: Work<'_>,
        on_line: impl FnMut(Stream, &str),
    ) -> Result<Ended, ContainerError> {
        let deadline = Instant::now() + work.limit;
        let container = Container {
            docker: &self.docker,
            socket: &self.socket,
            name: self.new_name(),
            is_there: true,
        };
        self.create(&container.name, &work).await?;
        let attached = container.attach().await?;
        container.start(&self.image.name.to_string()).await?;
        let in_time = timeout_at(deadline, container.follow(attached, on_line)).await;
        let ended = match in_time {
            Ok(followed) => {
                followed?;
                container.how_it_ended().await
            }
            Err(_) => {
                container.end().await;
                Ok(Ended::TimedOut)
            }
        };
        container.remove().await?;
        ended
    }

    async fn create(&self, name: &str, work: &Work<'_>) -> Result<(), ContainerError> {
        let mut mounts = vec![self.workspace.mount()];
        for replaced in work.replaced {
            mounts.push(replaced.mount(&self.docker, self).await?);
        }
        let is_closed = matches!(self.link, Link::Closed { .. });
        let body = ContainerCreateBody {
            image: Some(self.image.id.clone()),
            user: Some(self.workspace.user().to_owned()),
            entrypoint: Some(vec!["/bin/sh".to_owned(), "-c".to_owned()]),
            cmd: Some(vec![work.line.to_owned()]),
            working_dir: Some(
                self.workspace
                    .place_of(work.directory)?
                    .to_string_lossy()
                    .into_owned(),
            ),
            env: Some(environment(&work.variables)),
            labels: Some(self.labels.clone()),
            // The image's own would be run beside the command.
            healthcheck: Some(HealthConfig {
                test: Some(vec!["NONE".to_owned()]),
                ..HealthConfig::default()
            }),
            host_config: Some(HostConfig {
                mounts: Some(mounts),
                tmpfs: Some(self.temporary()),
                network_mode: Some(self.link.mode().to_owned()),
                // Docker's own name server would ask the host's for any name of the world. This one is
                // not there, which by the usual patience takes 20 s to find out, for each name.
                dns: is_closed.then(|| vec!["127.0.0.1".to_owned()]),
                dns_options: is_closed
                    .then(|| vec!["timeout:1".to_owned(), "attempts:1".to_owned()]),
                cap_drop: Some(vec!["ALL".to_owned()]),
                security_opt: Some(vec!["no-new-privileges".to_owned()]),
                pids_limit: Some(PROCESSES),
                memory: Some(MEMORY.cast_signed()),
                memory_swap: Some(MEMORY.cast_signed()),
                // What a tool prints may have values in it: Docker keeps none of it.
                log_config: Some(HostConfigLogConfig {
                    typ: Some("none".to_owned()),
                    config: None,
                }),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let options = CreateContainerOptionsBuilder::new().name(name).build();
        self.docker
            .create_container(Some(options), body)
            .await
            .map(drop)
            .map_err(ContainerError::of("make the image's container"))
    }

    /// Tools unpack programs into their temporary directory and start them.
    fn temporary(&self) -> HashMap<String, String> {
        let mut all = HashMap::new();
        all.insert(
            TEMPORARY.to_owned(),
            "rw,exec,nosuid,nodev,mode=1777".to_owned(),
        );
        if let Some(git) = self.workspace.git_directory() {
            all.insert(
                git.to_string_lossy().into_owned(),
                "ro,noexec,nosuid,nodev,mode=0755,size=64k".to_owned(),
            );
        }
        all
    }
}

/// What the image's command gets beside the image's own variables: nothing of this process's.
fn environment(variables: &[(String, Secret)]) -> Vec<String> {
    let ours = [("HOME", TEMPORARY), ("TMPDIR", TEMPORARY), ("CI", "true")];
    let mut all: Vec<(&str, &str)> = Vec::new();
    let told = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose()));
    for (name, value) in ours.into_iter().chain(told) {
        all.retain(|(known, _)| *known != name);
        all.push((name, value));
    }
    all.iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// A container that this future owns. Dropping it kills and removes it.
struct Container<'a> {
    docker: &'a Docker,
    socket: &'a PathBuf,
    name: String,
    is_there: bool,
}

impl Container<'_> {
    /// Before it starts, so that no line is missed.
    async fn attach(&self) -> Result<AttachContainerResults, ContainerError> {
        let options = AttachContainerOptionsBuilder::new()
            .stream(true)
            .stdout(true)
            .stderr(true)
            .build();
        self.docker
            .attach_container(&self.name, Some(options))
            .await
            .map_err(ContainerError::of("read the command's output"))
    }

    async fn start(&self, image: &str) -> Result<(), ContainerError> {
        self.docker
            .start_container(&self.name, None)
            .await
            .map_err(|error| {
                let said = said(&error);
                // The runtime's own words, of every version: it could not execute what it was given.
                if said.contains("/bin/sh") && said.contains("no such file") {
                    ContainerError::NoShell {
                        image: image.to_owned(),
                    }
                } else {
                    ContainerError::Refused {
                        doing: "start the image's container",
                        said,
                    }
                }
            })
    }

    /// Hands on every line until the command has ended.
    async fn follow(
        &self,
        attached: AttachContainerResults,
        mut on_line: impl FnMut(Stream, &str),
    ) -> Result<(), ContainerError> {
        let mut output = attached.output;
        let reading = async {
            let mut stdout = LineBuffer::default();
            let mut stderr = LineBuffer::default();
            while let Some(Ok(piece)) = output.next().await {
                match piece {
                    LogOutput::StdErr { message } => {
                        stderr.feed(&message, |line| on_line(Stream::Stderr, line));
                    }
                    other => stdout.feed(other.as_ref(), |line| on_line(Stream::Stdout, line)),
                }
            }
            for (stream, rest) in [
                (Stream::Stdout, stdout.rest()),
                (Stream::Stderr, stderr.rest()),
            ] {
                if let Some(rest) = rest {
                    on_line(stream, &rest);
                }
            }
        };
        let mut reading = std::pin::pin!(reading);
        let mut ended = std::pin::pin!(self.until_ended());
        tokio::select! {
            () = &mut reading => ended.await,
            result = &mut ended => {
                result?;
                let _ = timeout(TAIL, reading).await;
                Ok(())
            }
        }
    }

    async fn until_ended(&self) -> Result<(), ContainerError> {
        let options = WaitContainerOptionsBuilder::new()
            .condition("not-running")
            .build();
        let mut answers = std::pin::pin!(self.docker.wait_container(&self.name, Some(options)));
        match answers.next().await {
            // An exit code that is not 0 is an answer like any other.
            Some(Ok(_) | Err(Error::DockerContainerWaitError { .. })) => Ok(()),
            Some(Err(error)) => Err(ContainerError::of("wait for the command")(error)),
            None => Err(ContainerError::Refused {
                doing: "wait for the command",
                said: "nothing".to_owned(),
            }),
        }
    }

    async fn how_it_ended(&self) -> Result<Ended, ContainerError> {
        let state: ContainerState = self
            .docker
            .inspect_container(&self.name, None)
            .await
            .map_err(ContainerError::of("look how the command ended"))?
            .state
            .unwrap_or_default();
        let code = state
            .exit_code
            .and_then(|code| i32::try_from(code).ok())
            .ok_or(ContainerError::Refused {
                doing: "look how the command ended",
                said: "no exit code".to_owned(),
            })?;
        if code != 0 && state.oom_killed == Some(true) {
            return Err(ContainerError::OutOfMemory { limit: MEMORY });
        }
        // As the kernel has it: the exit code is in the second byte.
        Ok(Ended::Exited(ExitStatus::from_raw((code & 0xff) << 8)))
    }

    /// Asks the command to end, and waits a little; who comes after this kills it.
    async fn end(&self) {
        let options = KillContainerOptionsBuilder::new().signal("SIGTERM").build();
        let _ = self.docker.kill_container(&self.name, Some(options)).await;
        let _ = timeout(GRACE, self.until_ended()).await;
    }

    async fn remove(mut self) -> Result<(), ContainerError> {
        let removed = leftover::end(self.docker, &self.name).await;
        self.is_there = removed.is_err();
        removed
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if !self.is_there {
            return;
        }
        // What fails here is tried again when the run ends.
        if let Err(error) = leftover::remove_container(self.socket, &self.name) {
            tracing::debug!(%error, "the image's container is not removed yet");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Secret, environment};

    #[test]
    fn what_the_policy_names_wins() {
        let variables = [("PGHOST", "h"), ("HOME", "/home/app"), ("PGHOST", "i")]
            .map(|(name, value)| (name.to_owned(), Secret::new(value)));
        assert_eq!(
            environment(&variables),
            ["TMPDIR=/tmp", "CI=true", "HOME=/home/app", "PGHOST=i"]
        );
    }
}
