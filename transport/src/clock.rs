//! What a driver remembers of time.

use std::pin::Pin;
use std::task::{Context, Poll};
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
    /// What wakes the driver's task.
    alarm: Option<Pin<Box<Sleep>>>,
    /// When it does, if it is set.
    wakes_at: Option<Instant>,
    /// Whether nothing has begun, since deadlines were last looked at, that could be due before the alarm: what was there
    /// only moves on.
    settled: bool,
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
            wakes_at: None,
            settled: false,
        }
    }

    /// Says that it is another task that is to be woken from now on.
    pub(crate) fn pass_to_another_task(&mut self) {
        self.wakes_at = None;
        self.settled = false;
    }

    pub(crate) fn tick(&mut self) {
        self.now = now();
    }

    pub(crate) fn wrote(&mut self, progress: bool, flushed: bool) {
        if progress {
            self.stirred = self.now;
        }
        if flushed {
            self.stalled = None;
            return;
        }
        if progress || self.stalled.is_none() {
            self.stalled = Some(self.now);
        }
        self.settled = false;
    }

    /// Says whether there were messages, and how much there is of one of which the rest has yet to arrive.
    pub(crate) fn read(&mut self, progress: bool, mid_message: Option<usize>) {
        if progress {
            self.settled &= self.idle.is_some();
            self.idle = Some(self.now);
            self.stirred = self.now;
        }
        let Some(arrived) = mid_message else {
            self.mid_message = None;
            return;
        };
        let since = match self.mid_message {
            Some((since, _)) if !progress => since,
            _ => self.now,
        };
        self.mid_message = Some((since, arrived));
        self.settled = false;
    }

    /// Says that there was a message.
    pub(crate) fn greeted(&mut self) {
        self.greeted = true;
    }

    /// Says whether a call is in flight. It is when the last one ends that the connection begins to idle.
    pub(crate) fn busy(&mut self, busy: bool) {
        if busy {
            self.idle = None;
        } else if self.idle.is_none() {
            self.idle = Some(self.now);
            self.settled = false;
        }
    }

    /// Whether nothing is due, and the task is woken when something may be.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.settled && self.wakes_at.is_none_or(|at| self.now < at)
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

    /// Pending until `at`, before which nothing is due, if there is such a time.
    ///
    /// An earlier alarm that is set already stays: it asks again when it goes off, and a busy connection whose deadlines
    /// move on does not set a new one each time.
    pub(crate) fn poll_until(&mut self, at: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        self.settled = true;
        let (now, set) = (self.now, self.wakes_at);
        let Some(at) = at else {
            self.wakes_at = set.filter(|set| now < *set);
            return Poll::Pending;
        };
        if set.is_some_and(|set| now < set && set <= at) {
            return Poll::Pending;
        }
        let when = tokio::time::Instant::from_std(at);
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(when)));
        if alarm.deadline() > when || alarm.is_elapsed() {
            alarm.as_mut().reset(when);
        }
        let polled = alarm.as_mut().poll(cx);
        self.settled = polled.is_pending();
        self.wakes_at = self.settled.then(|| alarm.deadline().into_std());
        polled
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
