//! The registry: which service is where.
//!
//! One table serves all three versions of the protocol. Versions 3 and 4 see it whole; version 2 sees the
//! entries of `tcp` and `udp` ([`Entry::mapping`]), so the two can never disagree. Its order is rpcbind's:
//! the daemon's own entries in front, each new one before the others, then registrations as they came.
//!
//! Nothing here knows who may do what (that is [`policy`](crate::policy)) beyond ownership, and nothing
//! does I/O.
// What reads what others have written computes nothing that could overflow and indexes nothing that could be missing.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

mod change;
mod dump;
mod entries;
mod entry;
mod index;
mod look_up;
#[cfg(test)]
pub(crate) mod model;
mod netids;
mod shared;
mod snapshot;
mod sorted;
mod stored;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oncrpc_xdr::{Bytes, XdrString};

use crate::keyed::Keyed;

pub use change::Change;
use entries::{Entries, Slot};
pub use entry::{
    Entry, MAX_NETID, MAX_OWNER, MAX_UADDR, Mapping, Origin, Owner, Process, c_string, port,
    split_port, up_to_zero,
};
use index::Groups;
pub use index::Place;
use netids::Netids;
pub(crate) use netids::{KNOWN, place};
use shared::{Half, Id, Shared};
use snapshot::{Held, Snapshot};
use sorted::Sorted;
use stored::Stored;
pub use stored::{Address, Registered};

/// Most registrations that there can be; rpcbind has no limit.
pub const MAX_ENTRIES: usize = 65_536;

/// Most bytes that all of them take in the answer to DUMP: 128 for each of so many, where services of NFS have 56. The
/// longest entry has 408, and so many of those would not fit into the memory that a portmapper may have.
pub const MAX_BYTES: u64 = 128 * MAX_ENTRIES as u64;

/// All registrations. A look-up of a version that is there costs the same however many there are; SET, UNSET and other
/// look-ups search what is sorted: none costs more than the logarithm of that.
#[derive(Debug, Default)]
pub struct Registry {
    entries: Entries,
    /// The one entry of a program, netid and version.
    exact: HashMap<(u32, Id, u32), (Place, Slot), Keyed>,
    /// The same programs, netids and versions in order: between which versions a program is there.
    versions: Sorted<(u32, Id, u32)>,
    /// By program and netid, those that version 2 sees and the others apart: for GETADDR and GETPORT, which make do
    /// with another version.
    of_program: Groups<(u32, Half)>,
    /// By program and version: for GETADDRLIST, and UNSET of all netids.
    of_version: Groups<(u32, u32)>,
    /// The next place in front, and the next one at the end.
    front: Place,
    end: Place,
    quota: Quota,
    netids: Netids,
    owners: Shared<Owner>,
    revision: Revision,
    /// Bytes of the nodes of the answer to DUMP.
    nodes_len: u64,
    dumped: Snapshot,
    dumped_v2: Snapshot,
    /// Both, and what was told before the last change and is still being read.
    held: Held,
}

/// How often a registry has changed, for those who do not hold it as well.
#[derive(Clone, Debug, Default)]
pub struct Revision(Arc<AtomicU64>);

/// How many registrations there may be, the daemon's own among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// In all, [`MAX_ENTRIES`] at most.
    pub entries: usize,
    /// Of each user but the superuser.
    pub per_user: usize,
    /// Of all whom nothing identifies, together.
    pub of_unknown: usize,
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            entries: MAX_ENTRIES,
            per_user: MAX_ENTRIES,
            of_unknown: MAX_ENTRIES,
        }
    }
}

/// What became of a SET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// It is registered now.
    Added,
    /// It was registered already, at the same address; its owner stays.
    Kept,
    /// Its program, version and netid are registered at another address.
    Taken,
    /// There are as many already as there may be, or as its owner may have.
    Full,
}

/// What became of an UNSET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// So many entries were removed, perhaps none.
    Removed(usize),
    /// One of them belongs to somebody else; all are still there.
    Foreign,
}

