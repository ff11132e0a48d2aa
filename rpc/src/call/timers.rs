//! When calls are due.

use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

/// When calls are due, the earliest first.
///
/// Most calls on a connection are given the same time, and each is due after the one before it: these stand in a line, in
/// which one that is over leaves a gap. The others are sorted.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// In the order of their times; without an xid it is a gap. The first is none.
    line: VecDeque<(Instant, Option<u32>)>,
    /// How many have left the line, which may begin anew.
    gone: usize,
    gaps: usize,
    others: BTreeSet<(Instant, u32)>,
}

/// When a call is due, and where that is among the [`Timers`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer {
    pub(super) at: Instant,
    /// How many had ever stood in the line before it; nothing if it never did.
    place: Option<usize>,
}

impl Timers {
    /// Adds the call `xid`.
    pub(super) fn insert(&mut self, at: Instant, xid: u32) -> Timer {
        if self.line.back().is_some_and(|(last, _)| at < *last) {
            self.others.insert((at, xid));
            return Timer { at, place: None };
        }
        let place = self.gone.wrapping_add(self.line.len());
        self.line.push_back((at, Some(xid)));
        if self.gaps > MAX_GAPS.max(self.line.len() / 2) {
            self.sort_line();
        }
        Timer {
            at,
            place: Some(place),
        }
    }

    /// Takes the call `xid` out, if it is still there.
    pub(super) fn remove(&mut self, timer: Timer, xid: u32) {
        let place = timer.place.map(|place| place.wrapping_sub(self.gone));
        let Some((_, standing)) = place.and_then(|place| self.line.get_mut(place)) else {
            // The line has ended since, or never had it.
            self.others.remove(&(timer.at, xid));
            return;
        };
        if standing.take().is_some() {
            self.gaps = self.gaps.saturating_add(1);
        }
        while let Some((_, None)) = self.line.front() {
            self.line.pop_front();
            self.gaps = self.gaps.saturating_sub(1);
            self.gone = self.gone.wrapping_add(1);
        }
    }

    /// The call that is due first.
    pub(super) fn first(&self) -> Option<(Instant, u32)> {
        let line = self.line.front();
        let line = line.and_then(|&(at, xid)| Some((at, xid?)));
        line.into_iter().chain(self.others.first().copied()).min()
    }

    pub(super) fn clear(&mut self) {
        self.gone = self.gone.wrapping_add(self.line.len());
        self.gaps = 0;
        self.line.clear();
        self.others.clear();
    }

    /// Ends the line, so that gaps behind one call that takes long are not kept as long as it.
    fn sort_line(&mut self) {
        self.gone = self.gone.wrapping_add(self.line.len());
        self.gaps = 0;
        let standing = self.line.drain(..);
        let standing = standing.filter_map(|(at, xid)| Some((at, xid?)));
        self.others.extend(standing);
    }
}

/// Gaps that are nothing to speak of: 1.5 KiB.
const MAX_GAPS: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_first_is_the_earliest_whatever_came_and_went() {
        let begun = Instant::now();
        // A Lehmer generator, which is as random as it has to be here.
        let mut state = 7_u64;
        let mut random = |below: u64| {
            state = state * 48_271 % 0x7fff_ffff;
            state % below
        };
        let (mut timers, mut model) = (Timers::default(), BTreeSet::new());
        let mut all: Vec<(Timer, u32)> = Vec::new();
        for xid in 0..20_000 {
            // Most are due after the one before; some long after, and a few before.
            let after = match random(10) {
                0 => random(100_000),
                _ => 25_000,
            };
            let at = begun + Duration::from_millis(u64::from(xid) + after);
            all.push((timers.insert(at, xid), xid));
            model.insert((at, xid));
            while !all.is_empty() && random(100) < 49 {
                let (timer, xid) = all.swap_remove(random(all.len() as u64) as usize);
                // A second time it is not there any more.
                timers.remove(timer, xid);
                timers.remove(timer, xid);
                model.remove(&(timer.at, xid));
            }
            assert_eq!(timers.first(), model.first().copied());
            assert!(timers.line.len() + timers.others.len() <= 2 * model.len() + 2 * MAX_GAPS + 2);
        }
        timers.clear();
        assert_eq!(timers.first(), None);
    }

    #[test]
    fn a_call_that_takes_long_keeps_no_gaps() {
        let mut timers = Timers::default();
        let begun = Instant::now();
        timers.insert(begun, 0);
        for xid in 1..10_000 {
            let timer = timers.insert(begun + Duration::from_millis(xid.into()), xid);
            timers.remove(timer, xid);
            assert!(timers.line.len() <= 2 * MAX_GAPS + 2);
        }
        assert_eq!(timers.first(), Some((begun, 0)));
    }
}
