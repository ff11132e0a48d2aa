//! The portmapper.

pub mod binding;
pub mod cli;
pub mod daemon;
mod fields;
pub mod interfaces;
pub mod lock;
pub mod logging;
pub mod merge;
pub mod netconfig;
pub mod notify;
pub mod policy;
pub mod portmapper;
pub mod privilege;
pub mod registry;
pub mod request_log;
pub mod service;
pub mod services;
pub mod state;
pub mod statistics;
pub mod taddr;
