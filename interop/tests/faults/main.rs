//! What goes wrong on the way, on the kernel's own sockets: our clients and servers with each other and with libtirpc's.
//!
//! Nine settings, for every pair of client and server of which one is ours, and for libtirpc's among themselves. The whole matrix, in virtual time, is `tests/tests/faults`. Of the kernel's own means not
//! every kernel has `netem`, so what gets lost, late or cut does so in a go-between of the test's; the rate is `tbf`'s,
//! the address `ip`'s, the refusals are ICMP's.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]
#![allow(unreachable_pub, reason = "the modules of a test are for each other")]

mod datagrams;
mod pairs;
mod path;
mod streams;
