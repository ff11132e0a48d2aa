//! Bytes and peers.
