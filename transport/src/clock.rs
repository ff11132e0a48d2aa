//! What a driver remembers of time.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use oncrpc::call::caller::after;
use tokio::time::Sleep;

use crate::Limits;
use crate::limits::HEADER;

/// What the driver remembers of time.
#[derive(Debug)]
pub(crate) struct Clock {
    /// When this turn began.
    pub(crate) now: Instant,
    /// Since when the connection has had nothing to do; `None` while it has.
    idle: Option<Instant>,
    /// Since when a part of a message has been there without the rest, and how much of it there is.
    mid_message: Option<(Instant, usize)>,
    /// Whether there ever was a message.
    greeted: bool,
    /// When something was last read or written.
    stirred: Instant,
    /// Since when unsent output has stood still.
    stalled: Option<Instant>,
    /// What wakes the driver's task, and that task once it is set.
    alarm: Option<(Pin<Box<Sleep>>, Option<Waker>)>,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let now = now();
        Self {
            now,
            idle: Some(now),
            mid_message: None,
            greeted: false,
            stirred: now,
            stalled: None,
            alarm: None,
        }
    }

    pub(crate) fn tick(&mut self) {
        self.now = now();
    }

    pub(crate) fn wrote(&mut self, progress: bool, flushed: bool) {
        if progress {
            self.stirred = self.now;
        }
        self.stalled = match self.stalled {
            _ if flushed => None,
            Some(since) if !progress => Some(since),
            _ => Some(self.now),
        };
    }

    /// Says whether there were messages, and how much there is of one of which the rest has yet to arrive.
    pub(crate) fn read(&mut self, progress: bool, mid_message: Option<usize>) {
        if progress {
            self.idle = Some(self.now);
            self.stirred = self.now;
        }
        let since = match self.mid_message {
            Some((since, _)) if !progress => since,
            _ => self.now,
        };
        self.mid_message = mid_message.map(|arrived| (since, arrived));
    }

    /// Says that there was a message.
    pub(crate) fn greeted(&mut self) {
        self.greeted = true;
    }

    /// Says whether a call is in flight. It is when the last one ends that the connection begins to idle.
    pub(crate) fn busy(&mut self, busy: bool) {
        self.idle = match self.idle {
            _ if busy => None,
            idle => idle.or(Some(self.now)),
        };
    }

    /// Whether it is not this long yet that something was read or written.
    pub(crate) fn stirred_within(&self, time: Duration) -> bool {
        self.now.saturating_duration_since(self.stirred) < time
    }

    /// When the connection's own time is up, and why that would be.
    pub(crate) fn next_deadline(&self, limits: &Limits) -> Option<(Instant, &'static str)> {
        let mut earliest = None;
        let mut consider = |since, limit, why| {
            let at = after(since, limit);
            if earliest.is_none_or(|(earliest, _)| at < earliest) {
                earliest = Some((at, why));
            }
        };
        if let Some((since, arrived)) = self.mid_message {
            consider(
                since,
                longest(arrived, limits),
                "half a message for too long",
            );
        }
        if let Some(since) = self.stalled {
            consider(since, limits.write_stall, "the peer takes no output");
        }
        if let Some(since) = self.idle {
            if let Some(first) = limits.first_record.filter(|_| !self.greeted) {
                consider(since, first, "no message in all the time");
            }
            if let Some(limit) = limits.idle {
                consider(since, limit, "idle for too long");
            }
        }
        earliest
    }

    /// Pending until `at`. An earlier alarm that is set already stays: it asks again when it goes off, and
    /// a busy connection whose deadlines move on does not set a new one each time.
    pub(crate) fn poll_until(&mut self, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let at = tokio::time::Instant::from_std(at);
        let now = tokio::time::Instant::from_std(self.now);
        let (sleep, set_by) = self
            .alarm
            .get_or_insert_with(|| (Box::pin(tokio::time::sleep_until(at)), None));
        let deadline = sleep.deadline();
        let is_set = |waker: &Waker| waker.will_wake(cx.waker());
        if now < deadline && deadline <= at && set_by.as_ref().is_some_and(is_set) {
            return Poll::Pending;
        }
        if deadline > at || sleep.is_elapsed() {
            sleep.as_mut().reset(at);
        }
        *set_by = Some(cx.waker().clone());
        sleep.as_mut().poll(cx)
    }
}

/// Longest time in which these bytes of a message may have been all that arrived.
fn longest(arrived: usize, limits: &Limits) -> Duration {
    let whole = match limits.pace {
        Some(pace) => limits.mid_record.min(pace.longest(arrived)),
        None => limits.mid_record,
    };
    if arrived < HEADER {
        whole.min(limits.header)
    } else {
        whole
    }
}

/// The time as tokio has it, so that tests can move it.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
