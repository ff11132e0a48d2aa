//! ONC RPC version 2 ([RFC 5531](https://www.rfc-editor.org/rfc/rfc5531)) as pure functions and state: no I/O, no
//! clock, no tasks.
//!
//! This crate is where generated code and drivers meet. Generated code implements [`Procedure`], calls
//! through a [`Caller`] and answers as a [`Service`]; the drivers of `oncrpc-transport` bring bytes to
//! [`record`], the [`CallTable`] and the [`Ladder`], and carry away what these write.
//!
//! | module | what it knows |
//! |---|---|
//! | [`message`] | the headers of calls and replies |
//! | [`record`] | records and fragments on a byte stream |
//! | [`auth`] | credentials and verifiers, of both sides |
//! | [`call`] | a client's side: procedures, callers, the table of calls in flight, retransmission, errors |
//! | [`serve`] | a server's side: services, handlers, the ladder of checks, replies |
//! | [`peer`] | who is at the other end |
//! | [`netid`], [`uaddr`] | names of transports and addresses ([RFC 5665](https://www.rfc-editor.org/rfc/rfc5665)) |
//! | [`netconfig`], [`fields`] | which transports a host has, as `/etc/netconfig` says it, and tables like it |
//! | [`proto`] | types generated from `rpc/proto/*.x`: RPC's own, and rpcbind's |

// What reads bytes that nobody vouches for computes nothing that could overflow and indexes nothing that could be missing.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

extern crate self as oncrpc;

pub mod auth;
pub mod call;
pub mod fields;
pub mod message;

pub mod netconfig;
pub mod netid;
pub mod peer;
pub mod proto;
pub mod record;
pub mod serve;
pub mod uaddr;

pub use call::caller::{
    CallOptions, Caller, OneWay, Procedure, ProcedureId, ProcedureInfo, RawCaller,
};
pub use call::error::{CallError, Refusal};
pub use call::retransmit::{Pace, Retransmit};
pub use call::table::CallTable;
pub use call::{ClntStat, negotiate};
pub use proto::rpc_msg::AuthStat;
pub use serve::answered::Answered;
pub use serve::around::{around, instead};
pub use serve::context::CallContext;
pub use serve::handler::{Handler, Lent};
pub use serve::ladder::{Ladder, Services};
pub use serve::reply::{Framing, Reject, Reply};
pub use serve::reverse::{Origin, Reverse, ReverseCaller};
pub use serve::service::{Call, Dispatch, OwnedCall, Service, service};
pub use serve::session::Session;
pub use serve::step::{Answer, Step};
