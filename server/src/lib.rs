//! The ONC RPC server: services behind listeners, registered with rpcbind, shut down gracefully.
//!
//! It is for Linux: sockets are used as Linux has them.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! // What rpcgen has made of portmap.x; of a file of yours it makes the same.
//! use oncrpc::proto::portmap::Mapping;
//! use oncrpc::proto::portmap::pmapprog::v2;
//! use oncrpc::{CallContext, Reject};
//! use oncrpc_server::{Listen, Server};
//!
//! struct Ports;
//!
//! impl v2::Server for Ports {
//!     async fn getport(&self, _: &CallContext, asked: Mapping) -> Result<u32, Reject> {
//!         Ok(if asked.prog == 100_003 { 2049 } else { 0 })
//!     }
//! }
//!
//! let running = Server::new()
//!     .service(v2::service(Arc::new(Ports)))
//!     .listen(Listen::Tcp("0.0.0.0:0".parse()?))
//!     .start()
//!     .await?;
//! // Until somebody wants it to end; what has been called by then is answered.
//! std::future::pending::<()>().await;
//! running.shutdown(Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```
//!
//! It runs on the runtime that starts it, but for threads of its own that [answer datagrams](Server::datagram_threads). One that is to
//! use a single processor does best on tokio's `current_thread`: calls one by one take some 5 % less of it there than on a runtime with
//! one worker (`hello-server`, among the examples, chooses by its threads).
//!
//! A [`Server`] is a set of services, one for each version of each program; generated code makes them
//! (`service(…)` in the module of each version). [`Listen`] says where calls come from. [`Running`] is what
//! comes of starting it: dropping it ends the server, [`Running::shutdown`] waits for what is at hand.
//! [`Access`] says who may call, by default everybody; an [`Intercept`] is any other check before a call,
//! and an [`Observer`] hears what became of each, a [`Door`] counts connections; the feature `tower` has services behind its layers. [`Duplicates`] are for procedures that must not be executed twice.

mod accept;
mod access;
mod blocking;
mod duplicates;
mod gate;
mod intercept;
mod listen;
mod observe;
mod registered;
mod renewal;
mod running;
mod seats;
mod server;
mod threads;
#[cfg(feature = "tower")]
mod tower;

pub use oncrpc::serve::duplicates::DuplicatePolicy;
pub use oncrpc_client::{Policy, RpcbindAt};

pub use access::Access;
pub use blocking::blocking;
pub use duplicates::{Duplicates, remembered};
pub use gate::{ConnectionCounts, Door};
pub use intercept::{Intercept, intercepted};
pub use listen::{Bound, Listen};
pub use observe::{Finished, Observer, Outcome};
pub use running::Running;
pub use server::{Server, ServerLimits, StartError};
#[cfg(feature = "tower")]
pub use tower::{Dispatched, Layers, layered};
