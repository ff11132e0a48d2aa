//! The portmapper without its protocol: what the procedures of all three versions have in common.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::num::NonZeroI32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use nix::unistd::{geteuid, getpid};
use oncrpc::Reject;
use oncrpc::netconfig::NetworkConfig;
use oncrpc::netid::{Family, Netid, Protocol};
use oncrpc::peer::{Address, Peer};
use oncrpc_xdr::{Bytes, XdrString};

use crate::forward::{Forwarder, service_at};
use crate::hosts_access::HostsAccess;
use crate::interfaces::Interfaces;
use crate::journal::Written;
use crate::keeper::Keeper;
use crate::merge::{Asked, merge};
use crate::policy::{Caller, Policy, TooWeak};
use crate::registry::{
    self, Change, Entry, Origin, Owner, Place, Process, Quota, Registered, Registry, Revision, Set,
    c_string, port,
};
use crate::remembered::{Located, Question, Remembered};
use crate::request_log::RequestLog;
use crate::state::StateDirectory;
use crate::statistics::{Statistics, Version};
use crate::status::changes::{Changes, Outcome, Request};
use crate::tally::Tally;

/// The registry and all that surrounds it, shared by the services of all versions.
#[derive(Debug)]
pub struct Portmapper {
    books: Mutex<Books>,
    /// Of the registry that is in the books.
    revision: Revision,
    tally: Tally,
    since: Instant,
    policy: Policy,
    netconfig: Vec<NetworkConfig>,
    interfaces: Interfaces,
    /// `-r`
    forwarder: Option<Forwarder>,
    log: RequestLog,
    hosts_access: Option<HostsAccess>,
}

#[derive(Debug)]
struct Books {
    registry: Registry,
    statistics: Statistics,
    changes: Changes,
    keeper: Keeper,
}

/// How full the books are, and what was done with them since the start.
#[derive(Clone, Copy, Debug)]
pub struct Fullness {
    /// Registrations, our own among them, as far as they count for a quota.
    pub used: Quota,
    /// Rows of the statistics.
    pub rows: usize,
    /// What became of SET and UNSET.
    pub changes: Changes,
    /// What was written into the journal, if there is one.
    pub journal: Option<Written>,
}

/// A service that GETADDRLIST found.
#[derive(Debug)]
pub struct Found {
    /// Its address, fit for the caller.
    pub uaddr: XdrString,
    /// Its transport.
    pub network: NetworkConfig,
}

/// The index of the loopback interface, which is the first of every network namespace: `LOOPBACK_IFINDEX`
/// of Linux' `include/net/net_namespace.h`.
const LOOPBACK_INTERFACE: u32 = 1;

impl Portmapper {
    /// A portmapper that knows these transports, with nothing registered; it keeps nothing in the directory
    /// before it is told to [`start`](Self::start).
    pub fn new(
        policy: Policy,
        netconfig: Vec<NetworkConfig>,
        state: StateDirectory,
        log: RequestLog,
    ) -> Self {
        let books = Books {
            registry: Registry::with_quota(policy.quota),
            statistics: Statistics::new(),
            changes: Changes::default(),
            keeper: Keeper::new(state),
        };
        Self {
            revision: books.registry.revision().clone(),
            books: Mutex::new(books),
            tally: Tally::default(),
            since: Instant::now(),
            policy,
            netconfig,
            interfaces: Interfaces::default(),
            forwarder: None,
            log,
            hosts_access: None,
        }
    }

    /// Lets hosts.allow and hosts.deny say who may call.
    pub fn with_hosts_access(self, hosts_access: HostsAccess) -> Self {
        Self {
            hosts_access: Some(hosts_access),
            ..self
        }
    }

    /// The same, calling services for others: CALLIT, BCAST and INDIRECT.
    #[must_use]
    pub fn forwarding(self, forwarder: Forwarder) -> Self {
        Self {
            forwarder: Some(forwarder),
            ..self
        }
    }

