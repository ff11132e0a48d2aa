//! rpcbind: what Debian's does, ours does.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]
#![allow(unreachable_pub, reason = "the modules of a test are for each other")]

mod activation;
mod command_line;
mod compare;
mod conformance;
mod daemons;
mod differences;
mod forward;
mod generated;
mod group;
mod hello;
mod hosts_access;
mod kernel;
mod libraries;
mod matrix;
mod privileges;
mod rpcinfo;
mod rpcinfo_command;
mod statd;
mod state_files;
