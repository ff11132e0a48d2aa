//! Who is let in: places for connections, and each peer's share of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use oncrpc::peer::{Address, Peer};
use oncrpc_transport::Activity;
use oncrpc_transport::datagram::Admission;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::seats::{Kind, Number, Seats};
use crate::server::ServerLimits;

/// Time after which a server that is full looks again for a connection that nobody uses.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The door of a server: places for connections, whichever listener they come by.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: ServerLimits,
    /// A permit for each place.
    places: Semaphore,
    /// A permit for each place that a peer from elsewhere may have.
    remote_places: Semaphore,
    /// The places that are taken.
    seats: Seats,
    /// How many connections each peer has; whoever has none is not in here.
    shares: Mutex<HashMap<Key, usize>>,
    /// Touched once for each connection, never for a call.
    accepted: AtomicU64,
    refused: AtomicU64,
}

/// How many connections a server has and had, and how many datagrams it did not look at; see
/// [`Running::door`](crate::Running::door).
///
/// It can be asked for as long as one likes, also when the server has ended.
#[derive(Clone, Debug)]
pub struct Door {
    gate: Arc<Gate>,
    /// One for each address that datagrams come to.
    admissions: Vec<Arc<Admission>>,
}

/// Connections of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConnectionCounts {
    /// Those that are open now.
    pub open: usize,
    /// Those that there can be at once: [`ServerLimits::connections`].
    pub most: usize,
    /// Those that were served since the start.
    pub accepted: u64,
    /// Those that were closed at once since the start, because their peer had all that one peer may have.
    pub refused: u64,
    /// Those that were ended since the start, because nobody used them and others needed their places.
    pub evicted: u64,
}

impl Door {
    /// The counts of now.
    pub fn connections(&self) -> ConnectionCounts {
        let gate = &self.gate;
        let most = gate.limits.connections.min(Semaphore::MAX_PERMITS);
        ConnectionCounts {
            open: most - gate.places.available_permits(),
            most,
            accepted: gate.accepted.load(Ordering::Relaxed),
            refused: gate.refused.load(Ordering::Relaxed),
            evicted: gate.seats.vacated(),
        }
    }

    /// Datagrams that were not looked at since the start: there were too many of them
    /// ([`DatagramLimits`](oncrpc_transport::datagram::DatagramLimits)), or no caller has such an address.
    pub fn refused_datagrams(&self) -> u64 {
        let refused = self.admissions.iter().map(|admission| admission.refused());
        refused.sum()
    }
}

/// What counts as one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// An IPv4 address; or the first 64 bits of an IPv6 address, for a host picks the others as it likes.
    Address(IpAddr),
    /// A user on this host.
    Uid(u32),
}

/// One connection within the share of its peer, though it may have to wait for a place.
#[derive(Debug)]
pub(crate) struct Share {
    gate: Arc<Gate>,
    key: Option<Key>,
    kind: Kind,
}

/// A place that a connection has; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    share: Share,
    seat: Number,
    activity: Arc<Activity>,
}

