//! The ONC RPC client: a [`Channel`] to a server, wherever rpcbind says it is.
//!
//! Generated clients call through a channel (`Client::new(channel)`). It is cheap to clone and shared by
//! any number of tasks; it connects when it is first called, and again after its connection has ended.
//!
//! [`Rpcbind`] asks and tells rpcbind itself; a [`Registration`] keeps services registered for as long as
//! it lives.

mod attempt;
mod builder;
mod channel;
mod connect;
mod credential;
mod endpoint;
mod place;
mod registration;
mod rpcbind;
mod target;

pub use builder::Builder;
pub use channel::Channel;
pub use credential::auth_sys;
pub use endpoint::Endpoint;
pub use registration::{Policy, RegisterError, Registration, Renewal};
pub use rpcbind::{Mapping, Rpcbind, RpcbindAt};
pub use target::{Target, TargetError};
