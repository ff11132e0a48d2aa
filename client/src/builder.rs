//! How a channel is put together.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::Retransmit;
use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::netid::Netid;
use oncrpc_transport::Limits;
use oncrpc_transport::connection::DEFAULT_TIMEOUT;

use crate::place::Place;
use crate::rpcbind::RpcbindAt;
use crate::{Channel, Endpoint, Target};

/// How a channel is put together; the last step says where the server is.
#[derive(Clone, Debug)]
#[must_use = "the channel is what `program` or `port` gives back"]
pub struct Builder {
    target: Target,
    netid: Netid,
    rpcbind: Option<RpcbindAt>,
    settings: Settings,
}

/// What a channel does the same way for each call.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) auth: Arc<dyn ClientAuth>,
    pub(crate) timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) retransmit: Retransmit,
}

impl Builder {
    pub(crate) fn new(target: Target) -> Self {
        let netid = match &target {
            Target::Host(_) | Target::Address(IpAddr::V4(_)) => Netid::Tcp,
            Target::Address(IpAddr::V6(_)) => Netid::Tcp6,
            Target::Unix(_) | Target::Abstract(_) => Netid::Local,
        };
        Self {
            target,
            netid,
            rpcbind: None,
            settings: Settings::default(),
        }
    }

    /// Uses this transport. Default: `tcp`, or `local` for a Unix socket. `tcp6` and `udp6` use IPv6.
    pub fn netid(self, netid: Netid) -> Self {
        Self { netid, ..self }
    }

    /// Calls in the name of `auth`. Default: AUTH_NONE.
    pub fn auth(mut self, auth: Arc<dyn ClientAuth>) -> Self {
        self.settings.auth = auth;
        self
    }

    /// Gives each call this much time, connecting and every transmission included. Default: 25 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Grants the server other limits than [`Limits::CLIENT`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Repeats datagrams by another policy than [`Retransmit::adaptive`].
    pub fn retransmit(mut self, retransmit: Retransmit) -> Self {
        self.settings.retransmit = retransmit;
        self
    }

    /// Asks this rpcbind where programs are. Default: the one on the server's port 111, or on this host
    /// for the transport `local`.
    pub fn rpcbind(self, rpcbind: RpcbindAt) -> Self {
        Self {
            rpcbind: Some(rpcbind),
            ..self
        }
    }

    /// A channel to a program, at the address that rpcbind names when the channel connects.
    pub fn program(self, program: u32, version: u32) -> Channel {
        let Self {
            target,
            netid,
            rpcbind,
            settings,
        } = self;
        let place = match socket(&target) {
            Some(endpoint) => Place::Endpoint(endpoint),
            None => Place::Program {
                target,
                netid,
                program,
                version,
                rpcbind,
            },
        };
        Channel::new(place, settings)
    }

    /// A channel to a port, which rpcbind is not asked for. It means nothing for a Unix socket.
    pub fn port(self, port: u16) -> Channel {
        let Self {
            target,
            netid,
            settings,
            ..
        } = self;
        let place = match socket(&target) {
            Some(endpoint) => Place::Endpoint(endpoint),
            None => Place::Port {
                target,
                netid,
                port,
            },
        };
        Channel::new(place, settings)
    }
}

/// The Unix socket that a target is, if it is one.
fn socket(target: &Target) -> Option<Endpoint> {
    match target {
        Target::Unix(path) => Some(Endpoint::Unix(path.clone())),
        Target::Abstract(name) => Some(Endpoint::Abstract(name.clone())),
        Target::Host(_) | Target::Address(_) => None,
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auth: Arc::new(AuthNone),
            timeout: DEFAULT_TIMEOUT,
            limits: Limits::CLIENT,
            retransmit: Retransmit::default(),
        }
    }
}
