//! The client against servers of the test's own: scripted rpcbinds, and sockets that do as they are told.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

mod broadcast;
mod calls;
mod datagrams;
mod fake;
mod given;
mod large;
mod limits;
mod lookup;
mod reconnect;
mod registration;
mod reserved;
