//! The index of the registry: what is found without looking through everything.

use super::sorted::Sorted;

/// The place of an entry in the order of registration. Later ones are greater; rpcbind's own, which stand
/// in front of all others, are negative.
///
/// Each entry is in three sets with its place, so that is small; once all are used, those that are left move up.
pub type Place = i32;

/// Entries by a key that several share, each group in the order of registration.
///
/// One set for all groups: however many entries share a key, one comes and goes at the cost of any other.
#[derive(Debug)]
pub(super) struct Groups<K>(Sorted<(K, Place)>);

impl<K: Clone + Ord> Groups<K> {
    pub(super) fn insert(&mut self, key: K, place: Place) {
        self.0.insert((key, place));
    }

    pub(super) fn remove(&mut self, key: K, place: Place) {
        self.0.remove(&(key, place));
    }

    /// The places of a group, first registered first.
    pub(super) fn of(&self, key: K) -> impl Iterator<Item = Place> {
        let from = self.0.from(&(key.clone(), Place::MIN));
        let group = from.take_while(move |(there, _)| *there == key);
        group.map(|&(_, place)| place)
    }

    /// The place of a group's last registered entry.
    pub(super) fn last(&self, key: K) -> Option<Place> {
        let (there, place) = self.0.last_to(&(key.clone(), Place::MAX))?;
        (*there == key).then_some(*place)
    }
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self(Sorted::default())
    }
}
