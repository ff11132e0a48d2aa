//! Where calls in flight are kept.

/// Calls in flight by their xids, each in the slot that the low bits of its xid name.
///
/// Xids are given one after the other, as servers that remember replies want them: none comes again before all others have been
/// given. One whose slot is taken is passed over; since half of the slots are free, that is seldom, and whoever has an xid of long
/// ago finds another there.
#[derive(Debug)]
pub(super) struct Slots<T> {
    /// None, or a power of two.
    slots: Vec<Option<(u32, T)>>,
    used: usize,
    next_xid: u32,
}

/// Slots that are made for the first call.
const FIRST: usize = 8;

impl<T> Slots<T> {
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
            if self.slot(xid).is_some_and(|slot| slot.is_none()) {
                return xid;
            }
        }
    }

    /// Keeps a call whose xid [`next_xid`](Self::next_xid) gave last.
    pub(super) fn insert(&mut self, xid: u32, call: T) {
        if let Some(slot) = self.slot(xid) {
            *slot = Some((xid, call));
            self.used = self.used.saturating_add(1);
        }
    }

    pub(super) fn get(&self, xid: u32) -> Option<&T> {
        match self.slots.get(self.place(xid)) {
            Some(Some((found, call))) if *found == xid => Some(call),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, xid: u32) -> Option<&mut T> {
        match self.slot(xid) {
            Some(Some((found, call))) if *found == xid => Some(call),
            _ => None,
        }
    }

    pub(super) fn remove(&mut self, xid: u32) -> Option<T> {
        let slot = self.slot(xid)?;
        let (_, call) = slot.take_if(|(found, _)| *found == xid)?;
        self.used = self.used.saturating_sub(1);
        Some(call)
    }

    /// All calls.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        let taken = self.slots.iter_mut().flatten();
        taken.map(|(xid, call)| (*xid, call))
    }

    fn slot(&mut self, xid: u32) -> Option<&mut Option<(u32, T)>> {
        let place = self.place(xid);
        self.slots.get_mut(place)
    }

    fn place(&self, xid: u32) -> usize {
        xid as usize & self.slots.len().wrapping_sub(1)
    }

    /// Makes room for twice as many. Low bits that differ still do when there is one more of them.
    #[cold]
    fn grow(&mut self) {
        let len = self.slots.len().saturating_mul(2).max(FIRST);
        let mut slots = Vec::new();
        slots.resize_with(len, || None);
        for call in std::mem::replace(&mut self.slots, slots) {
            if let Some((xid, call)) = call
                && let Some(slot) = self.slot(xid)
            {
                *slot = Some((xid, call));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(slots: &mut Slots<u32>) -> u32 {
        let xid = slots.next_xid();
        slots.insert(xid, !xid);
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
        assert_eq!(slots.iter_mut().count(), 1000);
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
                assert_eq!(slots.remove(other), None);
            }
            assert_eq!(slots.remove(xid), Some(!xid));
            assert_eq!(slots.remove(xid), None);
        }
        assert_eq!((slots.len(), slots.slots.len()), (1, FIRST));
    }

    #[test]
    fn an_xid_that_a_call_in_flight_has_is_not_given_to_another() {
        let mut slots = Slots::new(u32::MAX - 1);
        let taken = [add(&mut slots), add(&mut slots), add(&mut slots)];
        assert_eq!(taken, [u32::MAX - 1, u32::MAX, 0]);
        slots.remove(u32::MAX);
        // As it is when they have all been given once.
        slots.next_xid = u32::MAX - 1;
        assert_eq!([add(&mut slots), add(&mut slots)], [u32::MAX, 1]);
    }
}
