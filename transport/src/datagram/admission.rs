//! Whose datagrams are looked at.
//!
//! Anybody can send a datagram in anybody's name. What is refused here is refused in silence, before a byte of it is
//! decoded: an answer would go to whom it was not asked by, and one that says "too many" is one too many.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::DatagramLimits;
use crate::rates::{Rates, network};

/// Ports that are never answered. Nobody calls from port 0; at the others there may be one of the small servers that
/// answer whatever they are sent: echo, daytime, qotd and chargen.
const NEVER_ANSWERED: [u16; 5] = [0, 7, 13, 17, 19];

/// The index of the loopback interface, which is the first of every network namespace: `LOOPBACK_IFINDEX` in Linux's
/// include/net/flow.h.
const LOOPBACK_INTERFACE: u32 = 1;

/// What is let in of the datagrams to one address, by whichever of its sockets they come, and what of it is at hand.
#[derive(Debug)]
pub struct Admission {
    limits: DatagramLimits,
    elsewhere: Mutex<Elsewhere>,
    refused: AtomicU64,
}

/// What is known of callers elsewhere; those on this host are not counted.
#[derive(Debug)]
struct Elsewhere {
    rates: Option<Rates>,
    /// Handlers at work for each network; whoever has none is not in here.
    at_work: HashMap<IpAddr, usize>,
}

/// What a datagram that was let in counts to: its network, or this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Source(Option<IpAddr>);

/// A handler that is at work.
#[derive(Debug)]
pub(super) struct AtWork {
    admission: Arc<Admission>,
    source: Source,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.admission.end(self.source);
    }
}

impl Admission {
    /// Lets in what these limits allow, all of it from `now` on.
    pub fn new(limits: DatagramLimits, now: Instant) -> Self {
        let elsewhere = Elsewhere {
            rates: limits.rates.map(|bounds| Rates::new(bounds, now)),
            at_work: HashMap::new(),
        };
        Self {
            limits,
            elsewhere: Mutex::new(elsewhere),
            refused: AtomicU64::new(0),
        }
    }

