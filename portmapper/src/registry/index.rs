//! The index of the registry: what is found without looking through everything.

use std::collections::HashMap;
use std::hash::Hash;

/// The place of an entry in the order of registration. Later ones are greater; rpcbind's own, which stand
/// in front of all others, are negative.
pub(super) type Place = i64;

/// Entries by a key that several share, each group in the order of registration.
#[derive(Debug)]
pub(super) struct Groups<K>(HashMap<K, Vec<Place>>);

impl<K: Eq + Hash> Groups<K> {
    pub(super) fn insert(&mut self, key: K, place: Place) {
        let group = self.0.entry(key).or_default();
        let at = group.partition_point(|&other| other < place);
        group.insert(at, place);
    }

    pub(super) fn remove(&mut self, key: &K, place: Place) {
        if let Some(group) = self.0.get_mut(key) {
            if let Ok(at) = group.binary_search(&place) {
                group.remove(at);
            }
            if group.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// The places of a group, first registered first.
    pub(super) fn of(&self, key: &K) -> &[Place] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// The place of a group's last registered entry.
    pub(super) fn last(&self, key: &K) -> Option<Place> {
        self.of(key).last().copied()
    }
}

impl<K> Default for Groups<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}
