//! What holds for any bytes: one function for each place where bytes of somebody else are read.
//!
//! A function returns if what it states holds, and panics if not. `cargo test` calls it with the inputs of `../corpus`
//! and `../regressions`; the fuzzer, which `../run.sh` builds, with whatever it comes up with.
//!
//! | module | what is read |
//! |---|---|
//! | [`xdr`] | primitives and shapes, and types made by rpcgen |
//! | [`record`] | a byte stream, in pieces of any length |
//! | [`header`] | the headers of calls and replies |
//! | [`auth`] | credentials |
//! | [`idl`] | .x files |
//! | [`portmap`] | calls of rpcbind, in any order, by anybody |
//! | [`server`] | a connection to a server |
//! | [`client`] | a connection to a client, whose server is hostile |
//! | [`state`] | what the last rpcbind left |
//! | [`address`] | universal addresses |
//! | [`config`] | the files of an administrator |
//! | [`rpcinfo`] | what it prints of an answer |

pub mod address;
pub mod auth;
pub mod client;
pub mod config;
pub mod header;
pub mod idl;
mod peers;
pub mod portmap;
pub mod record;
pub mod rpcinfo;
pub mod server;
pub mod state;
pub mod xdr;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its folders in `corpus` and `regressions`, and of its test.
    pub name: &'static str,
    /// Panics if what it states does not hold for these bytes.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: [Target; 16] = [
    target("xdr_primitives", xdr::primitives),
    target("xdr_typed", xdr::typed),
    target("record_deframer", record::deframer),
    target("call_header", header::call),
    target("reply_header", header::reply),
    target("auth_sys", auth::sys),
    target("auth_other", auth::other),
    target("rpcgen_parse", idl::parse),
    target("rpcgen_roundtrip", idl::roundtrip),
    target("portmap_ops", portmap::operations),
    target("server_conn", server::connection),
    target("client_demux", client::demultiplexing),
    target("state_files", state::files),
    target("uaddr_taddr", address::uaddr_taddr),
    target("config_files", config::files),
    target("rpcinfo_print", rpcinfo::print),
];

const fn target(name: &'static str, run: fn(&[u8])) -> Target {
    Target { name, run }
}
