//! Values that many entries have in common, each kept once.

use std::collections::BTreeMap;

/// Stands for a value of a [`Shared`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(u32);

/// Stands for one of two kinds of uses of a value, in as little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Half(u32);

impl Id {
    /// What stands for the value before which so many others were taken, if none was given back by then.
    pub(super) const fn of(before: u32) -> Self {
        Self(before)
    }

    pub(super) fn half(self, upper: bool) -> Half {
        Half(self.0 << 1 | u32::from(upper))
    }
}

/// Values by number, as long as anybody has use for them.
#[derive(Debug)]
pub(super) struct Shared<T> {
    ids: BTreeMap<T, Id>,
    /// Each value, and how many uses there are of it.
    values: Vec<Option<(T, usize)>>,
    free: Vec<Id>,
}

impl<T: Clone + Ord> Shared<T> {
    /// What stands for a value that is in use.
    pub(super) fn id(&self, value: &T) -> Option<Id> {
        self.ids.get(value).copied()
    }

    /// A value that is in use.
    pub(super) fn get(&self, id: Id) -> Option<&T> {
        self.slot(id).map(|(value, _)| value)
    }

    /// How many uses there are of a value.
    pub(super) fn uses(&self, value: &T) -> usize {
        let slot = self.id(value).and_then(|id| self.slot(id));
        slot.map_or(0, |(_, uses)| *uses)
    }

    /// All values in use, and how many uses there are of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&T, usize)> {
        self.values
            .iter()
            .flatten()
            .map(|(value, uses)| (value, *uses))
    }

    /// One more use of a value.
    pub(super) fn take(&mut self, value: &T) -> Id {
        if let Some(id) = self.id(value) {
            return self.again(id);
        }
        let first = Some((value.clone(), 1));
        let id = match self.free.pop() {
            Some(id) => {
                self.put(id, first);
                id
            }
            None => {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "there are no more values than entries"
                )]
                let id = Id(self.values.len() as u32);
                self.values.push(first);
                id
            }
        };
        self.ids.insert(value.clone(), id);
        id
    }

    /// One more use of a value that is in use.
    pub(super) fn again(&mut self, id: Id) -> Id {
        if let Some((_, uses)) = self.slot_mut(id) {
            *uses = uses.saturating_add(1);
        }
        id
    }

    /// One use less, and with the last one the value is gone.
    pub(super) fn give_back(&mut self, id: Id) {
        let Some((value, uses)) = self.slot_mut(id) else {
            return;
        };
        *uses = uses.saturating_sub(1);
        if *uses == 0 {
            let value = value.clone();
            self.ids.remove(&value);
            self.put(id, None);
            self.free.push(id);
        }
    }

    fn put(&mut self, id: Id, slot: Option<(T, usize)>) {
        if let Some(there) = self.values.get_mut(id.0 as usize) {
            *there = slot;
        }
    }

    fn slot(&self, id: Id) -> Option<&(T, usize)> {
        self.values.get(id.0 as usize)?.as_ref()
    }

    fn slot_mut(&mut self, id: Id) -> Option<&mut (T, usize)> {
        self.values.get_mut(id.0 as usize)?.as_mut()
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self {
            ids: BTreeMap::new(),
            values: Vec::new(),
            free: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_there_as_long_as_it_is_used_and_its_number_is_then_anothers() {
        let mut shared = Shared::default();
        let a = shared.take(&"a");
        assert_eq!(shared.take(&"a"), a);
        let b = shared.take(&"b");
        assert_eq!((shared.get(a), shared.get(b)), (Some(&"a"), Some(&"b")));
        assert_eq!(
            (shared.uses(&"a"), shared.uses(&"b"), shared.uses(&"c")),
            (2, 1, 0)
        );
        shared.give_back(a);
        assert_eq!(shared.id(&"a"), Some(a));
        shared.give_back(a);
        assert_eq!(
            (shared.id(&"a"), shared.get(a), shared.uses(&"a")),
            (None, None, 0)
        );
        assert_eq!(shared.take(&"c"), a);
        assert_eq!(shared.iter().collect::<Vec<_>>(), [(&"c", 1), (&"b", 1)]);
    }
}
