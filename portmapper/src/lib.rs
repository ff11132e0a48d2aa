//! The portmapper.

pub mod interfaces;
pub mod merge;
pub mod policy;
pub mod registry;
pub mod statistics;