impl Revision {
    /// The number of this one: while it is the same, so are the entries.
    #[inline]
    pub fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// One more, and `more` besides. It is done by who holds the registry, one at a time.
    fn pass(&self, more: u64) {
        let next = self.now().saturating_add(more).saturating_add(1);
        self.0.store(next, Ordering::Release);
    }
}

impl Set {
    /// The answer to the caller.
    pub fn accepted(self) -> bool {
        matches!(self, Self::Added | Self::Kept)
    }
}

impl Unset {
    /// The answer to the caller, who is content when there was nothing to remove.
    pub fn accepted(self) -> bool {
        self != Self::Foreign
    }

    /// Whether it changes anything.
    pub fn removes(self) -> bool {
        !matches!(self, Self::Removed(0) | Self::Foreign)
    }
}

impl Registry {
    /// A registry without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// A registry without entries that will have no more than these.
    pub fn with_quota(quota: Quota) -> Self {
        Self {
            quota,
            ..Self::default()
        }
    }

    /// Registers the daemon's own service, in front of all others.
    pub fn announce(&mut self, entry: Entry) -> Set {
        self.add(entry, |registry| {
            registry.front = registry.front.saturating_sub(1);
            registry.front
        })
    }

    /// Registers a service, behind all others.
    ///
    /// The same one again is fine, whoever asks; at another address it is not, whoever asks.
    pub fn set(&mut self, entry: Entry) -> Set {
        self.add(entry, |registry| {
            if registry.end == Place::MAX {
                registry.move_up();
            }
            let place = registry.end;
            registry.end = registry.end.saturating_add(1);
            place
        })
    }

    /// What would become of a SET.
    pub fn would_set(&self, entry: &Entry) -> Set {
        let exactly = |netid| self.exactly(entry.program, entry.version, netid);
        match self.netids.written(&entry.netid).and_then(exactly) {
            Some(there) if there.uaddr == Address::of(&entry.uaddr) => Set::Kept,
            Some(_) => Set::Taken,
            None if self.is_full_for(entry) => Set::Full,
            None => Set::Added,
        }
    }

    /// How much of the quota is used: what there is in all, what that user has who has the most, and what those
    /// have whom nothing identifies.
    pub fn used(&self) -> Quota {
        let of_users = self.owners.iter().filter_map(|(owner, has)| match owner {
            Owner::Superuser | Owner::Unknown => None,
            Owner::User(_) | Owner::Other(_) => Some(has),
        });
        Quota {
            entries: self.entries.len(),
            per_user: of_users.max().unwrap_or(0),
            of_unknown: self.owners.uses(&Owner::Unknown),
        }
    }

    fn is_full_for(&self, entry: &Entry) -> bool {
        let most = match &entry.owner {
            Owner::Superuser => MAX_ENTRIES,
            Owner::Unknown => self.quota.of_unknown,
            Owner::User(_) | Owner::Other(_) => self.quota.per_user,
        };
        self.entries.len() >= self.quota.entries.min(MAX_ENTRIES)
            || self.owners.uses(&entry.owner) >= most
            || self.nodes_len.saturating_add(dump::node_len(entry)) > MAX_BYTES
    }

    /// Registers what another registry has, none of whose entries are its own; gives back how many are refused, because they
    /// are the daemon's own or too many.
    ///
    /// Nearly always there is nothing yet, and room for all: then that registry goes on, and our own entries go in front.
    pub fn take_over(&mut self, mut left: Self) -> usize {
        if self.registered().next().is_some() || !left.fits(self) {
            let refused = |there: Registered<'_>| usize::from(!self.set(there.entry()).accepted());
            return left.registered().map(refused).sum();
        }
        left.quota = self.quota;
        // Another registry has come to as many changes by other ones.
        self.revision.pass(left.revision.now());
        left.revision = self.revision.clone();
        std::mem::swap(self, &mut left);
        let own: Vec<_> = left.iter().collect();
        let mut refused = 0_usize;
        // Each is announced in front of those before it.
        for entry in own.into_iter().rev() {
            if let Some(place) = self.place(entry.program, entry.version, &entry.netid) {
                let kept = self.would_set(&entry) == Set::Kept;
                refused = refused.saturating_add(usize::from(!kept));
                self.remove(place);
            }
            self.announce(entry);
        }
        refused
    }

