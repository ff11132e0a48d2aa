//! Storms where it matters who else can do it, and what comes from elsewhere: Debian's rpcbind is measured in the same run.
//!
//! Each is a sample; `make storms` has the full figures (`ONCRPC_STORMS=full`), of release builds, one after the other. A
//! comparison is printed always and judged in the full figures only, where nothing else runs.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

mod answers;
mod quotas;
mod sources;
mod speed;

use std::time::Duration;

use oncrpc_interop::Daemon;

/// The most memory that the daemon has ever had, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

fn is_full() -> bool {
    std::env::var_os("ONCRPC_STORMS").is_some_and(|wanted| wanted == "full")
}

/// How much of a storm: the sample, or the full figure.
fn either<T>(sample: T, full: T) -> T {
    if is_full() { full } else { sample }
}

/// A line of the kernel's account of the daemon, in KiB.
fn memory(daemon: &Daemon, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|known| known.strip_prefix(line));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse().ok()).expect("a number")
}

/// Processor time that the daemon's threads have taken.
fn processor_time(daemon: &Daemon) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{}/task", daemon.id())).expect("it runs");
    let nanos = threads.map(|thread| {
        let path = thread.expect("it runs").path().join("schedstat");
        // The first number is how long it ran, in nanoseconds.
        let schedule = std::fs::read_to_string(path).expect("it runs");
        let ran: u64 = schedule
            .split(' ')
            .next()
            .and_then(|ran| ran.parse().ok())
            .expect("a number");
        ran
    });
    Duration::from_nanos(nanos.sum())
}
