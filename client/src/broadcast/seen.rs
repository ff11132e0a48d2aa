//! Which answers have been handed out.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

/// The answers that have been handed out, so that none is handed out twice.
///
/// Of the results it keeps a hash, by a key that no peer knows. It never holds more than its bound: with the last
/// of them the answers are at their end.
#[derive(Debug)]
pub(super) struct Seen {
    answers: HashSet<(SocketAddr, u64)>,
    max: usize,
    hasher: RandomState,
}

impl Seen {
    pub(super) fn new(max: usize) -> Self {
        Self {
            answers: HashSet::new(),
            max,
            hasher: RandomState::new(),
        }
    }

    /// Whether no more answers are wanted.
    pub(super) fn is_full(&self) -> bool {
        self.answers.len() >= self.max
    }

    /// Notes an answer; whether it is new, and wanted.
    pub(super) fn insert(&mut self, from: SocketAddr, results: &[u8]) -> bool {
        !self.is_full() && self.answers.insert((from, self.hasher.hash_one(results)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_of_the_same_is_no_news() {
        let [here, there] = ["192.0.2.1:111", "192.0.2.2:111"].map(|at| at.parse().unwrap());
        let mut seen = Seen::new(10);
        assert!(seen.insert(here, b"yes"));
        assert!(!seen.insert(here, b"yes"));
        assert!(seen.insert(there, b"yes"));
        assert!(seen.insert(here, b"no"));
        assert!(!seen.insert(there, b"yes"));
    }

    #[test]
    fn no_more_is_kept_than_is_wanted() {
        let from = "192.0.2.1:111".parse().unwrap();
        let mut seen = Seen::new(2);
        let new = (0..1000_u32).filter(|word| seen.insert(from, &word.to_be_bytes()));
        assert_eq!(new.collect::<Vec<_>>(), [0, 1]);
        assert!(seen.is_full());
        assert!(Seen::new(0).is_full());
    }
}
