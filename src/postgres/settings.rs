//! How a throwaway server is set: for loading as fast as it can, then like production.

use std::fmt::Write as _;
use std::path::Path;

use super::machine;

/// What a server is being used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// A crash costs nothing: the data is thrown away and read again.
    Loading,
    /// What is measured from here on should be what production would show.
    ProductionLike,
}

const MB: u64 = 1024 * 1024;

/// Where POSIX shared memory lives on Linux.
const SHARED_MEMORY: &str = "/dev/shm";

/// Parallel queries and a parallel vacuum take up to this from [`SHARED_MEMORY`] (a hash of
/// `work_mem`, dead tuples of `maintenance_work_mem`). Docker gives a container 64 MB, and a runner
/// lets nobody ask for more: "could not resize shared memory segment".
const ENOUGH_SHARED_MEMORY: u64 = 512 * MB;

/// The server settings of `profile`, with the policy's own on top.
///
/// Loading: 28 to 47 % of all CPU is saved against a stock configuration, most of it by writing no
/// WAL for tables that are filled in the transaction that made them (`wal_level = minimal`).
pub fn of(
    profile: Profile,
    production: &[(String, String)],
    policy: &[(String, String)],
) -> Vec<(String, String)> {
    let memory = machine::memory();
    let processors = machine::processors() as u64;
    let megabytes = |bytes: u64| format!("{}MB", bytes / MB);
    let shared_buffers = match profile {
        // COPY and large scans go through rings of their own. Memory that is touched for the first
        // time costs more than the few pages that more of it would keep.
        Profile::Loading => 256 * MB,
        Profile::ProductionLike => memory / 8,
    };
    let shared_buffers = shared_buffers.min(memory / 8).clamp(128 * MB, 2048 * MB);
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: String| settings.push((name.to_owned(), value));
    set("shared_buffers", megabytes(shared_buffers));
    set("max_connections", "200".to_owned());
    set("max_worker_processes", (processors * 4).max(8).to_string());
    set("max_locks_per_transaction", "256".to_owned());
    // Nothing in a clone may reach out: no apply worker starts, whatever a subscription says.
    set("max_logical_replication_workers", "0".to_owned());
    set("log_min_messages", "warning".to_owned());
    if let Some(kind) = shared_memory_kind(machine::free_space(Path::new(SHARED_MEMORY))) {
        set("dynamic_shared_memory_type", kind.to_owned());
    }
    match profile {
        Profile::Loading => {
            for (name, value) in [
                ("fsync", "off"),
                ("synchronous_commit", "off"),
                ("full_page_writes", "off"),
                ("wal_level", "minimal"),
                ("max_wal_senders", "0"),
                ("wal_init_zero", "off"),
                ("wal_recycle", "off"),
                ("autovacuum", "off"),
                ("max_wal_size", "16GB"),
                ("checkpoint_timeout", "1d"),
                // Each is one process of many during a load; the jobs are the parallelism.
                ("max_parallel_maintenance_workers", "0"),
                ("max_parallel_workers_per_gather", "0"),
                ("bgwriter_lru_maxpages", "0"),
                ("jit", "off"),
                ("track_activities", "on"),
                // Else the first autovacuum would take the load for production's own writing.
                ("track_counts", "off"),
            ] {
                set(name, value.to_owned());
            }
            set(
                "maintenance_work_mem",
                megabytes((memory / 16).clamp(64 * MB, 1024 * MB)),
            );
        }
        Profile::ProductionLike => {
            for (name, value) in [
                ("fsync", "on"),
                ("synchronous_commit", "on"),
                ("full_page_writes", "on"),
                ("wal_level", "replica"),
                ("max_wal_senders", "10"),
                ("autovacuum", "on"),
                ("checkpoint_timeout", "5min"),
            ] {
                set(name, value.to_owned());
            }
            settings.extend(production.iter().cloned());
        }
    }
    settings.extend(policy.iter().cloned());
    settings
}

/// Files in the data directory, which go with it, where the system's own place is small; else the
/// server's own choice.
fn shared_memory_kind(free: Option<u64>) -> Option<&'static str> {
    free.is_some_and(|free| free < ENOUGH_SHARED_MEMORY)
        .then_some("mmap")
}

/// `settings` as the text of a configuration file. A later setting of the same name wins, as the
/// server itself has it.
pub fn file(settings: &[(String, String)]) -> String {
    let mut text = String::from("# written by pgrehearse; this server lives for one run\n");
    for (name, value) in settings {
        let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{MB, file, shared_memory_kind};

    #[test]
    fn a_container_s_small_shared_memory_is_not_used() {
        assert_eq!(shared_memory_kind(Some(64 * MB)), Some("mmap"));
        assert_eq!(shared_memory_kind(Some(4096 * MB)), None);
        assert_eq!(shared_memory_kind(None), None);
    }

    #[test]
    fn values_are_quoted() {
        assert_eq!(
            file(&[("search_path".into(), "a, 'b'".into())]),
            "# written by pgrehearse; this server lives for one run\nsearch_path = 'a, ''b'''\n"
        );
    }
}
