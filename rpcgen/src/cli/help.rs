//! What `-?` and `--help` print.

/// The shape of a command line.
pub(super) const USAGE: &str = "rpcgen [OPTION]... INPUT.x...";

/// A screen of 24 lines: what is needed most.
pub(super) const SHORT: &str = include_str!("help/short.txt");

/// Every option.
pub(super) const LONG: &str = include_str!("help/long.txt");
