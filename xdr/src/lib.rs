//! External Data Representation, [RFC 4506](https://www.rfc-editor.org/rfc/rfc4506), for bytes that nobody vouches for.
//!
//! [`Encode`] and [`Decode`] are what generated types implement; [`Reader`] and [`Writer`] are what they
//! are implemented with. A reader walks a slice of a message that has arrived whole, checks every length
//! against what remains before it allocates, and charges what it allocates to the message's budget
//! ([`Limits`]). A writer fills one buffer and chains large [`Bytes`] in without copying them.
//! [`structure!`], [`union!`] and [`enumeration!`] implement both traits for types of your own, as they do for
//! generated ones.
//!
//! ```
//! use oncrpc_xdr::{Decode, Encode, XdrString};
//!
//! let name = XdrString::from("rpcbind");
//! let wire = oncrpc_xdr::to_bytes(&name)?;
//! assert_eq!(&wire[..], b"\0\0\0\x07rpcbind\0");
//! assert_eq!(oncrpc_xdr::from_bytes::<XdrString>(&wire)?, name);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With the feature `serde` the types here, and generated ones, are serde's as well; see its module `serde`. With the feature
//! `simd` arrays of numbers of 1 KiB and more are coded with AVX2 where the processor has it.
#![no_std]
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

extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
mod buffer;
mod codec;
mod enumeration;
mod error;
#[doc(hidden)]
pub mod fixed;
mod limits;
mod reader;
mod run;
#[cfg(feature = "serde")]
pub mod serde;
mod string;
mod structure;
#[doc(hidden)]
pub mod union;
pub mod wire;
mod writer;

pub use bytes::Bytes;
pub use codec::{Decode, Encode, Quadruple, from_bytes, to_bytes};
pub use enumeration::{Enumeration, Unknown};
pub use error::{At, DecodeError, DecodeFault, EncodeError, EncodeFault, Segment};
pub use limits::{Limits, Padding};
pub use reader::Reader;
pub use string::XdrString;
pub use wire::Wire;
pub use writer::{Mark, Writer};