impl Gate {
    pub(crate) fn new(limits: ServerLimits) -> Arc<Self> {
        // More than a semaphore counts is as good as no limit.
        let semaphore = |places: usize| Semaphore::new(places.min(Semaphore::MAX_PERMITS));
        let for_remote = limits.connections - limits.reserved.min(limits.connections / 2);
        Arc::new(Self {
            limits,
            places: semaphore(limits.connections),
            remote_places: semaphore(for_remote),
            seats: Seats::default(),
            shares: Mutex::default(),
            accepted: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// What tells how many are in.
    pub(crate) fn door(self: &Arc<Self>, admissions: Vec<Arc<Admission>>) -> Door {
        let gate = self.clone();
        Door { gate, admissions }
    }

    /// Counts one more connection of `peer`; `None` if it has all that it may have.
    pub(crate) fn share(self: &Arc<Self>, peer: &Peer) -> Option<Share> {
        let key = Key::of(&peer.remote);
        if let Some(key) = key {
            let limit = match key {
                Key::Address(_) => self.limits.per_address,
                Key::Uid(_) => self.limits.per_uid,
            };
            let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
            // Nothing is put in for a peer that gets nothing.
            let has = shares.get(&key).copied().unwrap_or(0);
            if has >= limit {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            shares.insert(key, has + 1);
        }
        Some(Share {
            gate: self.clone(),
            key,
            kind: match key {
                Some(Key::Address(_)) => Kind::Remote,
                Some(Key::Uid(_)) => Kind::Unix,
                None => Kind::Local,
            },
        })
    }

    /// Says what ends the connection that has this seat.
    pub(crate) fn ends_by(&self, seat: Number, task: AbortHandle) {
        self.seats.ends_by(seat, task);
    }

    /// Ends a connection that nobody uses, for the sake of a new one; `for_remote` is whether that is from another host.
    pub(crate) fn make_room(&self, for_remote: bool) -> bool {
        let now = Instant::now().into_std();
        let after = self.limits.evict_after;
        after.is_some_and(|after| self.seats.vacate(for_remote, after, now))
    }

    /// Waits for one of these places, which somebody may have to leave.
    async fn permit<'a>(
        &self,
        places: &'a Semaphore,
        for_remote: bool,
    ) -> Option<SemaphorePermit<'a>> {
        if let Ok(permit) = places.try_acquire() {
            return Some(permit);
        }
        let mut waiting = pin!(places.acquire());
        loop {
            self.make_room(for_remote);
            // Neither semaphore is ever closed: there always is a permit to be had.
            match tokio::time::timeout(LOOK_AGAIN, &mut waiting).await {
                Ok(permit) => return permit.ok(),
                // By now somebody else may be quiet for long enough.
                Err(_) => continue,
            }
        }
    }

    fn give_back(&self, key: Key) {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut has) = shares.entry(key) {
            match has.get() {
                0 | 1 => drop(has.remove()),
                _ => *has.get_mut() -= 1,
            }
        }
    }
}

impl Share {
    /// Waits for a place.
    pub(crate) async fn place(self) -> Place {
        let gate = &self.gate;
        let is_remote = self.kind == Kind::Remote;
        let remote_place = match is_remote {
            true => gate.permit(&gate.remote_places, true).await,
            false => None,
        };
        let place = gate.permit(&gate.places, is_remote).await;
        // The place gives them back.
        for permit in [remote_place, place].into_iter().flatten() {
            permit.forget();
        }
        gate.accepted.fetch_add(1, Ordering::Relaxed);
        let (seat, activity) = gate.seats.take(self.kind, Instant::now().into_std());
        Place {
            share: self,
            seat,
            activity,
        }
    }
}

impl Place {
    /// The place as those see it who need one.
    pub(crate) fn seat(&self) -> Number {
        self.seat
    }

    /// Where it is noted what the connection is used for.
    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Share { gate, kind, .. } = &self.share;
        gate.seats.leave(self.seat);
        gate.places.add_permits(1);
        if *kind == Kind::Remote {
            gate.remote_places.add_permits(1);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.gate.give_back(key);
        }
    }
}

impl Key {
    /// The peer that an address is of; `None` for loopback, which everybody on this host shares.
    fn of(remote: &Address) -> Option<Self> {
        match remote {
            Address::Inet(address) => match address.ip().to_canonical() {
                ip if ip.is_loopback() => None,
                IpAddr::V6(ip) => {
                    let network = Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX));
                    Some(Self::Address(network.into()))
                }
                ip => Some(Self::Address(ip)),
            },
            Address::Unix(peer) => Some(Self::Uid(peer.uid)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use oncrpc::netid::Netid;
    use oncrpc::peer::UnixPeer;

    use super::*;

    /// What a future has to say now, with nobody to wake.
    fn ready<T>(future: Pin<&mut impl Future<Output = T>>) -> Option<T> {
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        }
    }

    fn from(remote: Address) -> Peer {
        Peer {
            netid: Netid::Tcp,
            remote,
            local: Address::Local,
            interface: None,
        }
    }

    fn at(ip: &str) -> Peer {
        from(Address::Inet((ip.parse::<IpAddr>().unwrap(), 1000).into()))
    }

    fn user(uid: u32) -> Peer {
        let (gid, pid) = (uid, None);
        from(Address::Unix(UnixPeer { uid, gid, pid }))
    }

