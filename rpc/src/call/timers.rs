//! When calls are due.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::call::caller::after;
use crate::call::xids::Xids;

/// When calls are due, the earliest first.
///
/// Most calls on a stream are given the same time, so that each is due after the one before it, or together with it. They stand in
/// a line, in groups of those that are due nearly together, and nobody has to look at each of them. The others are sorted.
///
/// A call that is over leaves its timer behind, which is worth more than to look for it: whoever asks says which are in force.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// Calls whose time has not begun.
    begun: Vec<Begun>,
    /// Calls that are given the same time.
    line: VecDeque<Group>,
    others: BinaryHeap<Reverse<(Instant, u32)>>,
}

/// Calls that were begun one after the other and are given the same time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) xids: Xids,
    pub(super) timeout: Duration,
}

/// Calls that are due nearly together.
#[derive(Debug)]
struct Group {
    xids: Xids,
    timeout: Duration,
    /// When the first of them is due.
    from: Instant,
    /// When the last of them is, and all are taken to be.
    at: Instant,
}

impl Timers {
    /// How many there are, in force or not; a group counts as one.
    pub(super) fn len(&self) -> usize {
        self.line.len().saturating_add(self.others.len())
    }

    /// Takes note of a call whose time has not begun.
    #[inline]
    pub(super) fn begin(&mut self, xid: u32, timeout: Duration) {
        let xids = Xids::of(xid);
        if let Some(calls) = self.begun.last_mut()
            && calls.timeout == timeout
            && calls.xids.take_up(xids)
        {
            return;
        }
        self.begun.push(Begun { xids, timeout });
    }

    /// The calls whose time has not begun: it does now. Who has gone through them gives the list back.
    pub(super) fn take_begun(&mut self) -> Vec<Begun> {
        std::mem::take(&mut self.begun)
    }

    /// Takes the list back, empty: it is needed again in every turn, and is not allocated in each.
    pub(super) fn give_back(&mut self, begun: Vec<Begun>) {
        self.begun = begun;
    }

    /// Adds a timer for the end of the time of calls, which begins `now`.
    pub(super) fn start(&mut self, calls: Begun, now: Instant) {
        let at = after(now, calls.timeout);
        if let Some(group) = self.line.back_mut() {
            if calls.timeout != group.timeout || at < group.at {
                let others = calls.xids.iter().map(|xid| Reverse((at, xid)));
                return self.others.extend(others);
            }
            if group.take_up(calls.xids, at) {
                return;
            }
        }
        self.line.push_back(Group {
            xids: calls.xids,
            timeout: calls.timeout,
            from: at,
            at,
        });
    }

    /// Adds one of the call `xid` alone.
    pub(super) fn insert(&mut self, at: Instant, xid: u32) {
        self.others.push(Reverse((at, xid)));
    }

    /// When the first is due; of those that stand in line, it need not be in force any more.
    pub(super) fn first(&mut self, is_in_force: impl Fn(Instant, u32) -> bool) -> Option<Instant> {
        while let Some(&Reverse((at, xid))) = self.others.peek()
            && !is_in_force(at, xid)
        {
            self.others.pop();
        }
        let line = self.line.front().map(|group| group.at);
        let other = self.others.peek().map(|Reverse((at, _))| *at);
        line.into_iter().chain(other).min()
    }

    /// Takes one if it is due, in force or not: when that was, and which calls were.
    pub(super) fn pop(&mut self, is_due: impl Fn(Instant) -> bool) -> Option<(Instant, Xids)> {
        if let Some(group) = self.line.pop_front_if(|group| is_due(group.at)) {
            return Some((group.at, group.xids));
        }
        let first = self.others.peek_mut()?;
        let Reverse((at, xid)) = *first;
        if !is_due(at) {
            return None;
        }
        PeekMut::pop(first);
        Some((at, Xids::of(xid)))
    }

    /// When the time of call `xid` is up, if it has begun and is not over. Who asks has mostly just begun it.
    pub(super) fn find(&self, xid: u32) -> Option<Instant> {
        let mut line = self.line.iter().rev();
        let group = line.find(|group| group.xids.contains(xid));
        let other = || {
            let mut others = self.others.iter().rev();
            others.find_map(|&Reverse((at, other))| (other == xid).then_some(at))
        };
        group.map(|group| group.at).or_else(other)
    }

    /// Forgets those that are not in force.
    pub(super) fn retain(
        &mut self,
        is_any_left: impl Fn(Xids) -> bool,
        is_in_force: impl Fn(Instant, u32) -> bool,
    ) {
        self.line.retain(|group| is_any_left(group.xids));
        self.others
            .retain(|&Reverse((at, xid))| is_in_force(at, xid));
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.begun.clear();
        self.line.clear();
        self.others.clear();
    }
}

impl Group {
    /// Takes up the calls that come next, if they are due so soon after the first that all may be taken to be due together; gives
    /// back whether they are.
    fn take_up(&mut self, xids: Xids, at: Instant) -> bool {
        let spread = at.saturating_duration_since(self.from);
        let do_join = spread.saturating_mul(PARTS) <= self.timeout && self.xids.take_up(xids);
        if do_join {
            self.at = at;
        }
        do_join
    }
}

/// Calls may end later than in time by one part of it in so many: 98 ms of 25 s.
const PARTS: u32 = 256;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn each_is_due_at_its_time_or_little_later_and_never_before() {
        let begun = Instant::now();
        // A Lehmer generator, which is as random as it has to be here.
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state * 48_271 % 0x7fff_ffff;
            state % below
        };
        let (mut timers, mut model) = (Timers::default(), BTreeMap::new());
        let mut now = begun;
        for xid in 0..20_000 {
            // Most are given the same time; and some xids are of messages that nobody answers.
            let timeout = Duration::from_millis(match random(10) {
                0 => random(100_000),
                _ => 25_000,
            });
            if random(20) > 0 {
                timers.begin(xid, timeout);
            }
            if random(3) > 0 {
                continue;
            }
            now += Duration::from_millis(random(40));
            for calls in timers.take_begun() {
                timers.start(calls, now);
                let due = now + calls.timeout;
                model.extend(calls.xids.iter().map(|xid| (xid, (due, calls.timeout))));
            }
            assert_eq!(timers.find(xid).is_some(), model.contains_key(&xid));
            while let Some((at, xids)) = timers.pop(|at| at <= now) {
                for xid in xids.iter() {
                    let (due, timeout) = model.remove(&xid).unwrap();
                    assert!((due..=due + timeout / PARTS).contains(&at) && at <= now);
                }
            }
            let first = timers.first(|_, xid| model.contains_key(&xid));
            let least = model.values().map(|(due, _)| *due).min();
            assert!(first > Some(now) && first >= least || model.is_empty());
        }
        // Groups, and one in ten by itself.
        assert!(model.len() > 2_000 && timers.len() < model.len() / 2);
        timers.retain(|_| false, |_, xid| model.contains_key(&xid));
        assert!(timers.line.is_empty() && !timers.others.is_empty());
        timers.clear();
        assert_eq!(timers.first(|_, _| true), None);
    }
}
