//! What this machine can give a server: memory, processors, room on a disk.

use std::path::Path;

/// What is assumed where the system does not say: enough for a small server, too little to swap.
const UNKNOWN_MEMORY: u64 = 1024 * 1024 * 1024;

/// Memory in bytes that this process may use: a container's limit, else the machine's.
pub fn memory() -> u64 {
    let Ok(mut system) = sysinfo::System::new() else {
        return UNKNOWN_MEMORY;
    };
    system.refresh_memory();
    let total = system.total_memory();
    match system.cgroup_limits() {
        Some(limits) if limits.total_memory > 0 => limits.total_memory.min(total),
        _ => total,
    }
}

/// Processors that this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Free bytes on the disk that holds `path`; `None` where the system does not say.
pub fn free_space(path: &Path) -> Option<u64> {
    let statistics = nix::sys::statvfs::statvfs(path).ok()?;
    // The types differ between systems; both are lossless on 64-bit ones.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    Some(u64::from(statistics.blocks_available()) * statistics.fragment_size() as u64)
}
