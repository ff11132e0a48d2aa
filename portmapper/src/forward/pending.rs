//! The calls that are forwarded at the moment.

use std::collections::VecDeque;
use std::net::SocketAddr;

/// Calls that are forwarded at once, at most, as in rpcbind (`NFORWARD` of its `rpcb_svc_com.c`): the oldest
/// gives way to one more.
pub const IN_FLIGHT: usize = 64;

/// What a call is known by when it comes again: who asks again while the first is on its way would have it made
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who asked.
    pub from: SocketAddr,
    /// The caller's name for the call.
    pub xid: u32,
    /// The version of CALLIT, of which broadcasts send two.
    pub version: u32,
    /// CALLIT, BCAST or INDIRECT.
    pub procedure: u32,
}

/// The calls at hand in the order in which they came, each with what gives it up when it is dropped.
#[derive(Debug)]
pub(super) struct Pending<T> {
    calls: VecDeque<(u64, Asked, T)>,
    next: u64,
    given_up: u64,
}

impl<T> Default for Pending<T> {
    fn default() -> Self {
        Self {
            calls: VecDeque::new(),
            next: 0,
            given_up: 0,
        }
    }
}

impl<T> Pending<T> {
    /// Whether it is one of these calls.
    pub(super) fn has(&self, asked: &Asked) -> bool {
        self.calls.iter().any(|(_, there, _)| there == asked)
    }

    /// One call more; its number ends it.
    pub(super) fn begin(&mut self, asked: Asked, gives_up: T) -> u64 {
        if self.calls.len() == IN_FLIGHT {
            self.calls.pop_front();
            self.given_up += 1;
        }
        let number = self.next;
        self.next += 1;
        self.calls.push_back((number, asked, gives_up));
        number
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }

    /// How many gave way to later ones.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// One call less, unless it has been given up.
    pub(super) fn end(&mut self, number: u64) {
        if let Ok(at) = self.calls.binary_search_by_key(&number, |&(n, ..)| n) {
            self.calls.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn asked(xid: u32) -> Asked {
        Asked {
            from: "192.0.2.7:700".parse().unwrap(),
            xid,
            version: 3,
            procedure: 5,
        }
    }

    #[test]
    fn the_same_call_is_known_until_it_ends() {
        let mut pending = Pending::default();
        let number = pending.begin(asked(1), ());
        let from = "192.0.2.8:700".parse().unwrap();
        assert!(pending.has(&asked(1)));
        for other in [
            asked(2),
            Asked { from, ..asked(1) },
            Asked {
                version: 2,
                ..asked(1)
            },
            Asked {
                procedure: 10,
                ..asked(1)
            },
        ] {
            assert!(!pending.has(&other), "{other:?}");
        }
        pending.end(number);
        assert!(!pending.has(&asked(1)));
    }

    #[test]
    fn the_oldest_gives_way() {
        let mut pending = Pending::default();
        let given_up = Rc::new(());
        let mut numbers = Vec::new();
        for xid in 0..64 {
            numbers.push(pending.begin(asked(xid), given_up.clone()));
        }
        pending.end(numbers[1]);
        pending.begin(asked(64), given_up.clone());
        assert!(pending.has(&asked(0)), "there was room");
        pending.begin(asked(65), given_up.clone());
        assert!(!pending.has(&asked(0)) && pending.has(&asked(2)));
        assert_eq!((pending.len(), pending.given_up()), (IN_FLIGHT, 1));
        assert_eq!(Rc::strong_count(&given_up), 1 + IN_FLIGHT);
        // The end of one that has given way changes nothing.
        pending.end(numbers[0]);
        assert_eq!(Rc::strong_count(&given_up), 1 + IN_FLIGHT);
    }
}