    /// Whether all that is here has room in another registry beside what that has, which is nobody's but the daemon's.
    fn fits(&self, other: &Self) -> bool {
        let quota = other.quota;
        let keeps = |(owner, has): (&Owner, usize)| match owner {
            Owner::Superuser => true,
            Owner::Unknown => has <= quota.of_unknown,
            Owner::User(_) | Owner::Other(_) => has <= quota.per_user,
        };
        self.len().saturating_add(other.len()) <= quota.entries.min(MAX_ENTRIES)
            && self.nodes_len.saturating_add(other.nodes_len) <= MAX_BYTES
            && self.owners.iter().all(keeps)
    }

    fn add(&mut self, entry: Entry, place: impl FnOnce(&mut Self) -> Place) -> Set {
        let set = self.would_set(&entry);
        if set != Set::Added {
            return set;
        }
        let place = place(self);
        let (program, version) = (entry.program, entry.version);
        let (netid, written) = self.netids.take(&entry.netid);
        let stored = Stored {
            program,
            version,
            netid: written,
            owner: self.owners.take(&entry.owner),
            uaddr: Address::of(&entry.uaddr),
            origin: entry.origin,
        };
        let mapping = self.registered_as(&stored).and_then(|it| it.mapping());
        let group = (program, netid.half(mapping.is_some()));
        self.of_program.insert(group, place);
        self.of_version.insert((program, version), place);
        self.nodes_len = self.nodes_len.saturating_add(dump::node_len(&entry));
        let key = (program, netid, version);
        let slot = self.entries.insert(place, stored);
        self.exact.insert(key, (place, slot));
        self.versions.insert(key);
        self.changed();
        Set::Added
    }

    /// Gives those that were registered the first places again, in their order.
    fn move_up(&mut self) {
        let left: Vec<_> = self.from(0).collect();
        for (place, _) in &left {
            self.remove(*place);
        }
        self.end = 0;
        for (_, entry) in left {
            self.set(entry);
        }
    }

    /// What is stored so. (What a stored entry names is in use for as long as it is there.)
    fn registered_as<'a>(&'a self, stored: &'a Stored) -> Option<Registered<'a>> {
        Some(Registered {
            program: stored.program,
            version: stored.version,
            netid: self.netids.get(stored.netid)?,
            uaddr: &stored.uaddr,
            owner: self.owners.get(stored.owner)?,
            origin: stored.origin,
        })
    }

