//! Where calls in flight are kept.

use crate::call::xids::Xids;

/// Calls in flight by their xids, each in the slot that the low bits of its xid name.
///
/// Xids are given one after the other, as servers that remember replies want them: none comes again before all others have been
/// given. One whose slot is taken is passed over; since half of the slots are free, that is seldom, and whoever has an xid of long
/// ago finds another there.
///
/// A call is written into its slot and taken out of it piece by piece: to move it as a whole takes longer than all the rest.
#[derive(Debug)]
pub(super) struct Slots<T> {
    /// None, or a power of two.
    slots: Vec<Slot<T>>,
    used: usize,
    next_xid: u32,
}

/// A place for a call; while there is none, `call` is what the last one has left.
#[derive(Debug, Default)]
struct Slot<T> {
    xid: Option<u32>,
    call: T,
}

/// Slots that are made for the first call.
const FIRST: usize = 8;

impl<T: Default> Slots<T> {
    /// No calls; the first has this xid.
    pub(super) fn new(first_xid: u32) -> Self {
        Self {
            slots: Vec::new(),
            used: 0,
            next_xid: first_xid,
        }
    }

    /// How many calls there are.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// The next xid, whose slot is free.
    pub(super) fn next_xid(&mut self) -> u32 {
        if self.used >= self.slots.len() / 2 {
            self.grow();
        }
        loop {
            let xid = self.next_xid;
            self.next_xid = xid.wrapping_add(1);
            if self.slot(xid).is_some_and(|slot| slot.xid.is_none()) {
                return xid;
            }
        }
    }

    /// The place for a call whose xid [`next_xid`](Self::next_xid) gave last.
    pub(super) fn insert(&mut self, xid: u32) -> Option<&mut T> {
        self.used = self.used.saturating_add(1);
        let slot = self.slot(xid)?;
        slot.xid = Some(xid);
        Some(&mut slot.call)
    }

    #[inline]
    pub(super) fn get(&self, xid: u32) -> Option<&T> {
        let slot = self.slots.get(self.place(xid))?;
        (slot.xid == Some(xid)).then_some(&slot.call)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, xid: u32) -> Option<&mut T> {
        let slot = self.slot(xid)?;
        (slot.xid == Some(xid)).then_some(&mut slot.call)
    }

    /// Frees the slot of a call, and lends what is to be taken out of it.
    #[inline]
    pub(super) fn free(&mut self, xid: u32) -> Option<&mut T> {
        let place = self.place(xid);
        let slot = self.slots.get_mut(place)?;
        slot.xid.take_if(|found| *found == xid)?;
        self.used = self.used.saturating_sub(1);
        Some(&mut slot.call)
    }

    /// Those of the calls that have these xids.
    pub(super) fn among(&self, xids: Xids) -> Vec<u32> {
        if (xids.behind_first() as usize) < self.slots.len() {
            return xids.iter().filter(|&xid| self.get(xid).is_some()).collect();
        }
        let all = self.slots.iter().filter_map(|slot| slot.xid);
        all.filter(|&xid| xids.contains(xid)).collect()
    }

    /// The xids of all calls.
    pub(super) fn all(&self) -> Vec<u32> {
        self.slots.iter().filter_map(|slot| slot.xid).collect()
    }

    #[inline]
    fn slot(&mut self, xid: u32) -> Option<&mut Slot<T>> {
        let place = self.place(xid);
        self.slots.get_mut(place)
    }

    #[inline]
    fn place(&self, xid: u32) -> usize {
        xid as usize & self.slots.len().wrapping_sub(1)
    }

    /// Makes room for twice as many. Low bits that differ still do when there is one more of them.
    #[cold]
    fn grow(&mut self) {
        let len = self.slots.len().saturating_mul(2).max(FIRST);
        let mut slots = Vec::new();
        slots.resize_with(len, Slot::default);
        for call in std::mem::replace(&mut self.slots, slots) {
            if let Some(slot) = call.xid.and_then(|xid| self.slot(xid)) {
                *slot = call;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(slots: &mut Slots<u32>) -> u32 {
        let xid = slots.next_xid();
        *slots.insert(xid).unwrap() = !xid;
        xid
    }

    #[test]
    fn xids_come_in_turn_and_each_finds_its_call() {
        let mut slots = Slots::new(u32::MAX - 99);
        let xids: Vec<u32> = (0..1000).map(|_| add(&mut slots)).collect();
        for (nth, &xid) in xids.iter().enumerate() {
            assert_eq!(xid, (u32::MAX - 99).wrapping_add(nth as u32));
            assert_eq!(slots.get(xid), Some(&!xid));
        }
        assert_eq!((slots.len(), slots.slots.len()), (1000, 2048));
        assert_eq!(slots.all().len(), 1000);
        let mut some = Xids::of(u32::MAX - 101);
        for _ in 0..4 {
            some.take_up(Xids::of(u32::MAX - 100 + some.behind_first()));
        }
        assert_eq!(slots.among(some), xids[..3]);
    }

    #[test]
    fn a_call_that_takes_long_is_passed_over_and_not_mistaken() {
        let mut slots = Slots::new(7);
        let long = add(&mut slots);
        for _ in 0..1000 {
            let xid = add(&mut slots);
            assert_ne!(xid % FIRST as u32, long % FIRST as u32);
            assert_eq!(
                (slots.get(xid), slots.get(long)),
                (Some(&!xid), Some(&!long))
            );
            // An xid of before, or of later, has the same slot.
            for other in [xid.wrapping_sub(FIRST as u32), xid + FIRST as u32] {
                assert_eq!(slots.get(other), None);
                assert_eq!(slots.get_mut(other), None);
                assert_eq!(slots.free(other), None);
            }
            assert_eq!(slots.free(xid), Some(&mut !xid));
            assert_eq!(slots.free(xid), None);
        }
        assert_eq!((slots.len(), slots.slots.len()), (1, FIRST));
    }

    #[test]
    fn an_xid_that_a_call_in_flight_has_is_not_given_to_another() {
        let mut slots = Slots::new(u32::MAX - 1);
        let taken = [add(&mut slots), add(&mut slots), add(&mut slots)];
        assert_eq!(taken, [u32::MAX - 1, u32::MAX, 0]);
        slots.free(u32::MAX);
        // As it is when they have all been given once.
        slots.next_xid = u32::MAX - 1;
        assert_eq!([add(&mut slots), add(&mut slots)], [u32::MAX, 1]);
    }
}
