//! When calls are due.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Instant;

/// When calls are due, the earliest first.
///
/// Most calls on a connection are given the same time, and each is due after the one before it or together with it: these
/// stand in a line. The others are sorted.
///
/// A call that is over leaves its timer behind, which is worth more than to look for it: whoever asks says which are in force.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// In the order of their times.
    line: VecDeque<Group>,
    others: BinaryHeap<Reverse<(Instant, u32)>>,
}

/// Calls that are due together: those of these xids, all or some.
#[derive(Debug)]
struct Group {
    at: Instant,
    first: u32,
    last: u32,
}

impl Timers {
    /// How many there are, in force or not; calls that are due together count as one.
    pub(super) fn len(&self) -> usize {
        self.line.len().saturating_add(self.others.len())
    }

    /// Adds one of the call `xid`.
    pub(super) fn insert(&mut self, at: Instant, xid: u32) {
        match self.line.back_mut() {
            Some(group) if at < group.at => self.others.push(Reverse((at, xid))),
            Some(group) if at == group.at && group.is_next(xid) => group.last = xid,
            _ => self.line.push_back(Group {
                at,
                first: xid,
                last: xid,
            }),
        }
    }

    /// The first that is in force; those before it are forgotten.
    pub(super) fn first(
        &mut self,
        in_force: impl Fn(Instant, u32) -> bool,
    ) -> Option<(Instant, u32)> {
        while let Some(group) = self.line.front_mut()
            && !group.is_in_force(&in_force)
        {
            self.line.pop_front();
        }
        while let Some(&Reverse((at, xid))) = self.others.peek()
            && !in_force(at, xid)
        {
            self.others.pop();
        }
        let line = self.line.front().map(|group| (group.at, group.first));
        let other = self.others.peek().map(|Reverse(other)| *other);
        line.into_iter().chain(other).min()
    }

    /// Forgets those that are not in force.
    pub(super) fn retain(&mut self, in_force: impl Fn(Instant, u32) -> bool) {
        self.line.retain_mut(|group| group.is_in_force(&in_force));
        self.others.retain(|&Reverse((at, xid))| in_force(at, xid));
    }

    pub(super) fn clear(&mut self) {
        self.line.clear();
        self.others.clear();
    }
}

impl Group {
    /// Whether an xid comes a little after those of the group: it is not far where some are passed over.
    fn is_next(&self, xid: u32) -> bool {
        (1..=MOST_PASSED_OVER).contains(&xid.wrapping_sub(self.last))
    }

    /// Whether one of the calls is still due then; those before it are forgotten.
    fn is_in_force(&mut self, in_force: impl Fn(Instant, u32) -> bool) -> bool {
        while !in_force(self.at, self.first) {
            if self.first == self.last {
                return false;
            }
            self.first = self.first.wrapping_add(1);
        }
        true
    }
}

/// Xids that may be missing between two calls which are due together.
const MOST_PASSED_OVER: u32 = 16;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
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
        let mut all = Vec::new();
        for xid in 0..20_000 {
            // Most are due after the one before; some long after, and a few before.
            let after = match random(10) {
                0 => random(100_000),
                _ => 25_000,
            };
            // Some are due together.
            let at = begun + Duration::from_millis(u64::from(xid & !3) + after);
            timers.insert(at, xid);
            model.insert((at, xid));
            all.push((at, xid));
            while !all.is_empty() && random(100) < 49 {
                model.remove(&all.swap_remove(random(all.len() as u64) as usize));
            }
            if random(100) == 0 {
                timers.retain(|at, xid| model.contains(&(at, xid)));
                assert!(timers.len() <= model.len());
            }
            let first = timers.first(|at, xid| model.contains(&(at, xid)));
            assert_eq!(first, model.first().copied());
        }
        timers.clear();
        assert_eq!(timers.first(|_, _| true), None);
    }
}