    fn at(&self, place: Place) -> Option<Registered<'_>> {
        self.registered_as(self.entries.at(place)?)
    }

    /// Removes a service from one transport, or from all if `netid` is empty: every entry, or none if one
    /// of them is not `caller`'s.
    pub fn unset(
        &mut self,
        program: u32,
        version: u32,
        netid: &XdrString,
        caller: &Owner,
    ) -> Unset {
        let unset = self.would_unset(program, version, netid, caller);
        if unset != Unset::Foreign {
            for place in self.named(program, version, netid) {
                self.remove(place);
            }
        }
        unset
    }

    /// What would become of an UNSET.
    pub fn would_unset(
        &self,
        program: u32,
        version: u32,
        netid: &XdrString,
        caller: &Owner,
    ) -> Unset {
        let places = self.named(program, version, netid);
        let owner = |place: &Place| self.owners.get(self.entries.at(*place)?.owner);
        if !places
            .iter()
            .filter_map(owner)
            .all(|owner| caller.may_remove_of(owner))
        {
            return Unset::Foreign;
        }
        Unset::Removed(places.len())
    }

    /// What an UNSET is about.
    fn named(&self, program: u32, version: u32, netid: &XdrString) -> Vec<Place> {
        if c_string(netid).is_empty() {
            self.of_version.of((program, version)).collect()
        } else {
            self.place(program, version, netid).into_iter().collect()
        }
    }

    fn remove(&mut self, place: Place) {
        let Some(entry) = self.at(place).map(|there| there.entry()) else {
            return;
        };
        let Some(stored) = self.entries.remove(place) else {
            return;
        };
        let (program, version) = (entry.program, entry.version);
        if let Some(netid) = self.netids.written(&entry.netid) {
            self.exact.remove(&(program, netid, version));
            self.versions.remove(&(program, netid, version));
            let group = (program, netid.half(entry.mapping().is_some()));
            self.of_program.remove(group, place);
            self.netids.give_back((netid, stored.netid));
        }
        self.of_version.remove((program, version), place);
        self.nodes_len = self.nodes_len.saturating_sub(dump::node_len(&entry));
        self.owners.give_back(stored.owner);
        self.changed();
    }

    /// Where the service of exactly this version stands.
    fn place(&self, program: u32, version: u32, netid: &XdrString) -> Option<Place> {
        let netid = self.netids.written(netid)?;
        let (place, _) = self.exact.get(&(program, netid, version))?;
        Some(*place)
    }

    fn exactly(&self, program: u32, version: u32, netid: Id) -> Option<&Stored> {
        let (_, slot) = self.exact.get(&(program, netid, version))?;
        self.entries.in_slot(*slot)
    }

    /// All entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry> {
        self.as_they_stand().map(|there| there.entry())
    }

    fn as_they_stand(&self) -> impl Iterator<Item = Registered<'_>> {
        self.stand_from(Place::MIN)
    }

    fn stand_from(&self, place: Place) -> impl Iterator<Item = Registered<'_>> {
        let entries = self.entries.from(place);
        entries.filter_map(|(_, stored)| self.registered_as(stored))
    }

    /// The entries from this place on with their places, in order: what is looked at piece by piece.
    pub fn from(&self, place: Place) -> impl Iterator<Item = (Place, Entry)> {
        let entries = self.entries.from(place);
        entries.filter_map(|(place, stored)| Some((place, self.registered_as(stored)?.entry())))
    }

    /// The entries that were registered, without the daemon's own, in order.
    pub fn registered(&self) -> impl Iterator<Item = Registered<'_>> {
        self.stand_from(0)
    }

    /// What version 2 sees, in order.
    pub fn mappings(&self) -> impl Iterator<Item = Mapping> {
        self.as_they_stand().filter_map(|there| there.mapping())
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 0
    }

    /// How often the registry has changed.
    pub fn revision(&self) -> &Revision {
        &self.revision
    }

    /// The answer to DUMP of versions 3 and 4, encoded once after a change and then shared.
    pub fn dump(&mut self) -> Bytes {
        let mut dumped = std::mem::take(&mut self.dumped);
        let list = dumped.get(&self.held, || {
            dump::encode(self.as_they_stand(), self.dump_len())
        });
        self.dumped = dumped;
        list
    }

    /// Whether there is room for another answer to DUMP: those who read slowly hold older ones.
    pub fn may_dump(&self) -> bool {
        self.dumped.there().is_some() || self.held.has_room(self.dump_len())
    }

    /// The same for the answer to DUMP of version 2, which is shorter.
    pub fn may_dump_v2(&self) -> bool {
        self.dumped_v2.there().is_some() || self.held.has_room(self.dump_len())
    }

    /// The length of the answer to DUMP of versions 3 and 4, in bytes, encoded or not.
    pub fn dump_len(&self) -> u64 {
        self.nodes_len.saturating_add(dump::END_LEN)
    }

    /// The answer to DUMP of version 2, encoded once after a change and then shared.
    pub fn dump_v2(&mut self) -> Bytes {
        let mut dumped = std::mem::take(&mut self.dumped_v2);
        let list = dumped.get(&self.held, || dump::encode_v2(self.mappings()));
        self.dumped_v2 = dumped;
        list
    }

    fn changed(&mut self) {
        self.revision.pass(0);
        self.dumped = Snapshot::default();
        self.dumped_v2 = Snapshot::default();
    }
}

