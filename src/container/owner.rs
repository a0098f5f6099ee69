//! Who made what is labelled as ours, so that a later run can tell whether that one is gone.
//!
//! A process is known by its number, the number's namespace, the moment it started and the machine's
//! start; a container by its id. What can't be told is taken to live.

use bollard::Docker;

use super::error::is_not_found;
use super::own::is_container;

/// A process, and the container that it is in. Empty: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    container: String,
    /// Of the machine's start.
    boot: String,
    /// Of the process numbers.
    namespace: String,
    process: String,
    /// In ticks since the machine's start.
    started: String,
}

/// What is known of an owner from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Gone,
    Alive,
    /// It may be alive.
    NotSeen,
}

impl Owner {
    /// This process, and the container that it is in.
    pub fn this(container: Option<&str>) -> Self {
        let process = std::process::id().to_string();
        Self {
            container: container.unwrap_or_default().to_owned(),
            boot: std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .map(|text| text.trim().to_owned())
                .unwrap_or_default(),
            namespace: std::fs::read_link("/proc/self/ns/pid")
                .map(|link| link.to_string_lossy().into_owned())
                .unwrap_or_default(),
            started: started(&process).unwrap_or_default(),
            process,
        }
    }

    /// As the label has it.
    pub fn label(&self) -> String {
        [
            &self.container,
            &self.boot,
            &self.namespace,
            &self.process,
            &self.started,
        ]
        .map(String::as_str)
        .join(" / ")
    }

    pub fn read(label: &str) -> Option<Self> {
        let mut parts = label.split(" / ").map(str::to_owned);
        let owner = Self {
            container: parts.next()?,
            boot: parts.next()?,
            namespace: parts.next()?,
            process: parts.next()?,
            started: parts.next()?,
        };
        parts.next().is_none().then_some(owner)
    }

    /// Whether this owner has ended for certain.
    pub async fn is_gone(&self, docker: &Docker) -> bool {
        match self.as_seen_by(&Self::this(None)) {
            Known::Gone => true,
            Known::Alive => false,
            Known::NotSeen => self.container_has_ended(docker).await,
        }
    }

    fn as_seen_by(&self, observer: &Self) -> Known {
        let all_known = |parts: [&String; 2]| parts.iter().all(|part| !part.is_empty());
        // A sibling lives on the kernel of its run, so one of another start is none any more.
        if all_known([&self.boot, &observer.boot]) && self.boot != observer.boot {
            return Known::Gone;
        }
        let sees_it = all_known([&self.namespace, &observer.namespace])
            && self.namespace == observer.namespace
            && all_known([&self.process, &self.started]);
        match started(&self.process) {
            _ if !sees_it => Known::NotSeen,
            Some(started) if started == self.started => Known::Alive,
            _ => Known::Gone,
        }
    }

    async fn container_has_ended(&self, docker: &Docker) -> bool {
        if !is_container(&self.container) {
            return false;
        }
        match docker.inspect_container(&self.container, None).await {
            Ok(inspected) => inspected
                .state
                .is_some_and(|state| state.running == Some(false)),
            Err(error) => is_not_found(&error),
        }
    }
}

/// The moment a process started, which its number alone does not tell.
fn started(process: &str) -> Option<String> {
    process.parse::<u32>().ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may have anything in it, spaces and `)` too.
    let after_name = stat.rsplit_once(')')?.1;
    after_name.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Known, Owner};

    #[test]
    fn this_process_is_alive_and_an_older_one_of_its_number_is_gone() {
        let this = Owner::this(None);
        assert_eq!(Owner::read(&this.label()), Some(this.clone()));
        assert_eq!(this.as_seen_by(&this), Known::Alive);
        let older = Owner {
            started: "1".to_owned(),
            ..this.clone()
        };
        assert_eq!(older.as_seen_by(&this), Known::Gone);
        let before_the_boot = Owner {
            boot: "another".to_owned(),
            ..this.clone()
        };
        assert_eq!(before_the_boot.as_seen_by(&this), Known::Gone);
    }

    #[test]
    fn what_is_not_seen_is_not_known() {
        let this = Owner::this(None);
        for other in [
            Owner {
                namespace: "pid:[1]".to_owned(),
                ..this.clone()
            },
            Owner {
                namespace: String::new(),
                ..this.clone()
            },
            Owner::default(),
        ] {
            assert_eq!(other.as_seen_by(&this), Known::NotSeen);
        }
        assert_eq!(Owner::read("somebody"), None);
    }
}
