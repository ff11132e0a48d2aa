//! The runtime: what libtirpc's servers and clients do, ours do, but for the lines of server/COMPATIBILITY.md.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]
#![allow(unreachable_pub, reason = "the modules of a test are for each other")]

mod clients;
mod differences;
mod odd;
mod oddities;
mod probes;
mod servers;
mod streams;
mod whose;