    /// Registers the portmapper's own program on a transport, in the versions that it lists there.
    pub fn announce(&self, netid: &Netid, uaddr: &XdrString) {
        let versions: &[u32] = match netid {
            Netid::Tcp | Netid::Udp => &[2, 3, 4],
            _ => &[3, 4],
        };
        let us = Process {
            uid: geteuid().as_raw(),
            pid: NonZeroI32::new(getpid().as_raw()),
        };
        let origin = Origin {
            at: self.seconds(Instant::now()),
            by: Some(us),
        };
        let mut books = self.books();
        for &version in versions {
            let service = (OWN_PROGRAM, version);
            let entry = Entry::new(service, &netid.into(), uaddr, Owner::Superuser);
            if let Some(entry) = entry {
                books.registry.announce(entry.made(origin));
            }
        }
    }

    /// Registers what another portmapper left, if the start is a warm one, and from now on keeps what is
    /// registered.
    pub fn start(&self, warm: bool) {
        let books = &mut *self.books();
        books.keeper.start(&mut books.registry, warm);
    }

    /// Writes the state files.
    pub fn end(&self) {
        let books = &mut *self.books();
        books.keeper.end(&mut books.registry);
    }

    /// Who is calling, and from where: what is logged and what policy judges.
    pub fn caller(peer: &Peer) -> Option<Caller> {
        match peer.remote {
            Address::Unix(process) => Some(Caller::Unix { uid: process.uid }),
            Address::Inet(from) => Some(Caller::Inet {
                from,
                over_loopback: peer.interface.map(|index| index == LOOPBACK_INTERFACE),
            }),
            _ => None,
        }
    }

    /// Whether hosts.allow and hosts.deny let somebody call. Whoever uses the Unix socket is not judged.
    #[inline]
    pub fn is_welcome(&self, peer: &Peer) -> bool {
        match (&self.hosts_access, &peer.remote) {
            (Some(files), Address::Inet(from)) => files.permits(from.ip(), roughly_now()),
            _ => true,
        }
    }

    /// The policy.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// The addresses of this host.
    pub fn interfaces(&self) -> &Interfaces {
        &self.interfaces
    }

    /// What forwards calls, if any are forwarded.
    pub fn forwarder(&self) -> Option<&Forwarder> {
        self.forwarder.as_ref()
    }

    /// The log of requests.
    pub fn log(&self) -> &RequestLog {
        &self.log
    }

    /// SET.
    pub fn set(
        &self,
        by: Version,
        peer: &Peer,
        service: (u32, u32),
        netid: &XdrString,
        uaddr: &XdrString,
    ) -> Result<bool, TooWeak> {
        let owner = self.may_change(Request::Set, peer, service.0)?;
        let port = port(c_string(uaddr));
        if !self.policy.may_register(&owner, service.0, port) {
            self.log.reserved(peer, service.0);
            self.books().changes.count(Request::Set, Outcome::Reserved);
            return Ok(false);
        }
        let origin = Origin {
            at: self.seconds(Instant::now()),
            by: peer.unix().map(|process| Process {
                uid: process.uid,
                pid: process.pid.and_then(NonZeroI32::new),
            }),
        };
        let mut books = self.books();
        let outcome = match Entry::new(service, netid, uaddr, owner) {
            Some(entry) => books.set(entry.made(origin)),
            None => Outcome::TooLong,
        };
        books.changes.count(Request::Set, outcome);
        if outcome.accepted() {
            books.statistics.set(by);
        }
        Ok(outcome.accepted())
    }

    /// SET for a transport that nobody here can name.
    pub fn set_nowhere(&self, peer: &Peer, program: u32) -> Result<bool, TooWeak> {
        self.may_change(Request::Set, peer, program)?;
        let changes = &mut self.books().changes;
        changes.count(Request::Set, Outcome::UnknownTransport);
        Ok(false)
    }

    /// UNSET from one transport after the other; content if one of them is.
    pub fn unset(
        &self,
        by: Version,
        peer: &Peer,
        service: (u32, u32),
        netids: &[XdrString],
    ) -> Result<bool, TooWeak> {
        let owner = self.may_change(Request::Unset, peer, service.0)?;
        let mut books = self.books();
        let outcome = books.unset(service, netids, &owner);
        books.changes.count(Request::Unset, outcome);
        if outcome.accepted() {
            books.statistics.unset(by);
        }
        Ok(outcome.accepted())
    }

