//! Types generated from `rpc/proto/*.x`.

pub mod rpc_msg;
