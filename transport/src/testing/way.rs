//! When what is sent arrives.

use std::time::Duration;

use tokio::time::Instant;

/// A time in which nothing arrives; what is sent meanwhile arrives at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// Bytes that arrive before.
    pub after: usize,
    /// How long it is, from the first byte that it holds up.
    pub time: Duration,
}

/// One direction of a path, as far as time goes.
#[derive(Debug)]
pub(super) struct Way {
    /// Bytes a second, if there is a limit.
    rate: Option<u32>,
    stall: Option<Stall>,
    /// When the way is free for the next.
    free: Instant,
    passed: usize,
    stalled_until: Option<Instant>,
}

impl Way {
    pub(super) fn new(rate: Option<u32>, stall: Option<Stall>) -> Self {
        Self {
            rate,
            stall,
            free: Instant::now(),
            passed: 0,
            stalled_until: None,
        }
    }

    /// When so many bytes arrive that are sent now and are on the way for `delay`.
    pub(super) fn arrival(&mut self, len: usize, delay: Duration) -> Instant {
        let now = Instant::now();
        let mut at = now + delay;
        if let Some(rate) = self.rate {
            let takes = Duration::from_secs(len as u64) / rate.max(1);
            self.free = self.free.max(now) + takes;
            at = self.free + delay;
        }
        self.passed += len;
        if let Some(Stall { after, time }) = self.stall
            && self.passed > after
        {
            at = at.max(*self.stalled_until.get_or_insert(now + time));
        }
        at
    }
}