    fn may_change(&self, request: Request, peer: &Peer, program: u32) -> Result<Owner, TooWeak> {
        let may = Self::caller(peer)
            .ok_or(TooWeak)
            .and_then(|caller| self.policy.may_change(&caller));
        match &may {
            Ok(_) => self.log.request(peer, request.name(), Some(program)),
            Err(TooWeak) => {
                self.log.declined(peer, request.name(), program);
                self.books().changes.count(request, Outcome::Declined);
            }
        }
        may
    }

    /// GETADDR and GETVERSADDR: the address on the transport that was used for asking, fit for the caller, or nothing.
    pub fn address(
        &self,
        remembered: &mut Remembered,
        peer: &Peer,
        question: Question<'_>,
        hint: &[u8],
    ) -> XdrString {
        let (program, version) = question.service;
        let found = self.found(remembered, question, |registry| match question.exactly {
            true => registry.find_version(program, version, question.netid),
            false => registry.find(program, version, question.netid),
        });
        let row = found.row;
        let told = found.address.as_ref().map(|uaddr| {
            let merged = self.merge(uaddr, hint, peer);
            merged.unwrap_or_else(|| uaddr.text())
        });
        let told = told.unwrap_or_default();
        remembered.sheet().looked_up(row, !told.is_empty());
        told
    }

    /// GETPORT: the port, or 0.
    pub fn port(&self, remembered: &mut Remembered, service: (u32, u32), protocol: u32) -> u32 {
        let Some(protocol) = Protocol::from_number(protocol) else {
            return 0;
        };
        let question = Question {
            service,
            netid: &protocol.netid(),
            exactly: false,
        };
        let (program, version) = service;
        let found = self.found(remembered, question, |registry| {
            registry.find_mapping(program, version, protocol)
        });
        let (row, address) = (found.row, found.address.as_ref());
        let port = address.and_then(registry::Address::port).unwrap_or(0);
        remembered.sheet().looked_up(row, port != 0);
        port
    }

