//! The harness of the interop tests: a private host in a few milliseconds, Debian's programs and ours
//! in it, and raw RPC messages.
//!
//! ```no_run
//! use oncrpc_interop::{Host, Which};
//!
//! let host = Host::new();
//! let rpcbind = host.rpcbind(Which::Theirs, &["-w"]);
//! println!("{}", host.run("rpcinfo -p").stdout);
//! assert_eq!(rpcbind.terminate().code, Some(0));
//! ```
//!
//! Everything here needs root (network and mount namespaces, several uids): a test says so with
//! [`needs_root!`] and is then named as not run where there is none; one that only compiles C says
//! [`needs_c!`]. What goes wrong panics with
//! what was seen, since the caller is always a test.
#![expect(
    clippy::expect_used,
    reason = "the caller is a test: it fails by panic"
)]

mod daemon;
mod host;
mod machine;
mod peers;
mod probe;
mod programs;
mod root;
mod socket;
mod wire;

pub use daemon::{Daemon, Ready, wait_for_edits};
pub use host::{Host, Output};
pub use machine::Machine;
pub use probe::{PROBE, PROBE_PORT, probe};
pub use programs::{Which, ours, ours_example};
pub use root::{compile_or_note, run_or_note};
pub use socket::{Answer, Caller, Line, Transport};
pub use wire::{Message, PMAPPROG, Reply, call, words};
