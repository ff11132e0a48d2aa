//! The probe program: what rpcgen made of `probe.x`, for the server and the client beside this file.

include!(concat!(env!("OUT_DIR"), "/probe.rs"));

/// Where the server listens for `local`.
pub const LOCAL_PATH: &str = "/run/probe.sock";
