//! The portmapper.

pub mod policy;
pub mod registry;
