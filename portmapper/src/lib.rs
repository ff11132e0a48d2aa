//! The portmapper.

mod fields;
pub mod interfaces;
pub mod merge;
pub mod netconfig;
pub mod policy;
pub mod registry;
pub mod services;
pub mod state;
pub mod statistics;
