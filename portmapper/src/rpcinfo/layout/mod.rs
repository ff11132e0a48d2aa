//! How answers are laid out; pure.
//!
//! | module | what it lays out |
//! |---|---|
//! | [`list`] | registrations, in the four layouts of rpcinfo 1.2.6 |
//! | [`statistics`] | how often rpcbind was asked for what |
//! | [`findings`] | what has become of registrations |
//! | [`json`] | all of these for programs to read |
//! | [`text`] | a peer's bytes, fit for a terminal |

pub mod findings;
pub mod json;
pub mod list;
pub mod statistics;
pub mod text;