#[cfg(test)]
mod tests {
    use oncrpc::netid::{Netid, Protocol};

    use super::*;

    const SUPERUSER: Owner = Owner::Superuser;

    #[test]
    fn a_quota_holds_for_each_owner_and_for_all() {
        let mut registry = Registry::with_quota(Quota {
            entries: 6,
            per_user: 2,
            of_unknown: 1,
        });
        let mut set = |version, owner| {
            let (netid, uaddr) = ("udp".into(), "0.0.0.0.8.1".into());
            registry.set(Entry::new((400_000, version), &netid, &uaddr, owner).unwrap())
        };
        let user = Owner::User;
        assert_eq!(
            [1, 2, 3].map(|v| set(v, user(7))),
            [Set::Added, Set::Added, Set::Full]
        );
        assert_eq!(
            set(1, user(7)),
            Set::Kept,
            "what is there may be said again"
        );
        assert_eq!(
            [3, 4].map(|v| set(v, Owner::Unknown)),
            [Set::Added, Set::Full]
        );
        assert_eq!(set(4, user(8)), Set::Added);
        assert_eq!(
            [5, 6, 7].map(|v| set(v, SUPERUSER)),
            [Set::Added, Set::Added, Set::Full]
        );
        let used = Quota {
            entries: 6,
            per_user: 2,
            of_unknown: 1,
        };
        assert_eq!(registry.used(), used);
        registry.unset(400_000, 1, &"udp".into(), &user(7));
        assert_eq!(registry.used().per_user, 1);
        let entry = Entry::new((400_000, 9), &"udp".into(), &"0.0.0.0.8.1".into(), user(7));
        assert_eq!(registry.set(entry.unwrap()), Set::Added);
    }

    #[test]
    fn a_registry_that_is_taken_over_gives_what_registering_each_of_its_entries_gives() {
        let own = |registry: &mut Registry| {
            for (version, netid) in [(2, "udp"), (3, "udp"), (3, "tcp"), (4, "local")] {
                let entry = Entry::new(
                    (100_000, version),
                    &netid.into(),
                    &"0.0.0.0.0.111".into(),
                    SUPERUSER,
                );
                assert!(registry.announce(entry.unwrap()).accepted());
            }
        };
        let left = || {
            let mut left = Registry::new();
            for program in [400_000, 100_000, 400_001] {
                for (version, netid, uaddr) in [
                    (3, "tcp", "0.0.0.0.0.111"),
                    (3, "UDP", "0.0.0.0.8.1"),
                    (5, "udp", "::.8.1"),
                ] {
                    let owner = Owner::User(version);
                    let entry = Entry::new((program, version), &netid.into(), &uaddr.into(), owner);
                    assert!(left.set(entry.unwrap()).accepted());
                }
            }
            left
        };
        for (entries, per_user, refused) in [
            (MAX_ENTRIES, 6, 1),
            (11, 6, 1),
            (10, 6, 2),
            (MAX_ENTRIES, 5, 1),
            (MAX_ENTRIES, 3, 2),
        ] {
            let quota = Quota {
                entries,
                per_user,
                of_unknown: 0,
            };
            let (mut one_by_one, mut at_once) =
                (Registry::with_quota(quota), Registry::with_quota(quota));
            own(&mut one_by_one);
            own(&mut at_once);
            let expected = left()
                .registered()
                .filter(|there| !one_by_one.set(there.entry()).accepted())
                .count();
            assert_eq!(at_once.take_over(left()), expected);
            assert_eq!(expected, refused, "{quota:?}");
            assert!(at_once.iter().eq(one_by_one.iter()));
            let registered = |of: &Registry| {
                of.registered()
                    .map(|there| there.entry())
                    .collect::<Vec<_>>()
            };
            assert_eq!(registered(&at_once), registered(&one_by_one));
            assert_eq!(
                (at_once.used(), at_once.dump_len()),
                (one_by_one.used(), one_by_one.dump_len())
            );
            assert_eq!(at_once.dump(), one_by_one.dump());
            assert_eq!(at_once.quota, quota);
        }
    }

