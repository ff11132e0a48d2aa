//! Ladders, lent to connections for a batch of calls.

use std::sync::{Arc, Mutex, PoisonError};

use oncrpc::{Ladder, Services};

/// Ladders over the same services, lent out for a batch of calls at a time.
///
/// There are never more of them than batches at once, which is the number of workers; what handlers keep
/// for the next call (their cells) stays warm, and an idle connection owns none of it.
#[derive(Debug)]
pub struct LadderPool {
    services: Arc<Services>,
    idle: Mutex<Vec<Ladder>>,
}

impl LadderPool {
    /// An empty pool.
    pub fn new(services: Arc<Services>) -> Self {
        Self {
            services,
            idle: Mutex::default(),
        }
    }

    /// A ladder for a batch.
    pub(crate) fn take(&self) -> Ladder {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        idle.unwrap_or_else(|| Ladder::new(self.services.clone()))
    }

    /// Takes a ladder back.
    pub(crate) fn give(&self, ladder: Ladder) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ladder);
    }
}
