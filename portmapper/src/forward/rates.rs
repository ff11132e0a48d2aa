//! How many calls are forwarded in a second.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// So many in a second, so many at once after a pause.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// In a second, in the long run.
    pub per_second: u32,
    /// At once, after a pause.
    pub at_once: u32,
}

/// Calls of one caller.
///
/// A broadcast of libtirpc's comes as two, of versions 3 and 2, from each interface that the caller has with
/// us, and again after 4 s: ten programs can be asked for at once, five in each second.
pub const PER_CALLER: Rate = Rate {
    per_second: 10,
    at_once: 20,
};

/// Calls of all callers together.
///
/// A call costs 80 µs of processor time (user and system time of a release build in /proc over 2,000 calls, the
/// service's own not counted), so these are 4 % of a core. A network of 250 hosts may ask at the same moment, as
/// when they are all switched on.
pub const IN_ALL: Rate = Rate {
    per_second: 500,
    at_once: 500,
};

/// Callers that are remembered at most.
///
/// Those who have paused long enough to have all their calls again are forgotten when there are so many. The
/// others cannot be as many: in that time, 2 s, no more than 1,500 calls are admitted.
const CALLERS: usize = 2048;

/// What was admitted lately, of all and of each.
#[derive(Debug)]
pub(super) struct Rates {
    per_caller: Rate,
    in_all: Rate,
    all: Spent,
    /// A tree, because a hash map that is always full and always changes grows beyond what is in it.
    callers: BTreeMap<IpAddr, Spent>,
}

/// What is spent of a rate, as the moment from which on it is there whole again.
#[derive(Clone, Copy, Debug)]
struct Spent {
    whole_at: Instant,
}

impl Rates {
    /// Everything is there from `now` on.
    pub(super) fn new(per_caller: Rate, in_all: Rate, now: Instant) -> Self {
        Self {
            per_caller,
            in_all,
            all: Spent { whole_at: now },
            callers: BTreeMap::new(),
        }
    }

    /// Whether one more call is within its caller's rate (if it has one) and that of all.
    ///
    /// What a caller asks beyond its own costs the others nothing.
    pub(super) fn admit(&mut self, caller: Option<IpAddr>, now: Instant) -> bool {
        let Some(caller) = caller else {
            return self.all.spend(self.in_all, now);
        };
        let whole = Spent { whole_at: now };
        let mut own = self.callers.get(&caller).copied().unwrap_or(whole);
        if !own.spend(self.per_caller, now) || !self.all.spend(self.in_all, now) {
            return false;
        }
        if self.callers.len() >= CALLERS {
            self.callers.retain(|_, spent| spent.whole_at > now);
        }
        self.callers.insert(caller, own);
        true
    }
}

impl Rate {
    /// The same relation of what is there at once to what is there in a second, for so many in a second.
    pub(super) fn scaled_to(self, per_second: u32) -> Self {
        let at_once = per_second * (self.at_once / self.per_second);
        Self {
            per_second,
            at_once,
        }
    }
}

impl Spent {
    /// Spends one, if it is there.
    fn spend(&mut self, rate: Rate, now: Instant) -> bool {
        let one = Duration::from_secs(1) / rate.per_second;
        let whole_at = self.whole_at.max(now) + one;
        let there = whole_at.duration_since(now) <= one * rate.at_once;
        if there {
            self.whole_at = whole_at;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4((0x0a00_0000 + number).into()))
    }

    /// How many of many calls at `now` are admitted.
    fn admitted(rates: &mut Rates, caller: Option<IpAddr>, now: Instant) -> usize {
        (0..5000).filter(|_| rates.admit(caller, now)).count()
    }

    #[test]
    fn a_caller_has_twenty_at_once_and_ten_in_each_second() {
        let start = Instant::now();
        let mut rates = Rates::new(PER_CALLER, IN_ALL, start);
        let after = |millis| start + Duration::from_millis(millis);
        for (millis, there) in [(0, 20), (99, 0), (100, 1), (1100, 10), (60_000, 20)] {
            let count = admitted(&mut rates, caller(1), after(millis));
            assert_eq!(count, there, "after {millis} ms");
        }
        assert_eq!(admitted(&mut rates, caller(2), after(60_000)), 20);
    }

    #[test]
    fn rates_can_be_lower() {
        let now = Instant::now();
        let [one, two] = [PER_CALLER.scaled_to(1), IN_ALL.scaled_to(3)];
        let mut rates = Rates::new(one, two, now);
        let of_each = [1, 2, 3].map(|number| admitted(&mut rates, caller(number), now));
        assert_eq!(of_each, [2, 1, 0]);
    }

    #[test]
    fn all_have_five_hundred_and_what_is_refused_costs_the_others_nothing() {
        let now = Instant::now();
        let mut rates = Rates::new(PER_CALLER, IN_ALL, now);
        let of_each: Vec<_> = (0..30)
            .map(|number| admitted(&mut rates, caller(number), now))
            .collect();
        assert_eq!(of_each, [&[20; 25][..], &[0; 5]].concat());
        let later = now + Duration::from_millis(200);
        assert_eq!(
            admitted(&mut rates, None, later),
            100,
            "who has no own rate"
        );
    }

    #[test]
    fn no_more_callers_are_remembered_than_there_is_room_for() {
        let start = Instant::now();
        let mut rates = Rates::new(PER_CALLER, IN_ALL, start);
        for number in 0..100_000 {
            let now = start + Duration::from_millis(2) * number;
            assert!(rates.admit(caller(number), now));
            assert!(rates.callers.len() <= CALLERS);
        }
    }
}
