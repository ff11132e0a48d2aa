//! How much is taken on in a second, of each source and of all.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// So many in a second, so many at once after a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// In a second, in the long run.
    pub per_second: u32,
    /// At once, after a pause.
    pub at_once: u32,
}

/// The rates of each source and of all together, and how many sources are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Of each source.
    pub per_source: Rate,
    /// Of all sources together.
    pub in_all: Rate,
    /// Sources that are remembered at most.
    ///
    /// Those who have paused long enough to have all of their rate again are forgotten when there are so many. The
    /// others are never as many where this is more than `in_all` admits at once, and in the time in which a
    /// source gets one more; otherwise those for whom there is no row are not admitted.
    pub rows: usize,
}

/// What was admitted lately, of all and of each.
#[derive(Debug)]
pub struct Rates {
    bounds: Bounds,
    all: Spent,
    /// A tree, because a hash map that is always full and always changes grows beyond what is in it.
    sources: BTreeMap<IpAddr, Spent>,
}

/// What is spent of a rate, as the moment from which on it is there whole again.
#[derive(Clone, Copy, Debug)]
struct Spent {
    whole_at: Instant,
}

impl Rates {
    /// Everything is there from `now` on.
    pub fn new(bounds: Bounds, now: Instant) -> Self {
        Self {
            bounds,
            all: Spent { whole_at: now },
            sources: BTreeMap::new(),
        }
    }

    /// Whether one more is within its source's rate (if it has one) and that of all.
    ///
    /// What a source asks beyond its own costs the others nothing.
    pub fn admit(&mut self, source: Option<IpAddr>, now: Instant) -> bool {
        let Bounds {
            per_source,
            in_all,
            rows,
        } = self.bounds;
        let Some(source) = source else {
            return self.all.spend(in_all, now);
        };
        let known = self.sources.get(&source).copied();
        if known.is_none() && self.sources.len() >= rows {
            self.sources.retain(|_, spent| spent.whole_at > now);
            if self.sources.len() >= rows {
                return false;
            }
        }
        let mut own = known.unwrap_or(Spent { whole_at: now });
        if !own.spend(per_source, now) || !self.all.spend(in_all, now) {
            return false;
        }
        self.sources.insert(source, own);
        true
    }
}

/// The network that a host has for itself or shares with its neighbours, and can take any source address of: the first
/// 24 bits of an IPv4 address, the first 56 of an IPv6 address.
pub fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(ip) => Ipv4Addr::from_bits(ip.to_bits() & 0xffff_ff00).into(),
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !(u128::MAX >> 56)).into(),
    }
}

impl Rate {
    /// The same relation of what is there at once to what is there in a second, for so many in a second.
    #[must_use]
    pub fn scaled_to(self, per_second: u32) -> Self {
        let seconds = self.at_once.checked_div(self.per_second);
        let at_once = per_second.saturating_mul(seconds.unwrap_or(0));
        Self {
            per_second,
            at_once,
        }
    }
}

impl Spent {
    /// Spends one, if it is there.
    fn spend(&mut self, rate: Rate, now: Instant) -> bool {
        let Some(one) = Duration::from_secs(1).checked_div(rate.per_second) else {
            return false;
        };
        let whole_at = self.whole_at.max(now) + one;
        let there = whole_at.duration_since(now) <= one.saturating_mul(rate.at_once);
        if there {
            self.whole_at = whole_at;
        }
        there
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        per_source: Rate {
            per_second: 10,
            at_once: 20,
        },
        in_all: Rate {
            per_second: 500,
            at_once: 500,
        },
        rows: 2048,
    };

    fn source(number: u32) -> Option<IpAddr> {
        Some(IpAddr::V4((0x0a00_0000 + number).into()))
    }

    /// How many of many at `now` are admitted.
    fn admitted(rates: &mut Rates, source: Option<IpAddr>, now: Instant) -> usize {
        (0..5000).filter(|_| rates.admit(source, now)).count()
    }

