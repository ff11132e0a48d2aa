//! The journal: what happened to the registry, each step written before its caller hears of it.
//!
//! It is a file beside rpcbind's own, and survives whatever ends this process; a host that goes down takes
//! the registered services with it, so nothing waits for a disk.
//!
//! ```text
//! journal    = magic, record*
//! magic      = "rpcbind journal 1\n"
//! record     = length (2 bytes), its complement (2 bytes), checksum (4 bytes), body
//! checksum   = CRC-32 (IEEE 802.3) of the record's place in the file (8 bytes), its length (2) and its body
//! body       = one of these, in XDR, as long as `length` says and no longer
//!   SET      = 1, program, version, netid, address, owner
//!   UNSET    = 2, program, version, netids<2>         an empty netid stands for all
//!   FILES    = 3, rpcbind.xdr, portmap.xdr            each 0: missing, 1: refused, or 2, length, CRC-32
//! ```
//!
//! All numbers are big-endian. A single byte that changes is always noticed: in a length by its complement, in
//! a checksum or a body because CRC-32 finds every run of up to 32 bits. A record that is moved is noticed
//! because its place is part of the sum.
//!
//! UNSET says what the call removed, so that one call is one record however many entries it removes, and a
//! reader sees all of it or nothing. FILES says what rpcbind's own files were like when the journal was known
//! to tell at least as much as they do: at its start, and after we wrote them. If they are known to be different when
//! the next daemon starts, another rpcbind has been there, and they tell more.
//!
//! A start goes on with the journal that is there if that is whole and tells all that is registered, with another FILES.
//! Otherwise, and when more than half of it is of no use any more, it is written anew as a FILES and the SETs of all that is
//! registered. [`record`] and [`replay`] know bytes only, [`file`](mod@file) the file.
// What reads what others have written computes nothing that could overflow and indexes nothing that could be missing.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

pub mod file;
pub mod record;
pub mod replay;

pub use file::{Journal, Written};
pub use record::Record;
pub use replay::{Damage, Fault, Replay, Told};
