//! The portmapper.
