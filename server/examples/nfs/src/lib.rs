//! NFS version 3 and MOUNT version 3 (RFC 1813): what rpcgen made of `nfs3.x`, and a directory served by it.

pub mod client;
pub mod mount;
pub mod readdir;
pub mod service;
pub mod status;
pub mod tree;

/// What rpcgen made of nfs3.x.
#[allow(missing_docs, reason = "the RFC is the documentation")]
pub mod nfs3 {
    include!(concat!(env!("OUT_DIR"), "/nfs3.rs"));
}
