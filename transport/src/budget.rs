//! The bytes that all connections of a server hold together.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;

use tokio::sync::Notify;

/// The bytes that all connections of a server may hold together: parts of records, calls at hand, unsent replies.
///
/// Half of it is dealt out beforehand, an equal share to each connection that there may be: whoever holds no more
/// than that is never held up by others. The other half is for whoever needs more, first come, first served; when it
/// is used up, a connection over its share is not read until there is some again. Only who has all of it goes on: what it
/// waits for would be itself.
#[derive(Debug)]
pub struct Budget {
    /// Bytes that each connection may hold whatever the others do.
    share: usize,
    /// Bytes that there are for those who need more.
    pool: usize,
    /// How many of these are taken.
    taken: AtomicUsize,
    freed: Notify,
}

/// What connections take of the pool at once, in bytes, so that few calls touch what all cores share.
const STEP: usize = 4096;

impl Budget {
    /// A budget of so many bytes for so many connections.
    pub fn new(bytes: usize, connections: usize) -> Self {
        Self {
            share: bytes / 2 / connections.max(1),
            pool: bytes / 2,
            taken: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// Bytes that are taken beyond shares.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether there is none for who has taken so much, because of others.
    fn is_used_up_for(&self, has: usize) -> bool {
        let taken = self.taken();
        taken >= self.pool && taken > has
    }

    fn give_back(&self, bytes: usize) {
        let before = self.taken.fetch_sub(bytes, Ordering::Relaxed);
        if before >= self.pool && before - bytes < self.pool {
            self.freed.notify_waiters();
        }
    }
}

/// What one connection has taken; given back when dropped.
#[derive(Default)]
pub(crate) struct Taken {
    budget: Option<Arc<Budget>>,
    bytes: usize,
    /// Wakes the connection when there is some again.
    freed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Taken {
    /// Nothing yet.
    pub(crate) fn of(budget: Arc<Budget>) -> Self {
        Self {
            budget: Some(budget),
            bytes: 0,
            freed: None,
        }
    }

    /// Whether the connection has taken nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.bytes == 0
    }

    /// Says how many bytes the connection holds; gives back whether it may hold more, and has the task woken
    /// when it may again.
    #[inline]
    pub(crate) fn hold(&mut self, held: usize, cx: &mut Context<'_>) -> bool {
        match &self.budget {
            // Nearly always: it keeps to its share, and did so before.
            Some(budget) if held > budget.share || self.bytes > 0 => self.hold_more(held, cx),
            _ => {
                self.freed = None;
                true
            }
        }
    }

    fn hold_more(&mut self, held: usize, cx: &mut Context<'_>) -> bool {
        let Some(budget) = &self.budget else {
            return true;
        };
        let over = held.saturating_sub(budget.share).next_multiple_of(STEP);
        if over > self.bytes {
            budget.taken.fetch_add(over - self.bytes, Ordering::Relaxed);
        } else if over < self.bytes {
            budget.give_back(self.bytes - over);
        }
        self.bytes = over;
        if over == 0 || !budget.is_used_up_for(over) {
            self.freed = None;
            return true;
        }
        loop {
            let freed = self.freed.get_or_insert_with(|| {
                let budget = budget.clone();
                Box::pin(async move { budget.freed.notified().await })
            });
            let again = freed.as_mut().poll(cx).is_ready();
            // What is given back after the poll wakes the task; what was before it shows here.
            if !budget.is_used_up_for(over) {
                self.freed = None;
                return true;
            }
            if !again {
                return false;
            }
            self.freed = None;
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let (Some(budget), 1..) = (&self.budget, self.bytes) {
            budget.give_back(self.bytes);
        }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Taken({})", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::woken::Woken;

    #[test]
    fn whoever_keeps_to_its_share_is_never_held_up() {
        // 8 KiB for each of 16, and 128 KiB beside.
        let budget = Arc::new(Budget::new(256 << 10, 16));
        let cx = &mut Context::from_waker(Waker::noop());
        let mut connections: Vec<_> = (0..16).map(|_| Taken::of(budget.clone())).collect();
        assert!(connections[0].hold(1 << 20, cx), "nobody else has any");
        for connection in &mut connections[1..] {
            assert!(connection.hold(8 << 10, cx));
            assert!(!connection.hold((8 << 10) + 1, cx));
        }
        assert!(!connections[0].hold(1 << 20, cx), "others have some");
        drop(connections);
        assert_eq!(budget.taken(), 0);
    }

    #[test]
    fn what_is_beyond_a_share_is_taken_and_given_back_in_steps() {
        let budget = Arc::new(Budget::new(256 << 10, 16));
        let cx = &mut Context::from_waker(Waker::noop());
        let (mut first, mut second) = (Taken::of(budget.clone()), Taken::of(budget.clone()));
        for (held, taken) in [
            (8, 0),
            (9, 4),
            (20, 12),
            (30, 24),
            (300, 292),
            (12, 4),
            (8, 0),
            (0, 0),
        ] {
            assert!(first.hold(held << 10, cx));
            assert_eq!(budget.taken(), taken << 10);
        }
        // Who comes back to its share goes on, however much others have.
        assert!(second.hold(20 << 10, cx));
        assert!(!first.hold(300 << 10, cx));
        assert!(!second.hold(9 << 10, cx));
        assert!(second.hold(8 << 10, cx));
        assert_eq!(budget.taken(), 292 << 10);
    }

    #[test]
    fn nobody_is_woken_for_what_is_not_enough() {
        let budget = Arc::new(Budget::new(256 << 10, 16));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let cx = &mut Context::from_waker(&waker);
        let (mut first, mut second) = (Taken::of(budget.clone()), Taken::of(budget.clone()));
        assert!(first.hold(300 << 10, &mut Context::from_waker(Waker::noop())));
        assert!(!second.hold(60 << 10, cx));
        assert!(!first.hold(200 << 10, &mut Context::from_waker(Waker::noop())));
        assert_eq!(woken.count(), 0);
        // All that there is beside shares is taken, to the byte: 8 KiB of each are its share.
        assert!(!first.hold((76 + 8) << 10, &mut Context::from_waker(Waker::noop())));
        assert_eq!(budget.taken(), 128 << 10);
        assert_eq!(woken.count(), 0);
        assert!(first.hold((72 + 8) << 10, &mut Context::from_waker(Waker::noop())));
        assert_eq!(woken.count(), 1);
    }

    #[test]
    fn whoever_waits_is_woken_when_there_is_some_again() {
        let budget = Arc::new(Budget::new(256 << 10, 16));
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let cx = &mut Context::from_waker(&waker);
        let (mut first, mut second) = (Taken::of(budget.clone()), Taken::of(budget.clone()));
        assert!(first.hold(100 << 10, cx));
        assert!(!second.hold(60 << 10, cx));
        assert!(!second.hold(60 << 10, cx));
        assert_eq!(woken.count(), 0);
        assert!(first.hold(50 << 10, cx));
        assert_eq!(woken.count(), 1);
        assert!(second.hold(60 << 10, cx));
        drop(first);
        drop(second);
        assert_eq!(budget.taken(), 0);
    }
}
