//! Storms: what a crowd can do to the daemon, and what others notice of it.
//!
//! Each test is a sample of a few seconds; `make storms` has the full figures (`ONCRPC_STORMS=full`), of a release build,
//! one storm after the other. While a storm goes on others call, over UDP, over a connection that they keep and over one that
//! they open each time: they are answered, all of them, and the daemon's memory stays below 64 MiB. They call a daemon of the same
//! kind by turns that no storm is over, and are not to wait longer for the other: half of them in a sample, 99 of 100 in
//! the full figures.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(unreachable_pub, reason = "the modules of a test are for each other")]

#[expect(dead_code, reason = "not every test needs all of it")]
#[path = "../instance/mod.rs"]
mod instance;

mod connections;
mod datagrams;
mod descriptors;
mod others;
mod registry;
mod soak;
mod weather;