    /// What is remembered of a question, or else what the books say now.
    #[inline]
    fn found<'a>(
        &self,
        remembered: &'a mut Remembered,
        question: Question<'_>,
        find: impl FnOnce(&Registry) -> Option<Registered<'_>>,
    ) -> &'a Located {
        let by = remembered.sheet().version();
        remembered.found(question, self.revision.now(), || {
            let books = &mut *self.books();
            let (registry, statistics) = (&books.registry, &mut books.statistics);
            Located {
                revision: registry.revision().now(),
                address: find(registry).map(|found| found.uaddr.clone()),
                row: statistics.row(by, question.service, question.netid),
            }
        })
    }

    /// GETADDRLIST: the addresses on all transports of the family that was used for asking.
    pub fn addresses(&self, peer: &Peer, service: (u32, u32), hint: &XdrString) -> Vec<Found> {
        let family = peer.netid.transport().map(|transport| transport.family);
        let mut books = self.books();
        let entries = books.registry.versions(service.0, service.1);
        // As rpcbind counts: whether the last of them has an address that can be told.
        let mut is_found = false;
        let found: Vec<Found> = entries
            .filter_map(|entry| {
                let netid = Netid::from(&entry.netid);
                let network = self
                    .netconfig
                    .iter()
                    .find(|network| network.netid == netid)?;
                if Some(network.transport.family) != family {
                    return None;
                }
                let uaddr = self.merge(&registry::Address::of(&entry.uaddr), hint.as_bytes(), peer);
                is_found = uaddr.is_some();
                let network = network.clone();
                uaddr.map(|uaddr| Found { uaddr, network })
            })
            .collect();
        let statistics = &mut books.statistics;
        statistics.looked_up(Version::V4, service, &peer.netid, is_found);
        found
    }

    /// Whether a procedure may be called for somebody through CALLIT, BCAST or INDIRECT.
    ///
    /// Where calls are forwarded, it has to be somebody who [is welcome](Self::is_welcome), on this host or on one
    /// of its networks, which is as far as broadcasts come; and whatever policy says, nobody gets this portmapper to call itself: everybody
    /// would then be on this host.
    pub fn may_call(&self, peer: &Peer, program: u32, procedure: u32) -> Result<(), TooWeak> {
        self.policy.may_call_through(program, procedure)?;
        if self.forwarder.is_none() {
            return Ok(());
        }
        let changes_us = program == OWN_PROGRAM && procedure != 0;
        let from = peer.inet().ok_or(TooWeak)?.ip();
        let interfaces = self.interfaces.list();
        let mut up = interfaces.iter().filter(|interface| interface.up);
        if changes_us || !self.is_welcome(peer) || !up.any(|interface| interface.is_neighbour(from))
        {
            return Err(TooWeak);
        }
        Ok(())
    }

    /// Where a program is registered in this version on the transport that was used for asking, or else how a
    /// call of it is refused; counts the question as a call for somebody else.
    pub fn find_to_call(
        &self,
        by: Version,
        peer: &Peer,
        (service, procedure): ((u32, u32), u32),
        indirect: bool,
    ) -> Result<XdrString, Reject> {
        let netid = &peer.netid;
        let mut books = self.books();
        let registry = &books.registry;
        let found = match registry.find_version(service.0, service.1, netid) {
            Some(found) => Ok(found.uaddr.text()),
            None => Err(match registry.range(service.0, netid) {
                Some((low, high)) => Reject::ProgMismatch { low, high },
                None => Reject::ProgUnavail,
            }),
        };
        let statistics = &mut books.statistics;
        statistics.called_through(
            by,
            (service, procedure),
            &peer.netid,
            found.is_ok(),
            indirect,
        );
        found
    }

    /// The address of a service that is registered at `uaddr`, as the caller is told.
    pub fn told(&self, peer: &Peer, uaddr: &XdrString) -> Option<XdrString> {
        self.merge(&registry::Address::of(uaddr), b"", peer)
    }

    /// Where on this host a service that is registered at `uaddr` is called for somebody.
    pub fn service_at(&self, peer: &Peer, uaddr: &XdrString) -> Option<SocketAddr> {
        let family = Self::family(peer)?;
        service_at(uaddr, family, &self.interfaces.list())
    }

    /// What counts the calls.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The answer to DUMP, where there is room for so many bytes of it. None where those who read slowly hold so many older
    /// ones that there is no room for it here; and none that is known to be longer: it is not encoded to find that out.
    pub fn dump(&self, by: Version, room: usize) -> Option<Bytes> {
        let registry = &mut self.books().registry;
        match by {
            Version::V2 => registry.may_dump_v2().then(|| registry.dump_v2()),
            Version::V3 | Version::V4 => {
                let may = registry.dump_len() <= room as u64 && registry.may_dump();
                may.then(|| registry.dump())
            }
        }
    }

    /// The answer to GETSTAT.
    pub fn statistics(&self) -> Bytes {
        self.books().statistics.encode(&self.tally)
    }

    /// Seconds from the start to a moment.
    pub fn seconds(&self, at: Instant) -> u32 {
        let seconds = at.saturating_duration_since(self.since).as_secs();
        // They are enough for 136 years.
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    /// How full the books are, and what was done with them.
    pub fn fullness(&self) -> Fullness {
        let books = self.books();
        Fullness {
            used: books.registry.used(),
            rows: books.statistics.rows(),
            changes: books.changes,
            journal: books.keeper.written(),
        }
    }

    /// Registrations from a place on, up to so many, and the place of the next one if there are more.
    pub fn entries(&self, from: i64, most: usize) -> (Vec<Entry>, Option<i64>) {
        // Beyond the places that there are is behind all of them.
        let beyond = if from < 0 { Place::MIN } else { Place::MAX };
        let from = Place::try_from(from).unwrap_or(beyond);
        let books = self.books();
        let mut rest = books.registry.from(from);
        let entries = rest.by_ref().take(most);
        let entries = entries.map(|(_, entry)| entry).collect();
        (entries, rest.next().map(|(place, _)| place.into()))
    }

    /// The family of addresses on the transport that was used for asking.
    pub fn family(peer: &Peer) -> Option<Family> {
        Some(peer.netid.transport()?.family)
    }

    /// The address of a service that is registered at `uaddr`, fit for the caller.
    fn merge(&self, uaddr: &registry::Address, hint: &[u8], peer: &Peer) -> Option<XdrString> {
        let at = match peer.local {
            Address::Inet(local) => Some(local.ip()),
            _ => None,
        };
        let from = peer.inet();
        merge(uaddr, hint, Asked { from, at }, || self.interfaces.list())
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // A panic while the books were open left them as they were: each change is one step.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// SET, which is refused as well if it cannot be kept.
    fn set(&mut self, entry: Entry) -> Outcome {
        match self.registry.would_set(&entry) {
            Set::Added => self.commit(Change::Set(Cow::Owned(entry))),
            Set::Kept => Outcome::Accepted,
            Set::Taken => Outcome::Taken,
            Set::Full => Outcome::Full,
        }
    }

    /// UNSET, which is refused as well if it cannot be kept.
    fn unset(
        &mut self,
        (program, version): (u32, u32),
        netids: &[XdrString],
        caller: &Owner,
    ) -> Outcome {
        let mut outcome = Outcome::Foreign;
        let mut removed = Vec::new();
        for netid in netids {
            let unset = self.registry.would_unset(program, version, netid, caller);
            if unset.accepted() {
                outcome = Outcome::Accepted;
            }
            if unset.removes() {
                removed.push(c_string(netid).into());
            }
        }
        if removed.is_empty() {
            return outcome;
        }
        self.commit(Change::Unset {
            program,
            version,
            netids: removed,
        })
    }

    fn commit(&mut self, change: Change<'_>) -> Outcome {
        match self.keeper.commit(change, &mut self.registry) {
            true => Outcome::Accepted,
            false => Outcome::NotWritten,
        }
    }
}

/// The time since the host was started, as the kernel noted it at its last tick, of which it has 100 to 1,000 in a second. To be
/// exact takes as long as all else that decides who may call, and is asked at every call.
fn roughly_now() -> Duration {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_COARSE);
    // Every Linux has that clock; without it the files would be looked at each time.
    now.map_or(Duration::MAX, Duration::from)
}

