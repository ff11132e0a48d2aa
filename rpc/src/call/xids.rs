//! Xids that were given one after the other.

/// Xids that were given one after the other: from one to another, with all that are between. After the greatest comes 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Xids {
    first: u32,
    last: u32,
}

impl Xids {
    /// One alone.
    pub(super) fn of(xid: u32) -> Self {
        Self {
            first: xid,
            last: xid,
        }
    }

    /// Takes up those that come next; gives back whether they do.
    #[inline]
    pub(super) fn take_up(&mut self, next: Self) -> bool {
        let do_come_next = next.first == self.last.wrapping_add(1);
        if do_come_next {
            self.last = next.last;
        }
        do_come_next
    }

    pub(super) fn contains(&self, xid: u32) -> bool {
        xid.wrapping_sub(self.first) <= self.behind_first()
    }

    /// How many there are behind the first.
    pub(super) fn behind_first(&self) -> u32 {
        self.last.wrapping_sub(self.first)
    }

    /// All of them.
    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        (0..=self.behind_first()).map(move |nth| self.first.wrapping_add(nth))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_greatest_comes_the_least() {
        let mut xids = Xids::of(u32::MAX - 1);
        assert!(!xids.take_up(Xids::of(0)));
        for next in [u32::MAX, 0, 1] {
            assert!(xids.take_up(Xids::of(next)));
        }
        let all: Vec<u32> = xids.iter().collect();
        assert_eq!(all, [u32::MAX - 1, u32::MAX, 0, 1]);
        assert!(all.iter().all(|&xid| xids.contains(xid)));
        assert!(!xids.contains(2) && !xids.contains(u32::MAX - 2));
    }
}