    #[test]
    fn whatever_rate_is_set_nothing_of_nothing_is_there() {
        let now = Instant::now();
        for (per_second, at_once) in [(0, 0), (0, 1), (1, 0), (1, 1), (u32::MAX, u32::MAX)] {
            let rate = Rate {
                per_second,
                at_once,
            };
            let is_there = Spent { whole_at: now }.spend(rate, now);
            assert_eq!(is_there, per_second > 0 && at_once > 0, "{rate:?}");
            let scaled = rate.scaled_to(7);
            assert_eq!(scaled.at_once > 0, is_there, "{rate:?}");
        }
    }

    #[test]
    fn a_source_has_twenty_at_once_and_ten_in_each_second() {
        let start = Instant::now();
        let mut rates = Rates::new(BOUNDS, start);
        let after = |millis| start + Duration::from_millis(millis);
        for (millis, there) in [(0, 20), (99, 0), (100, 1), (1100, 10), (60_000, 20)] {
            let count = admitted(&mut rates, source(1), after(millis));
            assert_eq!(count, there, "after {millis} ms");
        }
        assert_eq!(admitted(&mut rates, source(2), after(60_000)), 20);
    }

    #[test]
    fn rates_can_be_lower() {
        let now = Instant::now();
        let bounds = Bounds {
            per_source: BOUNDS.per_source.scaled_to(1),
            in_all: BOUNDS.in_all.scaled_to(3),
            ..BOUNDS
        };
        let mut rates = Rates::new(bounds, now);
        let of_each = [1, 2, 3].map(|number| admitted(&mut rates, source(number), now));
        assert_eq!(of_each, [2, 1, 0]);
    }

    #[test]
    fn all_have_five_hundred_and_what_is_refused_costs_the_others_nothing() {
        let now = Instant::now();
        let mut rates = Rates::new(BOUNDS, now);
        let of_each: Vec<_> = (0..30)
            .map(|number| admitted(&mut rates, source(number), now))
            .collect();
        assert_eq!(of_each, [&[20; 25][..], &[0; 5]].concat());
        let later = now + Duration::from_millis(200);
        let without_own = admitted(&mut rates, None, later);
        assert_eq!(without_own, 100, "who has no own rate");
    }

    #[test]
    fn no_more_sources_are_remembered_than_there_are_rows_for() {
        let start = Instant::now();
        let mut rates = Rates::new(BOUNDS, start);
        for number in 0..100_000 {
            let now = start + Duration::from_millis(2) * number;
            assert!(rates.admit(source(number), now));
            assert!(rates.sources.len() <= BOUNDS.rows);
        }
    }

    #[test]
    fn without_a_row_a_source_is_not_admitted_and_those_who_have_one_are() {
        let now = Instant::now();
        let mut rates = Rates::new(Bounds { rows: 2, ..BOUNDS }, now);
        let of_each = [1, 2, 3, 1].map(|number| rates.admit(source(number), now));
        assert_eq!(of_each, [true, true, false, true]);
        assert_eq!(rates.sources.len(), 2);
        let later = |millis| now + Duration::from_millis(millis);
        assert!(!rates.admit(source(3), later(99)));
        assert!(
            rates.admit(source(3), later(100)),
            "the second has all again"
        );
    }

    #[test]
    fn hosts_of_one_network_are_one_source() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.254", true),
            ("192.0.2.1", "192.0.3.1", false),
            ("192.0.2.1", "::ffff:192.0.2.2", true),
            ("2001:db8:1:200::1", "2001:db8:1:2ff:1::", true),
            ("2001:db8:1:200::1", "2001:db8:1:300::1", false),
        ] {
            let [one, other] = [one, other].map(|ip| network(ip.parse().unwrap()));
            assert_eq!(one == other, same, "{one} {other}");
        }
    }
}
