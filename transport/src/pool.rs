//! Ladders, lent to connections for a batch of calls.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::thread::available_parallelism;

use oncrpc::{Ladder, Services};

/// Ladders over the same services, lent out for a batch of calls at a time.
///
/// There are as many of them as batches at once, which is the number of workers; what handlers keep
/// for the next call (their cells) stays warm, and an idle connection owns none of it.
#[derive(Debug)]
pub struct LadderPool {
    services: Arc<Services>,
    ladders: Box<[Mutex<Ladder>]>,
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
        let ladder = |_| Mutex::new(Ladder::new(services.clone()));
        Self {
            ladders: (0..processors).map(ladder).collect(),
            services,
        }
    }

    /// A ladder for a batch.
    pub(crate) fn lend(&self) -> Lent<'_> {
        for ladder in &self.ladders {
            match ladder.try_lock() {
                Ok(ladder) => return Lent::Kept(ladder),
                Err(TryLockError::Poisoned(lent)) => {
                    ladder.clear_poison();
                    let mut lent = lent.into_inner();
                    self.renew(&mut lent);
                    return Lent::Kept(lent);
                }
                Err(TryLockError::WouldBlock) => {}
            }
        }
        Lent::Extra(Box::new(self.another()))
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
