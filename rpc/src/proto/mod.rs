//! Types and programs that rpcgen made of `rpc/proto/*.x`.

/// The port mapper, version 2 of program 100000 ([RFC 1833 §3](https://www.rfc-editor.org/rfc/rfc1833#section-3)).
pub mod portmap;
/// The messages of RPC itself ([RFC 5531 §9](https://www.rfc-editor.org/rfc/rfc5531#section-9)).
pub mod rpc_msg;
/// rpcbind, versions 3 and 4 of program 100000 ([RFC 1833 §2](https://www.rfc-editor.org/rfc/rfc1833#section-2)).
pub mod rpcb;