    const ANN: Owner = Owner::User(1000);
    const BOB: Owner = Owner::User(1001);

    fn entry(version: u32, netid: &str, uaddr: &str, owner: Owner) -> Entry {
        Entry::new((400_000, version), &netid.into(), &uaddr.into(), owner).unwrap()
    }

    fn unset(registry: &mut Registry, version: u32, netid: &str, caller: &Owner) -> Unset {
        registry.unset(400_000, version, &netid.into(), caller)
    }

    fn uaddr(found: Option<Registered<'_>>) -> XdrString {
        found.map(|found| found.uaddr.text()).unwrap_or_default()
    }

    #[test]
    fn a_service_is_registered_once_and_by_whoever_came_first() {
        let mut registry = Registry::new();
        assert_eq!(
            registry.set(entry(1, "tcp", "0.0.0.0.8.1", ANN)),
            Set::Added
        );
        assert_eq!(registry.set(entry(1, "tcp", "0.0.0.0.8.1", BOB)), Set::Kept);
        assert_eq!(registry.set(entry(1, "TCP", "0.0.0.0.8.1", BOB)), Set::Kept);
        assert_eq!(
            registry.set(entry(1, "tcp", "0.0.0.0.8.2", ANN)),
            Set::Taken
        );
        let entries: Vec<_> = registry.iter().collect();
        assert_eq!(entries, [entry(1, "tcp", "0.0.0.0.8.1", ANN)]);
    }

    #[test]
    fn anything_can_be_registered() {
        let mut registry = Registry::new();
        for (netid, uaddr) in [("bogus", "junk"), ("", ""), ("tcp", "")] {
            assert_eq!(registry.set(entry(0, netid, uaddr, ANN)), Set::Added);
        }
        assert_eq!(registry.len(), 3);
        assert_eq!(registry.mappings().count(), 0);
    }

    #[test]
    fn only_the_owner_and_the_superuser_remove() {
        let mut registry = Registry::new();
        registry.set(entry(1, "tcp", "0.0.0.0.8.1", ANN));
        assert_eq!(unset(&mut registry, 1, "tcp", &BOB), Unset::Foreign);
        assert_eq!(
            unset(&mut registry, 1, "tcp", &Owner::Unknown),
            Unset::Foreign
        );
        assert!(!registry.is_empty());
        assert_eq!(unset(&mut registry, 1, "tcp", &ANN), Unset::Removed(1));
        assert!(registry.is_empty());
        registry.set(entry(1, "tcp", "0.0.0.0.8.1", ANN));
        assert_eq!(
            unset(&mut registry, 1, "TCP", &SUPERUSER),
            Unset::Removed(1)
        );
        assert_eq!(registry.mappings().count(), 0, "in no version's eyes");
        assert!(
            unset(&mut registry, 1, "tcp", &BOB).accepted(),
            "nothing was there"
        );
    }

    #[test]
    fn what_removes_something_is_known_from_what_does_not() {
        assert!(Unset::Removed(1).removes());
        assert!(!Unset::Removed(0).removes());
        assert!(!Unset::Foreign.removes());
    }

