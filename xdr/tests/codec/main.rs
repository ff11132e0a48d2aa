//! What XDR looks like, that it comes back as it went, and what bytes of ill will meet.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

mod any;
mod bounds;
mod depth;
mod errors;
mod hostile;
mod owned;
mod pictures;
mod round_trip;
mod sample;
mod writer;
