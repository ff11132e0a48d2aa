//! Where a server is, and how to find out.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use oncrpc::CallError;
use oncrpc::netid::{Family, Netid};
use oncrpc::uaddr::Uaddr;

use crate::rpcbind::{Rpcbind, RpcbindAt};
use crate::{Endpoint, Target};

/// Where the server is, as far as that is known beforehand.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Nothing is left to look up.
    Endpoint(Endpoint),
    /// A port of a host.
    Port {
        target: Target,
        netid: Netid,
        port: u16,
    },
    /// A program on a host, whose address rpcbind tells.
    Program {
        target: Target,
        netid: Netid,
        program: u32,
        version: u32,
        rpcbind: Option<RpcbindAt>,
    },
}

impl Place {
    /// The same place once for each address of its host.
    pub(crate) async fn addresses(&self) -> Result<Vec<Self>, CallError> {
        let (Self::Port {
            target: Target::Host(name),
            netid,
            ..
        }
        | Self::Program {
            target: Target::Host(name),
            netid,
            ..
        }) = self
        else {
            return Ok(vec![self.clone()]);
        };
        let Some(family) = netid.transport().map(|transport| transport.family) else {
            return Err(CallError::Connect(Arc::new(unsupported(netid))));
        };
        if family == Family::Loopback {
            return Ok(vec![self.clone()]);
        }
        let found = tokio::net::lookup_host((name.as_str(), 0))
            .await
            .map_err(|error| {
                CallError::Connect(Arc::new(io::Error::new(
                    error.kind(),
                    format!("{name}: {error}"),
                )))
            })?;
        let addresses = found.filter(|address| address.is_ipv4() == (family == Family::Inet));
        Ok(addresses.map(|address| self.at(address.ip())).collect())
    }

    /// The same place at one address.
    fn at(&self, address: IpAddr) -> Self {
        let mut place = self.clone();
        if let Self::Port { target, .. } | Self::Program { target, .. } = &mut place {
            *target = Target::Address(address);
        }
        place
    }

    /// Where to connect to; asks rpcbind if need be.
    pub(crate) async fn endpoint(&self) -> Result<Endpoint, CallError> {
        match self {
            Self::Endpoint(endpoint) => Ok(endpoint.clone()),
            Self::Port {
                target: Target::Address(address),
                netid,
                port,
            } => inet(netid, (*address, *port).into())
                .ok_or_else(|| CallError::Connect(Arc::new(unsupported(netid)))),
            Self::Program {
                target,
                netid,
                program,
                version,
                rpcbind,
            } => {
                let asked = match target {
                    Target::Address(address) => Some(*address),
                    _ => None,
                };
                let at = match (rpcbind, asked) {
                    (Some(rpcbind), _) => rpcbind.clone(),
                    (None, _) if is_local(netid) && target.is_this_host() => RpcbindAt::ThisHost,
                    (None, Some(address)) => inet(netid, (address, Rpcbind::PORT).into())
                        .map(RpcbindAt::Endpoint)
                        .ok_or_else(|| CallError::Connect(Arc::new(unsupported(netid))))?,
                    (None, None) => return Err(CallError::Connect(Arc::new(unsupported(netid)))),
                };
                lookup(at, *program, *version, netid.clone(), asked).await
            }
            Self::Port { netid, .. } => Err(CallError::Connect(Arc::new(unsupported(netid)))),
        }
    }
}

/// Asks rpcbind where a program is. Boxed, because rpcbind is called through a channel, too.
fn lookup(
    at: RpcbindAt,
    program: u32,
    version: u32,
    netid: Netid,
    asked: Option<IpAddr>,
) -> Pin<Box<dyn Future<Output = Result<Endpoint, CallError>> + Send>> {
    Box::pin(async move {
        let found = match Rpcbind::connect(&at).await {
            Ok(rpcbind) => rpcbind.lookup_from(program, version, &netid, asked).await,
            Err(error) => Err(error),
        };
        found.map_err(|error| match error {
            CallError::NotRegistered { .. } => error,
            // It is rpcbind that this is about, not the server.
            error => CallError::Lookup {
                rpcbind: at.to_string(),
                error: error.into(),
            },
        })
    })
}

fn is_local(netid: &Netid) -> bool {
    matches!(netid, Netid::Local | Netid::Unix)
}

/// An internet endpoint of a transport.
fn inet(netid: &Netid, address: SocketAddr) -> Option<Endpoint> {
    Endpoint::of(netid, &Uaddr::Inet(address))
}

fn unsupported(netid: &Netid) -> io::Error {
    let message = format!("transport {netid} cannot be used here");
    io::Error::new(io::ErrorKind::Unsupported, message)
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Port {
                target,
                netid,
                port,
            } => write!(f, "{netid} port {port} of {target}"),
            Self::Program {
                target,
                netid,
                program,
                version,
                ..
            } => write!(
                f,
                "program {program} version {version} at {netid} of {target}"
            ),
        }
    }
}
