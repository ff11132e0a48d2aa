//! The ONC RPC client: a [`Channel`] to a server, wherever rpcbind says it is.
//!
//! It is for Linux: sockets are used as Linux has them.
//!
//! Generated clients call through a channel (`Client::new(channel)`). It is cheap to clone and shared by
//! any number of tasks; it connects when it is first called, and again after its connection has ended.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // What rpcgen has made of portmap.x; of a file of yours it makes the same.
//! use oncrpc::proto::portmap::pmapprog::{PROGRAM, v2};
//! use oncrpc_client::Channel;
//!
//! let channel = Channel::builder("server.example".parse()?).program(PROGRAM, v2::VERSION);
//! let portmapper = v2::Client::new(channel);
//! println!("{:?}", portmapper.dump().await?);
//! # Ok(())
//! # }
//! ```
//!
//! Programs without an async runtime call through a [`blocking::Channel`]; with `default-features = false`
//! there is nothing else, and no tokio among the dependencies.
//!
//! [`Rpcbind`] asks and tells rpcbind itself; a [`Registration`] keeps services registered for as long as
//! it lives. A [`Broadcast`] asks everybody on the network at once, such as who has a program.

pub mod blocking;
mod credential;
mod endpoint;
mod getaddr;
mod host;
mod target;
#[cfg(feature = "tower")]
mod tower;

pub use credential::auth_sys;
pub use endpoint::Endpoint;
pub use host::Host;
pub use target::{Target, TargetError};
#[cfg(feature = "tower")]
pub use tower::{Calls, Layered, Layers, OutgoingCall, layered};

#[cfg(feature = "tokio")]
mod attempt;
#[cfg(feature = "tokio")]
pub mod broadcast;
#[cfg(feature = "tokio")]
mod builder;
#[cfg(feature = "tokio")]
mod callbacks;
#[cfg(feature = "tokio")]
mod channel;
#[cfg(feature = "tokio")]
mod connect;
#[cfg(feature = "tokio")]
mod given;
#[cfg(feature = "tokio")]
mod made;
#[cfg(feature = "tokio")]
mod nettype;
#[cfg(feature = "tokio")]
mod place;
#[cfg(feature = "tokio")]
mod reach;
#[cfg(feature = "tokio")]
mod reconnect;
#[cfg(feature = "tokio")]
mod registration;
#[cfg(feature = "tokio")]
mod reserved;
#[cfg(feature = "tokio")]
mod rpcbind;
#[cfg(feature = "tokio")]
mod settings;
#[cfg(feature = "tokio")]
mod shared;
#[cfg(feature = "tokio")]
mod stdio;
#[cfg(feature = "tokio")]
mod tries;
#[cfg(feature = "tokio")]
mod vouch;

#[cfg(feature = "tokio")]
pub use broadcast::Broadcast;
#[cfg(feature = "tokio")]
pub use builder::Builder;
#[cfg(feature = "tokio")]
pub use channel::Channel;
#[cfg(feature = "tokio")]
pub use nettype::{NetType, NetTypeError};
#[cfg(feature = "tokio")]
pub use reconnect::Reconnect;
#[cfg(feature = "tokio")]
pub use registration::{Policy, RegisterError, Registration, Renewal};
#[cfg(feature = "tokio")]
pub use rpcbind::{Mapping, Rpcbind, RpcbindAt};
