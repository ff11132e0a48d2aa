//! A driver that serves a stream in memory: what it says, however the stream arrives and whatever it is granted.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

mod calls;
mod granted;
mod served;
mod splits;

/// The program that is served.
const P: u32 = 0x2000_0001;
