//! Links without a network, and networks that fail on purpose: for tests of clients and servers.
//!
//! What is random follows from a seed, and what takes time takes tokio's time, which a test can pause
//! (`#[tokio::test(start_paused = true)]`): so a run that fails can be had again, and hours pass in no time.

mod datagrams;
mod stream;
mod way;

pub use datagrams::{Faults, MemoryLink, datagrams};
pub use stream::{Cut, End, FaultyStream, Gap, StreamFaults};
pub use way::Stall;

/// Numbers that look random and follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Whether something happens that does so `permille` times in a thousand.
    pub fn happens(&mut self, permille: u32) -> bool {
        self.below(1_000) < permille.into()
    }
}
