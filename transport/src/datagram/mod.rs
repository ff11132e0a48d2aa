//! Messages as datagrams.

mod admission;
pub mod cut;
mod inbox;
mod link;
mod outbox;
mod refusals;
mod serve;

pub use admission::Admission;
pub use link::DatagramLink;
pub use serve::{DatagramLimits, ForMany, serve};

/// Longest datagram that UDP over IPv4 can carry: 65,535 bytes less the headers of IP and UDP.
pub const MAX_DATAGRAM: usize = 65_507;
