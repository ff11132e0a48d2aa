//! Whatever happens on the way, every call ends exactly once, with the right answer or an error of its own kind, by its
//! deadline. In virtual time.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]
#![allow(unreachable_pub, reason = "the modules of a test are for each other")]

mod cell;
mod datagrams;
mod echo;
mod matrix;
mod program;
mod setting;
mod streams;
mod ways;
mod world;
