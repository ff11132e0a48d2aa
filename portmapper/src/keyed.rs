//! How small keys are hashed: those of the registry, of the statistics and of who may call, at every look-up.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Multiplies what it is given with numbers that nobody else knows, for keys of a few words a tenth of what the standard
/// library's hash takes.
///
/// Nobody who chooses keys sees where they come to stand. How many there are is bounded besides: what is registered by its
/// quota, and only this host registers; rows of the statistics and remembered callers by their number.
#[derive(Clone, Debug)]
pub(crate) struct Keyed {
    start: u64,
    factor: u64,
}

/// The product so far.
#[derive(Debug)]
pub(crate) struct Product {
    state: u64,
    factor: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        let random = RandomState::new();
        Self {
            start: random.hash_one(0),
            factor: random.hash_one(1) | 1,
        }
    }
}

impl BuildHasher for Keyed {
    type Hasher = Product;

    fn build_hasher(&self) -> Product {
        Product {
            state: self.start,
            factor: self.factor,
        }
    }
}

impl Product {
    fn take(&mut self, word: u64) {
        let (low, high) = (self.state ^ word).carrying_mul(self.factor, 0);
        self.state = low ^ high;
    }
}

impl Hasher for Product {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.take((*byte).into());
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.take(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.take(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.take(number as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_that_are_close_to_each_other_come_to_stand_apart() {
        let keyed = Keyed::default();
        // As hashbrown looks at them: the low bits say where, the high seven tell neighbours apart.
        let places: Vec<u64> = (0..65_536_u32)
            .map(|number| keyed.hash_one((400_000 + number / 4, number % 4, 7_u32)))
            .collect();
        let low: HashSet<u64> = places.iter().map(|place| place % 65_536).collect();
        let high: HashSet<u64> = places.iter().map(|place| place >> 57).collect();
        // Of balls that fall into as many boxes at random, 63 % of the boxes have one.
        assert!(low.len() > 65_536 / 2, "{}", low.len());
        assert!(high.len() > 100, "{}", high.len());
    }

    #[test]
    fn no_two_tables_hash_alike() {
        assert_ne!(Keyed::default().hash_one(7), Keyed::default().hash_one(7));
    }
}
