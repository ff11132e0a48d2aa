//! What a channel does the same way for each call.

use std::sync::Arc;
use std::time::Duration;

use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::call::caller::DEFAULT_TIMEOUT;
use oncrpc::{Retransmit, Service};
use oncrpc_transport::socket::KEEPALIVE;
use oncrpc_transport::{Connection, Limits};

use crate::Reconnect;

/// What a channel does the same way for each call.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) auth: Arc<dyn ClientAuth>,
    pub(crate) timeout: Duration,
    /// Time that connecting to one address may take.
    pub(crate) connect_timeout: Duration,
    pub(crate) limits: Limits,
    /// Time of silence after which TCP asks whether the server is still there.
    pub(crate) keepalive: Option<Duration>,
    /// TCP and UDP come from a port that only root may use.
    pub(crate) reserved_port: bool,
    pub(crate) retransmit: Retransmit,
    pub(crate) reconnect: Reconnect,
    /// A call that no datagram holds goes over TCP.
    pub(crate) tcp_if_large: bool,
    /// Calls wait for a server that cannot be reached until their time is up.
    pub(crate) wait_for_server: bool,
    /// At a Unix socket only rpcbind is called, and nobody who listens in its place.
    pub(crate) only_rpcbind: bool,
    /// What is served on the channel's own connection.
    pub(crate) services: Vec<Arc<dyn Service>>,
}

impl Settings {
    /// A connection whose calls are made as the channel's are.
    pub(crate) fn apply(&self, connection: Connection) -> Connection {
        let connection = connection.with_auth(self.auth.clone());
        connection.with_timeout(self.timeout)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auth: Arc::new(AuthNone),
            timeout: DEFAULT_TIMEOUT,
            connect_timeout: Duration::from_secs(10),
            limits: Limits::CLIENT,
            keepalive: Some(KEEPALIVE),
            reserved_port: false,
            retransmit: Retransmit::default(),
            reconnect: Reconnect::default(),
            tcp_if_large: false,
            wait_for_server: false,
            only_rpcbind: false,
            services: Vec::new(),
        }
    }
}