    fn gate(connections: usize, reserved: usize) -> Arc<Gate> {
        Gate::new(ServerLimits {
            connections,
            reserved,
            per_address: 2,
            per_uid: 3,
            ..ServerLimits::default()
        })
    }

    #[test]
    fn one_peer_gets_its_share_and_others_theirs() {
        let gate = gate(100, 0);
        let mut shares = Vec::new();
        let mut granted = |peers: &[&str]| {
            let before = shares.len();
            shares.extend(peers.iter().filter_map(|peer| gate.share(&at(peer))));
            shares.len() - before
        };
        assert_eq!(granted(&["192.0.2.1"; 5]), 2);
        assert_eq!(granted(&["192.0.2.2"; 5]), 2, "another address");
        assert_eq!(
            granted(&["::ffff:192.0.2.1"]),
            0,
            "the first in other words"
        );
        assert_eq!(granted(&["2001:db8::1", "2001:db8::2", "2001:db8::3"]), 2);
        assert_eq!(granted(&["2001:db8:0:1::1"]), 1, "another /64");
        assert_eq!(granted(&["127.0.0.1"; 5]), 5, "everybody on this host");
        assert_eq!(granted(&["::1"; 5]), 5);
        let users = [7, 7, 7, 7, 8].map(|uid| gate.share(&user(uid)));
        let granted = users.each_ref().map(Option::is_some);
        assert_eq!(granted, [true, true, true, false, true]);
    }

    #[test]
    fn a_share_is_given_back_and_nothing_is_kept_of_who_has_none() {
        let gate = gate(100, 0);
        for round in 0..3 {
            let held = [0; 2].map(|_| gate.share(&at("192.0.2.1")));
            assert!(held.iter().all(Option::is_some), "round {round}");
            assert!(gate.share(&at("192.0.2.1")).is_none());
        }
        assert!(gate.shares.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_crowd_from_elsewhere_leaves_places_for_this_host() {
        let gate = gate(4, 2);
        let place = |peer: Peer| Box::pin(gate.share(&peer).unwrap().place());
        let elsewhere = ready(place(at("192.0.2.1")).as_mut()).unwrap();
        let _second = ready(place(at("192.0.2.2")).as_mut()).unwrap();
        let mut waits = place(at("192.0.2.3"));
        assert!(ready(waits.as_mut()).is_none(), "two of four are kept");
        assert!(ready(place(user(0)).as_mut()).is_some());
        assert!(ready(place(at("127.0.0.1")).as_mut()).is_some());
        drop(elsewhere);
        assert!(ready(waits.as_mut()).is_some());
    }

    #[tokio::test]
    async fn nobody_is_told_to_leave_a_place_that_was_given_back() {
        let gate = gate(4, 2);
        let place = || ready(Box::pin(gate.share(&at("192.0.2.1")).unwrap().place()).as_mut());
        let task = tokio::spawn(std::future::pending::<()>());
        let taken = place().unwrap();
        gate.ends_by(taken.seat(), task.abort_handle());
        drop(taken);
        let now = Instant::now().into_std();
        assert!(!gate.seats.vacate(false, Duration::ZERO, now));
    }

    #[test]
    fn the_door_knows_who_is_in_who_was_and_who_was_turned_away() {
        let gate = gate(100, 0);
        let door = gate.door(Vec::new());
        let place = |ip| ready(Box::pin(gate.share(&at(ip)).unwrap().place()).as_mut());
        let first = place("192.0.2.1");
        let _second = place("192.0.2.1");
        assert!(gate.share(&at("192.0.2.1")).is_none());
        drop(first);
        let expected = ConnectionCounts {
            open: 1,
            most: 100,
            accepted: 2,
            refused: 1,
            evicted: 0,
        };
        assert_eq!(door.connections(), expected);
    }

    #[test]
    fn a_reserve_is_never_more_than_half() {
        let gate = gate(1, 64);
        let mut elsewhere = Box::pin(gate.share(&at("192.0.2.1")).unwrap().place());
        assert!(ready(elsewhere.as_mut()).is_some());
    }
}
