//! Ladders, lent to connections for a batch of calls.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread::available_parallelism;

use oncrpc::{Ladder, Services};

/// Ladders over the same services, lent out for a batch of calls at a time.
///
/// There are as many of them as batches at once, which is the number of workers; what handlers keep
/// for the next call (their cells) stays warm, and an idle connection owns none of it. Each worker gets the same one
/// again and again: a ladder that two processors have by turns goes back and forth between their caches, for which a short call
/// waits a twentieth of its time.
#[derive(Debug)]
pub struct LadderPool {
    services: Arc<Services>,
    ladders: Box<[Place]>,
}

/// Where a ladder is when it is not lent: in no pair of cache lines, which are fetched together, with another worker's.
#[derive(Debug)]
#[repr(align(128))]
struct Place(Mutex<Ladder>);

/// How many threads have asked for a ladder.
static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// How many had before this one.
    static NUMBER: usize = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// A ladder that is lent until this is dropped.
#[derive(Debug)]
pub(crate) enum Lent<'a> {
    /// One of the pool.
    Kept(MutexGuard<'a, Ladder>),
    /// Where all of these are lent: there are more workers than processors.
    Extra(Box<Ladder>),
}

impl LadderPool {
    /// A pool with a ladder for each processor.
    pub fn new(services: Arc<Services>) -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self::of(services, processors)
    }

    fn of(services: Arc<Services>, count: usize) -> Self {
        let place = |_| Place(Mutex::new(Ladder::new(services.clone())));
        Self {
            ladders: (0..count).map(place).collect(),
            services,
        }
    }

    /// A ladder for a batch.
    pub(crate) fn lend(&self) -> Lent<'_> {
        self.lend_to(NUMBER.with(|number| *number))
    }

    /// The ladder of the thread of this number, or another one if that is lent.
    #[inline]
    fn lend_to(&self, number: usize) -> Lent<'_> {
        let Place(own) = &self.ladders[number % self.ladders.len()];
        match self.try_lend(own) {
            Some(ladder) => Lent::Kept(ladder),
            None => self.lend_another(),
        }
    }

    #[cold]
    fn lend_another(&self) -> Lent<'_> {
        let mut places = self.ladders.iter();
        match places.find_map(|Place(ladder)| self.try_lend(ladder)) {
            Some(ladder) => Lent::Kept(ladder),
            None => Lent::Extra(Box::new(self.another())),
        }
    }

    #[inline]
    fn try_lend<'a>(&self, ladder: &'a Mutex<Ladder>) -> Option<MutexGuard<'a, Ladder>> {
        match ladder.try_lock() {
            Ok(ladder) => Some(ladder),
            Err(TryLockError::Poisoned(lent)) => {
                ladder.clear_poison();
                let mut lent = lent.into_inner();
                self.renew(&mut lent);
                Some(lent)
            }
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Has another take the place of a ladder on which a service has panicked, halfway through whatever it was at.
    #[cold]
    pub(crate) fn renew(&self, ladder: &mut Ladder) {
        *ladder = self.another();
    }

    /// A ladder on which nobody has called yet.
    fn another(&self) -> Ladder {
        Ladder::new(self.services.clone())
    }
}

impl Deref for Lent<'_> {
    type Target = Ladder;

    fn deref(&self) -> &Ladder {
        match self {
            Self::Kept(ladder) => ladder,
            Self::Extra(ladder) => ladder,
        }
    }
}

impl DerefMut for Lent<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Ladder {
        match self {
            Self::Kept(ladder) => ladder,
            Self::Extra(ladder) => ladder,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use bytes::Bytes;
    use oncrpc::netid::Netid;
    use oncrpc::peer::Peer;
    use oncrpc::{Call, Framing, Reply, Session, Step, service};
    use oncrpc_xdr::Writer;

    use super::*;

    const PROGRAM: u32 = 0x2000_0001;

    #[test]
    fn a_thread_gets_the_same_ladder_again_and_no_other_one_unless_that_is_lent() {
        let ladders = LadderPool::of(Arc::new(Services::new([])), 2);
        let lend = |number| {
            let lent = ladders.lend_to(number);
            let place = std::ptr::from_ref::<Ladder>(&lent);
            (lent, place)
        };
        let ((first, at_first), (second, at_second)) = (lend(0), lend(1));
        assert_ne!(at_first, at_second);
        assert!(matches!(lend(3).0, Lent::Extra(_)), "both are lent");
        drop(first);
        assert_eq!(lend(3).1, at_first, "its own is lent");
        drop(second);
        for _ in 0..2 {
            assert_eq!((lend(0).1, lend(3).1), (at_first, at_second));
        }
    }

    #[test]
    fn what_a_panic_has_left_halfway_is_not_lent_again() {
        let halfway = service(PROGRAM, 1, &[], Arc::new(()), |_| {
            let mut is_at_work = false;
            Box::new(move |call: &Call<'_>, reply: &mut Reply<'_>| {
                assert!(!is_at_work, "it is called again");
                is_at_work = true;
                assert_ne!(call.procedure(), 1, "as asked for");
                is_at_work = false;
                reply.success::<()>(&())
            })
        });
        let ladders = LadderPool::new(Arc::new(Services::new([halfway])));
        let mut session = Session::new(Peer::local(Netid::Local));
        let mut answer = |procedure: u32| {
            let call = [7, 0, 2, PROGRAM, 1, procedure, 0, 0, 0, 0].map(u32::to_be_bytes);
            let call = Bytes::copy_from_slice(call.as_flattened());
            let (framing, mut out) = (Framing::Record, Writer::new());
            let answering = || {
                ladders
                    .lend()
                    .answer(&mut session, &call, framing, &mut out)
            };
            catch_unwind(AssertUnwindSafe(answering))
        };
        for _ in 0..2 {
            assert!(answer(1).is_err());
            assert!(matches!(answer(0), Ok(Step::Done)));
        }
    }
}
