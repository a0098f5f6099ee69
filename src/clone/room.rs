//! Whether a clone of some size may be made, and whether there is room for it: judged as soon as the size is
//! known, which for some providers is when the clone is there.

use super::CloneError;
use crate::policy::{Policy, Target, When};
use crate::postgres::machine;

/// Whether `restore.max_size` allows it.
pub fn allowed(policy: &Policy, size: u64) -> Result<(), CloneError> {
    match policy.restore.max_size {
        Some(limit) if size > limit.0 => Err(CloneError::TooLarge { size, limit }),
        _ => Ok(()),
    }
}

/// Whether it fits on this machine, if it will be here. A dump may be compressed, so its size is the least
/// that is needed.
pub fn enough(policy: &Policy, size: u64) -> Result<(), CloneError> {
    let at = match &policy.target {
        Target::Throwaway { directory, .. } => directory.clone().unwrap_or_else(std::env::temp_dir),
        Target::InPlace | Target::Server(_) => return Ok(()),
    };
    // How much of it stays away is not known.
    if !policy.restore.exclude_data.is_empty() {
        return Ok(());
    }
    // The smoke test's "before" is a second copy, the contention drill's a third.
    let smoke = policy.smoke.as_ref();
    let copies = 1
        + u64::from(smoke.is_some_and(|smoke| smoke.when.contains(&When::Before)))
        + u64::from(policy.migrations.contention.is_some());
    let needed = size.saturating_mul(copies).saturating_add(size / 10);
    match machine::free_space(&at) {
        Some(free) if free < needed => Err(CloneError::NoSpace { at, free, needed }),
        _ => Ok(()),
    }
}
