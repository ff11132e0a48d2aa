//! A driver that serves a stream in memory: what it says, however the stream arrives and whatever it is granted.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

mod calls;
mod granted;
mod served;
mod splits;

use proptest::prelude::*;

/// The program that is served.
const P: u32 = 0x2000_0001;

/// 10,000 cases, or as many as the variable PROPTEST_CASES asks for.
fn cases() -> ProptestConfig {
    let default = ProptestConfig::default();
    let asked = std::env::var_os("PROPTEST_CASES").is_some();
    ProptestConfig {
        cases: if asked { default.cases } else { 10_000 },
        failure_persistence: None,
        ..default
    }
}