/// The portmapper's own program.
pub(crate) const OWN_PROGRAM: u32 = 100_000;

#[cfg(test)]
mod tests {
    use oncrpc::peer::UnixPeer;

    use super::*;
    use crate::services::ProgramNames;

    fn portmapper() -> Portmapper {
        let state = StateDirectory::new("/nonexistent");
        let log = RequestLog::new(false, ProgramNames::default());
        Portmapper::new(Policy::default(), Vec::new(), state, log)
    }

    #[test]
    fn every_dispatcher_knows_at_once_what_is_registered_and_what_is_not_any_more() {
        let portmapper = portmapper();
        let sheet = || portmapper.tally().sheet(Version::V2);
        let mut dispatchers = [sheet(), sheet()].map(Remembered::new);
        let mut told = || {
            let mut ask = |at: usize| portmapper.port(&mut dispatchers[at], (7, 1), 17);
            [ask(0), ask(1), ask(0), ask(1)]
        };
        let process = UnixPeer {
            uid: 0,
            gid: 0,
            pid: None,
        };
        let superuser = Peer::process(process);
        for port in 1..=20_u32 {
            assert_eq!(told(), [0; 4]);
            let uaddr = format!("0.0.0.0.0.{port}").into();
            let set = portmapper.set(Version::V4, &superuser, (7, 1), &"udp".into(), &uaddr);
            assert_eq!(set, Ok(true));
            assert_eq!(told(), [port; 4]);
            let unset = portmapper.unset(Version::V4, &superuser, (7, 1), &["udp".into()]);
            assert_eq!(unset, Ok(true));
        }
        assert_eq!(portmapper.tally().looked_up(Version::V2)[0], (80, 80));
    }

    #[test]
    fn a_list_is_told_only_where_there_is_room_for_it() {
        let portmapper = portmapper();
        portmapper.announce(&Netid::Udp6, &"::.0.111".into());
        let list = portmapper.dump(Version::V4, usize::MAX).unwrap();
        for by in [Version::V3, Version::V4] {
            assert_eq!(portmapper.dump(by, list.len()), Some(list.clone()));
            assert_eq!(portmapper.dump(by, list.len() - 1), None);
        }
    }
}
