//! What is registered with rpcbind for as long as a server runs.
//!
//! A server knows its registration by a trait alone. A program whose servers register nothing, as rpcbind itself is one, has none of
//! the client that does: 0.1 MB of code that would be in memory.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use oncrpc_client::{Mapping, Policy, RegisterError, Registration, RpcbindAt};
use oncrpc_transport::Stopped;

use crate::renewal;

/// What is registered; dropping it unregisters.
pub(crate) trait Registered: fmt::Debug + Send + Sync {
    /// What that is, as far as is known.
    fn mappings(&self) -> Vec<Mapping>;

    /// Registers it again from time to time, as a task that ends when `stop` does.
    fn renew(&self, every: Duration, stop: Stopped);

    /// Unregisters it.
    fn unregister(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Registers these, when the server knows where it listens.
pub(crate) type Register = Box<dyn FnOnce(Vec<Mapping>) -> Registering + Send + Sync>;

/// What [`Register`] comes to.
pub(crate) type Registering =
    Pin<Box<dyn Future<Output = Result<Box<dyn Registered>, RegisterError>> + Send>>;

/// Registers with this rpcbind.
pub(crate) fn register(policy: Policy, at: RpcbindAt) -> Register {
    Box::new(move |mappings| {
        Box::pin(async move {
            let registration = Registration::register(at, mappings, policy).await?;
            Ok(Box::new(registration) as Box<dyn Registered>)
        })
    })
}

impl Registered for Registration {
    fn mappings(&self) -> Vec<Mapping> {
        self.mappings()
    }

    fn renew(&self, every: Duration, stop: Stopped) {
        // Not one of the tasks that the end waits for: it may be waiting for an rpcbind that does not answer.
        tokio::spawn(renewal::renew(self.renewal(), every, stop));
    }

    fn unregister(self: Box<Self>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin((*self).unregister())
    }
}
