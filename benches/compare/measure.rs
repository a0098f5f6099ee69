//! Wall time and processor time of a piece of work, with all processes it started and waited for.

use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// What something cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    pub wall: Duration,
    pub cpu: Duration,
}

/// Measures `work`. `server` is the postmaster of a source whose backends work for it too.
pub fn measured(server: Option<u32>, work: impl FnOnce()) -> Cost {
    let (children, source) = (of_children(), server.map_or(Duration::ZERO, of_server));
    let began = Instant::now();
    work();
    let wall = began.elapsed();
    let source = server
        .map_or(Duration::ZERO, of_server)
        .saturating_sub(source);
    Cost {
        wall,
        cpu: of_children().saturating_sub(children) + source,
    }
}

fn of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel tells");
    duration(usage.user_time()) + duration(usage.system_time())
}

fn duration(time: TimeVal) -> Duration {
    Duration::from_secs(time.tv_sec().unsigned_abs())
        + Duration::from_micros(time.tv_usec().unsigned_abs())
}

/// A postmaster and all backends that have ended. Linux only; elsewhere the source counts nothing.
fn of_server(postmaster: u32) -> Duration {
    // A backend that just ended is counted once the postmaster has waited for it.
    std::thread::sleep(Duration::from_millis(300));
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{postmaster}/stat")) else {
        return Duration::ZERO;
    };
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(4)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    // Linux reports in hundredths of a second to user space, whatever its own clock is.
    Duration::from_millis(ticks * 10)
}

/// The one in the middle, by processor time; of two in the middle, what lies between them.
pub fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.cpu);
    let at = |place: usize| costs.get(place).copied().unwrap_or_default();
    let (lower, upper) = (at(costs.len().saturating_sub(1) / 2), at(costs.len() / 2));
    Cost {
        wall: (lower.wall + upper.wall) / 2,
        cpu: (lower.cpu + upper.cpu) / 2,
    }
}
