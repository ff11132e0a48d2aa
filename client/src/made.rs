//! Connections that the caller makes.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use oncrpc_transport::Connection;

/// How the caller connects.
#[derive(Clone)]
pub(crate) struct Made(Arc<Connect>);

type Connect = dyn Fn() -> Connecting + Send + Sync;
type Connecting = Pin<Box<dyn Future<Output = io::Result<Connection>> + Send>>;

impl Made {
    pub(crate) fn by<F, C>(connect: F) -> Self
    where
        F: Fn() -> C + Send + Sync + 'static,
        C: Future<Output = io::Result<Connection>> + Send + 'static,
    {
        Self(Arc::new(move || Box::pin(connect())))
    }

    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        (self.0)().await
    }
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Made")
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the caller's own way")
    }
}