    #[test]
    fn unset_of_all_netids_removes_all_or_nothing() {
        let mut registry = Registry::new();
        registry.set(entry(1, "udp", "0.0.0.0.8.1", ANN));
        registry.set(entry(1, "tcp", "0.0.0.0.8.1", BOB));
        registry.set(entry(2, "udp", "0.0.0.0.8.1", ANN));
        assert_eq!(unset(&mut registry, 1, "", &ANN), Unset::Foreign);
        assert_eq!(registry.len(), 3);
        assert_eq!(unset(&mut registry, 1, "", &SUPERUSER), Unset::Removed(2));
        assert_eq!(registry.len(), 1);
    }

    #[test]
    fn a_missing_version_is_answered_with_the_one_registered_last() {
        // Asked of rpcbind 1.2.6, in this order of registration.
        let mut registry = Registry::new();
        for (version, uaddr) in [(1, "0.0.0.0.9.1"), (5, "0.0.0.0.9.2"), (3, "0.0.0.0.9.3")] {
            registry.set(entry(version, "tcp", uaddr, ANN));
        }
        registry.set(entry(7, "TCP", "0.0.0.0.9.7", ANN));
        for (version, address, exactly, port) in [
            (1, "0.0.0.0.9.1", "0.0.0.0.9.1", 0x901),
            (2, "0.0.0.0.9.7", "", 0x903),
            (5, "0.0.0.0.9.2", "0.0.0.0.9.2", 0x902),
            (7, "0.0.0.0.9.7", "0.0.0.0.9.7", 0x903),
            (9, "0.0.0.0.9.7", "", 0x903),
        ] {
            let found = registry.find(400_000, version, &Netid::Tcp);
            assert_eq!(uaddr(found), *address);
            let found = registry.find_version(400_000, version, &Netid::Tcp);
            assert_eq!(uaddr(found), *exactly);
            let mapping = |protocol| registry.find_mapping(400_000, version, protocol)?.mapping();
            assert_eq!(
                mapping(Protocol::Tcp).map(|mapping| mapping.port),
                Some(port)
            );
            assert_eq!(mapping(Protocol::Udp), None);
        }
        unset(&mut registry, 7, "tcp", &ANN);
        let found = registry.find(400_000, 2, &Netid::Tcp);
        assert_eq!(uaddr(found), "0.0.0.0.9.3", "the last that is left");
    }

    #[test]
    fn own_entries_stand_in_front_and_registrations_behind() {
        let mut registry = Registry::new();
        registry.announce(entry(1, "local", "/a", SUPERUSER));
        registry.set(entry(2, "udp", "0.0.0.0.0.2", ANN));
        registry.announce(entry(3, "tcp", "0.0.0.0.0.3", SUPERUSER));
        registry.set(entry(4, "tcp", "0.0.0.0.0.4", ANN));
        let versions: Vec<_> = registry.iter().map(|entry| entry.version).collect();
        assert_eq!(versions, [3, 1, 2, 4]);
        let versions: Vec<_> = registry.mappings().map(|mapping| mapping.version).collect();
        assert_eq!(versions, [3, 2, 4]);
    }

    #[test]
    fn a_full_registry_refuses_new_entries_and_only_those() {
        let mut registry = Registry::new();
        let numbered = |version| entry(version, "udp", "0.0.0.0.8.1", ANN);
        for version in 0..u32::try_from(MAX_ENTRIES).unwrap() {
            assert_eq!(registry.set(numbered(version)), Set::Added);
        }
        assert_eq!(registry.set(numbered(u32::MAX)), Set::Full);
        assert_eq!(registry.set(numbered(7)), Set::Kept);
        assert_eq!(unset(&mut registry, 7, "udp", &ANN), Unset::Removed(1));
        assert_eq!(registry.set(numbered(u32::MAX)), Set::Added);
    }

