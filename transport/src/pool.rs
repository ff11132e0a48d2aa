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
                Err(TryLockError::Poisoned(ladder)) => return Lent::Kept(ladder.into_inner()),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        Lent::Extra(Box::new(Ladder::new(self.services.clone())))
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
