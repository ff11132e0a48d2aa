//! Who has to leave when there is no place for one more.
//!
//! A connection that nobody uses costs its owner nothing: whoever comes while all places are taken gets the place of
//! one of those. So a crowd of silent connections displaces itself, and never one that is of use to somebody.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use oncrpc_transport::Activity;
use tokio::task::AbortHandle;

/// The places that are taken.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    taken: Mutex<Taken>,
    vacated: AtomicU64,
}

#[derive(Debug, Default)]
struct Taken {
    seats: HashMap<Number, Seat>,
    /// How many there ever were.
    numbered: Number,
    /// The least used of them when they were last looked through, the least first.
    least_used: VecDeque<Number>,
}

/// Which place it is: no two ever have the same.
pub(crate) type Number = u64;

/// Places that are found in one look through all of them, so that a crowd does not cost one for each that comes.
const AT_ONCE: usize = 64;

/// A place that is taken.
#[derive(Debug)]
struct Seat {
    activity: Arc<Activity>,
    kind: Kind,
    /// What ends the connection; none of a connection that is not one of many, and of one that was ended.
    task: Option<AbortHandle>,
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
    /// Takes a place from `now` on; gives back its number, and where it is noted what it is used for.
    pub(crate) fn take(&self, kind: Kind, now: Instant) -> (Number, Arc<Activity>) {
        let activity = Arc::new(Activity::new(now));
        let seat = Seat {
            activity: activity.clone(),
            kind,
            task: None,
        };
        let mut taken = self.taken();
        let number = taken.numbered;
        taken.numbered += 1;
        taken.seats.insert(number, seat);
        (number, activity)
    }

    /// Says what ends the connection that has a place, if it has not ended yet.
    pub(crate) fn ends_by(&self, number: Number, task: AbortHandle) {
        if let Some(seat) = self.taken().seats.get_mut(&number) {
            seat.task = Some(task);
        }
    }

    /// Gives a place back.
    pub(crate) fn leave(&self, number: Number) {
        let left = self.taken().seats.remove(&number);
        drop(left);
    }

    /// Ends the connection that is of least use to its peer, if there is one that may be ended: of those that never sent
    /// a good record the oldest, then of those that have sent none for `after` the one that is quiet for the longest.
    /// `for_remote` is whether it is for a peer from another host, for whom none of this host's ends.
    pub(crate) fn vacate(&self, for_remote: bool, after: Duration, now: Instant) -> bool {
        let mut taken = self.taken();
        let Taken {
            seats, least_used, ..
        } = &mut *taken;
        let may_leave = |seat: &Seat| {
            let spared = for_remote && seat.kind != Kind::Remote;
            !spared && seat.may_leave(after, now)
        };
        least_used.retain(|number| seats.get(number).is_some_and(may_leave));
        if least_used.is_empty() {
            let mut found: Vec<_> = seats.iter().filter(|(_, seat)| may_leave(seat)).collect();
            if found.len() > AT_ONCE {
                found.select_nth_unstable_by_key(AT_ONCE, |(_, seat)| seat.use_to_its_peer());
                found.truncate(AT_ONCE);
            }
            found.sort_by_key(|(_, seat)| seat.use_to_its_peer());
            least_used.extend(found.into_iter().map(|(number, _)| number));
        }
        let leaves = least_used.pop_front();
        let Some(task) = leaves.and_then(|number| seats.get_mut(&number)?.task.take()) else {
            return false;
        };
        drop(taken);
        self.vacated.fetch_add(1, Ordering::Relaxed);
        task.abort();
        true
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many connections were ended for others.
    pub(crate) fn vacated(&self) -> u64 {
        self.vacated.load(Ordering::Relaxed)
    }
}

impl Seat {
    /// Whether the connection can be ended, and is of no use to its peer at the moment.
    fn may_leave(&self, after: Duration, now: Instant) -> bool {
        let last_good = self.activity.last_good();
        let is_used = last_good.is_some_and(|at| now.saturating_duration_since(at) < after);
        self.task.is_some() && !is_used && !self.activity.is_busy()
    }

    /// The less it is, the sooner it leaves.
    fn use_to_its_peer(&self) -> (bool, Kind, Instant) {
        let last_good = self.activity.last_good();
        let since = last_good.unwrap_or(self.activity.since());
        (last_good.is_some(), self.kind, since)
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
        let remote = [Kind::Remote; 3];
        for kind in [Kind::Unix, Kind::Local].into_iter().chain(remote) {
            let (seat, _) = seats.take(kind, now);
            seats.ends_by(seat, tasks.spawn(std::future::pending::<()>()));
        }
        let vacate = |for_remote| seats.vacate(for_remote, Duration::ZERO, now);
        let vacated = [true, true, true, true, false, false, false].map(vacate);
        assert_eq!(vacated, [true, true, true, false, true, true, false]);
        assert_eq!(seats.vacated(), 5);
        while let Some(ended) = tasks.join_next().await {
            assert!(ended.unwrap_err().is_cancelled());
        }
    }

    #[tokio::test]
    async fn a_good_record_keeps_its_connection_for_the_time_it_is_worth_and_no_longer() {
        let (seats, mut tasks) = (Seats::default(), JoinSet::new());
        let after = Duration::from_secs(10);
        let begun = Instant::now();
        let (seat, activity) = seats.take(Kind::Remote, begun);
        seats.ends_by(seat, tasks.spawn(std::future::pending::<()>()));
        activity.good(begun);
        let just_before = begun + after - Duration::from_nanos(1);
        assert!(!seats.vacate(true, after, just_before));
        assert!(seats.vacate(true, after, begun + after));
    }

    #[tokio::test]
    async fn each_of_a_crowd_can_leave_however_many_there_are() {
        for crowd in [1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE] {
            let (seats, mut tasks) = (Seats::default(), JoinSet::new());
            let now = Instant::now();
            for _ in 0..crowd {
                let task = tasks.spawn(std::future::pending::<()>());
                let (seat, _) = seats.take(Kind::Remote, now);
                seats.ends_by(seat, task);
            }
            let left = (0..=crowd).filter(|_| seats.vacate(true, Duration::ZERO, now));
            assert_eq!(left.count(), crowd);
        }
    }

    #[test]
    fn nothing_is_kept_of_a_place_that_was_given_back() {
        let seats = Seats::default();
        let (seat, _) = seats.take(Kind::Local, Instant::now());
        seats.leave(seat);
        assert!(seats.taken.lock().unwrap().seats.is_empty());
        assert!(!seats.vacate(false, Duration::ZERO, Instant::now()));
    }
}