    #[test]
    fn the_rest_from_a_place_on_is_the_rest_whatever_has_changed_before_it() {
        let mut registry = Registry::new();
        registry.announce(entry(9, "tcp", "0.0.0.0.0.9", SUPERUSER));
        for version in 1..=3 {
            registry.set(entry(version, "udp", "0.0.0.0.8.1", ANN));
        }
        let versions = |registry: &Registry, place| {
            let entries = registry.from(place);
            entries.map(|(_, entry)| entry.version).collect::<Vec<_>>()
        };
        assert_eq!(versions(&registry, Place::MIN), [9, 1, 2, 3]);
        let (second, _) = registry.from(Place::MIN).nth(2).unwrap();
        registry.announce(entry(8, "tcp", "0.0.0.0.0.8", SUPERUSER));
        unset(&mut registry, 2, "", &ANN);
        assert_eq!(versions(&registry, second), [3]);
    }

    #[test]
    fn what_another_registry_has_is_a_change() {
        let mut registry = Registry::new();
        registry.set(entry(9, "tcp", "0.0.0.0.0.9", ANN));
        unset(&mut registry, 9, "", &ANN);
        let mut left = Registry::new();
        left.set(entry(1, "tcp", "0.0.0.0.8.1", ANN));
        let seen = registry.revision().clone();
        let before = [&seen, left.revision()].map(Revision::now);
        assert_eq!(registry.take_over(left), 0);
        assert!(before.iter().all(|before| seen.now() > *before));
        let before = seen.now();
        registry.set(entry(2, "tcp", "0.0.0.0.8.2", ANN));
        assert!(seen.now() > before, "it is seen where it was before");
    }

    #[test]
    fn when_and_by_whom_is_that_of_the_first_set_and_changes_no_answer() {
        let mut registry = Registry::new();
        let (uid, pid) = (1000, std::num::NonZeroI32::new(7));
        let by = Some(Process { uid, pid });
        let origin = Origin { at: 5, by };
        let service = || entry(1, "tcp", "0.0.0.0.8.1", ANN);
        assert_eq!(registry.set(service().made(origin)), Set::Added);
        let dumped = registry.dump();
        let again = Origin { at: 65, by: None };
        assert_eq!(registry.set(service().made(again)), Set::Kept);
        let origins: Vec<_> = registry.iter().map(|entry| entry.origin).collect();
        assert_eq!(origins, [Some(origin)]);
        let mut other = Registry::new();
        other.set(service());
        assert_eq!(other.dump(), dumped);
    }

    #[test]
    fn when_all_places_are_used_those_that_are_left_move_up() {
        let mut registry = Registry::new();
        registry.announce(entry(9, "tcp", "0.0.0.0.0.111", SUPERUSER));
        registry.set(entry(1, "tcp", "0.0.0.0.8.1", ANN));
        registry.end = Place::MAX - 1;
        for version in [2, 3] {
            registry.set(entry(version, "tcp", "0.0.0.0.8.1", ANN));
        }
        let places = registry.from(Place::MIN);
        let places: Vec<_> = places
            .map(|(place, entry)| (place, entry.version))
            .collect();
        assert_eq!(places, [(-1, 9), (0, 1), (1, 2), (2, 3)]);
        let found = registry.find(400_000, 7, &Netid::Tcp);
        assert_eq!(found.map(|entry| entry.version), Some(3));
        assert_eq!(unset(&mut registry, 2, "", &ANN), Unset::Removed(1));
    }

    #[test]
    fn a_dump_is_encoded_once_for_each_state() {
        let mut registry = Registry::new();
        registry.set(entry(1, "tcp", "0.0.0.0.8.1", ANN));
        let first = registry.dump();
        assert_eq!(first.as_ptr(), registry.dump().as_ptr(), "shared");
        registry.set(entry(1, "tcp", "0.0.0.0.8.1", BOB));
        assert_eq!(first.as_ptr(), registry.dump().as_ptr(), "nothing changed");
        let before = registry.revision().now();
        registry.set(entry(2, "tcp", "0.0.0.0.8.1", ANN));
        assert!(registry.revision().now() > before);
        assert_ne!(first, registry.dump());
        unset(&mut registry, 2, "tcp", &ANN);
        assert_eq!(first, registry.dump());
    }
}
