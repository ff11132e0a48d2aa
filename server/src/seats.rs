//! Who has to leave when there is no place for one more.
//!
//! A connection that nobody uses costs its owner nothing: whoever comes while all places are taken gets the place of
//! one of those. So a crowd of silent connections displaces itself, and never one that is of use to somebody.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use oncrpc_transport::Activity;
use tokio::task::AbortHandle;

/// The places that are taken.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    taken: Mutex<HashMap<u64, Arc<Seat>>>,
    next: AtomicU64,
    vacated: AtomicU64,
}

/// A place that is taken.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) activity: Arc<Activity>,
    kind: Kind,
    /// What ends the connection; none of a connection that is not one of many.
    task: OnceLock<AbortHandle>,
    /// Whether it was told to end.
    leaves: AtomicBool,
}

/// Where a peer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// From another host.
    Remote,
    /// By loopback, or in the process.
    Local,
    /// By a Unix socket. These leave last: a kernel keeps one for ever.
    Unix,
}

impl Seats {
    /// Takes a place from `now` on; gives back its number.
    pub(crate) fn take(&self, kind: Kind, now: Instant) -> (u64, Arc<Seat>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let seat = Arc::new(Seat {
            activity: Arc::new(Activity::new(now)),
            kind,
            task: OnceLock::new(),
            leaves: AtomicBool::new(false),
        });
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.insert(number, seat.clone());
        (number, seat)
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, number: u64) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&number);
    }

    /// Ends the connection that is of least use to its peer, if there is one that may be ended: of those that never sent
    /// a good record the oldest, then of those that have sent none for `after` the one that is quiet for the longest.
    /// `for_remote` is whether it is for a peer from another host, for whom none of this host's ends.
    pub(crate) fn vacate(&self, for_remote: bool, after: Duration, now: Instant) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let may_leave = |seat: &&Arc<Seat>| {
            let quiet = seat.activity.last_good();
            let is_used = quiet.is_some_and(|at| now.saturating_duration_since(at) < after);
            let spared = for_remote && seat.kind != Kind::Remote;
            let can_be_ended = seat.task.get().is_some() && !seat.leaves.load(Ordering::Relaxed);
            !is_used && !spared && can_be_ended && !seat.activity.is_busy()
        };
        let leaves = taken.values().filter(may_leave).min_by_key(|seat| {
            let last_good = seat.activity.last_good();
            let since = last_good.unwrap_or(seat.activity.since());
            (last_good.is_some(), seat.kind, since)
        });
        let Some((seat, task)) = leaves.and_then(|seat| Some((seat, seat.task.get()?))) else {
            return false;
        };
        seat.leaves.store(true, Ordering::Relaxed);
        self.vacated.fetch_add(1, Ordering::Relaxed);
        task.abort();
        true
    }

    /// How many connections were ended for others.
    pub(crate) fn vacated(&self) -> u64 {
        self.vacated.load(Ordering::Relaxed)
    }
}

impl Seat {
    /// Says what ends the connection.
    pub(crate) fn ends_by(&self, task: AbortHandle) {
        // There is one task for each place.
        let _ = self.task.set(task);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test]
    async fn for_a_peer_from_elsewhere_nobody_of_this_host_leaves() {
        let (seats, mut tasks) = (Seats::default(), JoinSet::new());
        let now = Instant::now();
        for kind in [Kind::Unix, Kind::Local, Kind::Remote, Kind::Remote] {
            let (_, seat) = seats.take(kind, now);
            seat.ends_by(tasks.spawn(async move {
                std::future::pending::<()>().await;
            }));
        }
        let vacate = |for_remote| seats.vacate(for_remote, Duration::ZERO, now);
        let vacated = [true, true, true, false, false, false].map(vacate);
        assert_eq!(vacated, [true, true, false, true, true, false]);
        assert_eq!(seats.vacated(), 4);
        while let Some(ended) = tasks.join_next().await {
            assert!(ended.unwrap_err().is_cancelled());
        }
    }

    #[test]
    fn nothing_is_kept_of_a_place_that_was_given_back() {
        let seats = Seats::default();
        let (number, _) = seats.take(Kind::Local, Instant::now());
        seats.leave(number);
        assert!(seats.taken.lock().unwrap().is_empty());
        assert!(!seats.vacate(false, Duration::ZERO, Instant::now()));
    }
}
