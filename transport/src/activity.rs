//! What is known of a connection from outside: whether it is of use to its peer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a connection was last used for, as its driver notes it and whoever has to choose among connections reads it.
///
/// It is of one connection alone: no two cores write it.
#[derive(Debug)]
pub struct Activity {
    since: Instant,
    /// Nanoseconds from `since` to the last good record, and one; 0 is none.
    good: AtomicU64,
    busy: AtomicBool,
}

impl Activity {
    /// Of a connection that begins now.
    pub fn new(now: Instant) -> Self {
        Self {
            since: now,
            good: AtomicU64::new(0),
            busy: AtomicBool::new(false),
        }
    }

    /// When it began.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// When the peer last sent a whole message that was taken as one; `None` if it never did.
    pub fn last_good(&self) -> Option<Instant> {
        let nanos = self.good.load(Ordering::Relaxed).checked_sub(1)?;
        Some(self.since + Duration::from_nanos(nanos))
    }

    /// Whether a call is in flight, or output is on its way.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Takes note of a whole message that was taken as one.
    pub fn good(&self, now: Instant) {
        let nanos = now.saturating_duration_since(self.since).as_nanos();
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX - 1);
        self.good.store(nanos + 1, Ordering::Relaxed);
    }

    pub(crate) fn busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }
}