    /// Datagrams that were not looked at since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn limits(&self) -> &DatagramLimits {
        &self.limits
    }

    /// Whether a datagram that `interface` brought is looked at, and as whose.
    pub(super) fn admit(&self, remote: SocketAddr, interface: u32, now: Instant) -> Option<Source> {
        let source = self.source(remote, interface, now);
        if source.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        source
    }

    fn source(&self, remote: SocketAddr, interface: u32, now: Instant) -> Option<Source> {
        if self.limits.refuse_odd_sources && is_odd(remote) {
            return None;
        }
        let ip = remote.ip().to_canonical();
        if ip.is_loopback() && interface == LOOPBACK_INTERFACE {
            return Some(Source(None));
        }
        let network = network(ip);
        let mut elsewhere = self.elsewhere();
        let at_work = elsewhere.at_work.get(&network).copied().unwrap_or(0);
        if at_work >= self.limits.in_flight_per_source {
            return None;
        }
        let rates = elsewhere.rates.as_mut();
        if rates.is_some_and(|rates| !rates.admit(Some(network), now)) {
            return None;
        }
        Some(Source(Some(network)))
    }

    /// Takes note that a handler is at work, until what this gives is dropped.
    pub(super) fn begin(self: &Arc<Self>, source: Source) -> AtWork {
        if let Source(Some(network)) = source {
            *self.elsewhere().at_work.entry(network).or_default() += 1;
        }
        AtWork {
            admission: self.clone(),
            source,
        }
    }

    fn end(&self, source: Source) {
        let Source(Some(network)) = source else {
            return;
        };
        let mut elsewhere = self.elsewhere();
        if let Some(at_work) = elsewhere.at_work.get_mut(&network) {
            *at_work -= 1;
            if *at_work == 0 {
                elsewhere.at_work.remove(&network);
            }
        }
    }

    fn elsewhere(&self) -> MutexGuard<'_, Elsewhere> {
        // A panic while it was open left it as it was: each change is one step.
        self.elsewhere
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether no caller has such an address: an answer would go to many, to nobody, or to what answers it in turn.
///
/// Linux drops what comes from a broadcast address of its networks, and over IPv4 what comes from outside with an
/// address of its own; what a process of this host sends to such an address looks the same to us.
fn is_odd(remote: SocketAddr) -> bool {
    let to_many = match remote.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_multicast() || ip.is_unspecified(),
    };
    to_many || NEVER_ANSWERED.contains(&remote.port())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rates::{Bounds, Rate};

    const ELSEWHERE: u32 = 2;

    const LIMITS: DatagramLimits = DatagramLimits {
        in_flight_per_source: 2,
        rates: Some(Bounds {
            per_source: Rate {
                per_second: 200,
                at_once: 400,
            },
            in_all: Rate {
                per_second: 20_000,
                at_once: 2_000,
            },
            rows: 4_096,
        }),
        ..DatagramLimits::SERVER
    };

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    /// How many of 10,000 datagrams are looked at.
    fn admitted(limits: DatagramLimits, remote: &str, interface: u32) -> usize {
        let now = Instant::now();
        let admission = Admission::new(limits, now);
        (0..10_000)
            .filter(|_| admission.admit(at(remote), interface, now).is_some())
            .count()
    }

    #[test]
    fn sources_that_no_caller_has_are_never_answered() {
        for odd in [
            "192.0.2.1:0",
            "192.0.2.1:7",
            "192.0.2.1:13",
            "192.0.2.1:17",
            "127.0.0.1:19",
            "[::1]:19",
            "224.0.0.1:900",
            "[ff02::202]:900",
            "[::ffff:239.1.2.3]:900",
            "255.255.255.255:900",
            "0.0.0.0:900",
            "0.1.2.3:900",
            "[::]:900",
        ] {
            assert_eq!(admitted(DatagramLimits::SERVER, odd, ELSEWHERE), 0, "{odd}");
            let any = DatagramLimits {
                refuse_odd_sources: false,
                ..DatagramLimits::SERVER
            };
            assert_eq!(admitted(any, odd, ELSEWHERE), 10_000, "{odd}");
        }
        for plain in [
            "192.0.2.1:6",
            "192.0.2.1:8",
            "[2001:db8::1]:1",
            "223.1.1.1:20",
        ] {
            assert_eq!(
                admitted(DatagramLimits::SERVER, plain, ELSEWHERE),
                10_000,
                "{plain}"
            );
        }
    }

    #[test]
    fn a_network_has_its_rate_and_this_host_none() {
        for (remote, interface, expected) in [
            ("192.0.2.1:900", ELSEWHERE, 400),
            ("[2001:db8::1]:900", ELSEWHERE, 400),
            ("127.0.0.1:900", LOOPBACK_INTERFACE, 10_000),
            ("[::1]:900", LOOPBACK_INTERFACE, 10_000),
            // That address never comes by a wire.
            ("127.0.0.1:900", ELSEWHERE, 400),
        ] {
            let count = admitted(LIMITS, remote, interface);
            assert_eq!(count, expected, "{remote} by {interface}");
        }
    }

    #[test]
    fn a_spread_of_a_million_sources_finds_twenty_thousand_a_second_and_rows_that_stay_as_many() {
        let start = Instant::now();
        let admission = Admission::new(LIMITS, start);
        let mut admitted = 0;
        // 100,000 in each second, each from a network of its own.
        for number in 0..1_000_000_u32 {
            let remote = SocketAddr::new(IpAddr::V4((0x0a00_0000 + number * 256).into()), 900);
            let now = start + Duration::from_micros(10) * number;
            admitted += usize::from(admission.admit(remote, ELSEWHERE, now).is_some());
        }
        assert!((200_000..=202_001).contains(&admitted), "{admitted}");
    }

    #[test]
    fn handlers_of_one_network_leave_room_for_others() {
        let now = Instant::now();
        let admission = Arc::new(Admission::new(LIMITS, now));
        let begin = |remote| {
            let source = admission.admit(at(remote), ELSEWHERE, now)?;
            Some(admission.begin(source))
        };
        let first = begin("192.0.2.1:900").unwrap();
        let second = begin("192.0.2.2:900").unwrap();
        assert_eq!(admission.refused(), 0);
        assert!(begin("192.0.2.3:900").is_none());
        assert_eq!(admission.refused(), 1);
        let other = begin("192.0.3.1:900").unwrap();
        drop(first);
        let third = begin("192.0.2.3:900").unwrap();
        assert!(begin("192.0.2.1:900").is_none(), "others are still at work");
        drop((second, third));
        let kept = || admission.elsewhere().at_work.len();
        assert_eq!(kept(), 1, "nothing is kept of who has none");
        drop(other);
        assert_eq!(kept(), 0);
    }
}
