//! A server's side: services and their handlers, the ladder of checks before them, and replies.

pub mod answered;
pub mod around;
pub mod context;
pub mod duplicates;
pub mod handler;
pub mod ladder;
#[doc(hidden)]
pub mod method;
pub mod reply;
pub mod reverse;
pub mod service;
pub mod session;
pub mod step;
