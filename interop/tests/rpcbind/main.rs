//! rpcbind: what Debian's does, ours does.

mod command_line;
mod compare;
mod conformance;
mod differences;
mod hello;
mod rpcinfo;
mod statd;
mod state_files;
