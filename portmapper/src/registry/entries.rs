//! Entries in their order, each in a slot where it is found at once.

use super::Place;
use super::sorted::Sorted;
use super::stored::Stored;

/// Where an entry is kept, from when it comes until it goes; then another may be kept there.
///
/// Two tables have it of each entry, so that is small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u32);

impl Slot {
    const MIN: Self = Self(u32::MIN);
}

/// All entries.
#[derive(Debug, Default)]
pub(super) struct Entries {
    order: Sorted<(Place, Slot)>,
    slots: Vec<Option<Stored>>,
    free: Vec<Slot>,
}

impl Entries {
    pub(super) fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    /// Keeps an entry, at a place where there is none.
    pub(super) fn insert(&mut self, place: Place, stored: Stored) -> Slot {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "there are no more than MAX_ENTRIES"
        )]
        let slot = self.free.pop().unwrap_or(Slot(self.slots.len() as u32));
        match self.slots.get_mut(slot.0 as usize) {
            Some(empty) => *empty = Some(stored),
            None => self.slots.push(Some(stored)),
        }
        self.order.insert((place, slot));
        slot
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Stored> {
        let slot = self.slot_at(place)?;
        self.order.remove(&(place, slot));
        self.free.push(slot);
        self.slots.get_mut(slot.0 as usize)?.take()
    }

    /// The entry in a slot: however many others there are, it costs the same.
    pub(super) fn in_slot(&self, slot: Slot) -> Option<&Stored> {
        self.slots.get(slot.0 as usize)?.as_ref()
    }

    pub(super) fn at(&self, place: Place) -> Option<&Stored> {
        self.in_slot(self.slot_at(place)?)
    }

    fn slot_at(&self, place: Place) -> Option<Slot> {
        let (there, slot) = self.order.from(&(place, Slot::MIN)).next()?;
        (*there == place).then_some(*slot)
    }

    /// The entries from this place on, in order.
    pub(super) fn from(&self, place: Place) -> impl Iterator<Item = (Place, &Stored)> {
        let slots = self.order.from(&(place, Slot::MIN));
        slots.filter_map(|&(place, slot)| Some((place, self.in_slot(slot)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::{Entry, Owner, Registry};

    #[test]
    fn a_slot_is_used_again() {
        let mut registry = Registry::new();
        for round in 0..100 {
            for program in 0..10 {
                let service = (400_000 + program, round);
                let entry = Entry::new(service, &"udp".into(), &"::.8.1".into(), Owner::Unknown);
                registry.set(entry.unwrap());
            }
            for program in 0..10 {
                registry.unset(400_000 + program, round, &"".into(), &Owner::Unknown);
            }
        }
        let Entries { slots, free, .. } = &registry.entries;
        assert_eq!((slots.len(), free.len()), (10, 10));
    }
}
