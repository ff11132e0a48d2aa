//! Where a server is, and how to find out.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use oncrpc::CallError;
use oncrpc::netid::{Family, Netid};
use oncrpc::uaddr::Uaddr;

use crate::made::Made;
use crate::nettype::Transports;
use crate::rpcbind::{Rpcbind, RpcbindAt};
use crate::{Endpoint, Host};

/// Where the server is, as far as that is known beforehand.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// Nothing is left to look up.
    Endpoint(Endpoint),
    /// Nobody here knows: somebody else has made the connection, and there is no way to another.
    Unknown,
    /// The caller knows.
    Made(Made),
    /// Something on a host.
    On {
        host: Host,
        transports: Transports,
        what: What,
    },
}

impl From<Endpoint> for Place {
    fn from(endpoint: Endpoint) -> Self {
        Self::Endpoint(endpoint)
    }
}

/// What is wanted of a host.
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// A port.
    Port(u16),
    /// A program, whose address rpcbind tells.
    Program(Program),
}

/// A program, and who is asked where it is.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) program: u32,
    pub(crate) version: u32,
    /// `None` for the rpcbind of the host.
    pub(crate) rpcbind: Option<RpcbindAt>,
}

/// One of the ways to a server.
#[derive(Debug)]
pub(crate) enum Way {
    /// Straight to where it is.
    Endpoint(Endpoint),
    /// As the caller connects.
    Made(Made),
    /// By asking rpcbind.
    Lookup {
        rpcbind: RpcbindAt,
        program: u32,
        version: u32,
        netid: Netid,
        /// The host's address, if it is another one than we.
        host: Option<SocketAddr>,
    },
}

impl Place {
    /// Every way to the server, in the order to be tried: one for each transport and address of its host.
    pub(crate) async fn ways(&self) -> Result<Vec<Way>, CallError> {
        let (host, transports, what) = match self {
            Self::Unknown => return Ok(Vec::new()),
            Self::Made(made) => return Ok(vec![Way::Made(made.clone())]),
            Self::Endpoint(endpoint) => return Ok(vec![Way::Endpoint(endpoint.clone())]),
            Self::On {
                host,
                transports,
                what,
            } => (host, transports, what),
        };
        let mut ways = Vec::new();
        let mut addresses = None;
        let mut refused = None;
        for netid in &transports.netids() {
            let is_v4 = match netid.transport().map(|transport| transport.family) {
                Some(Family::Inet) => true,
                Some(Family::Inet6) => false,
                Some(Family::Loopback) if let Some(way) = what.on_this_host(host, netid) => {
                    ways.push(way);
                    continue;
                }
                Some(Family::Loopback) | None => {
                    refused.get_or_insert_with(|| unsupported(netid));
                    continue;
                }
            };
            let addresses = match &addresses {
                Some(addresses) => addresses,
                None => addresses.insert(resolve(host).await),
            };
            match addresses {
                Ok(addresses) => {
                    let of_family = addresses.iter().filter(|at| at.is_ipv4() == is_v4);
                    ways.extend(of_family.filter_map(|at| what.at(*at, netid)));
                }
                Err(error) => {
                    refused.get_or_insert_with(|| CallError::Connect(error.clone()));
                }
            }
        }
        match refused {
            Some(error) if ways.is_empty() => Err(error),
            _ => Ok(ways),
        }
    }

    /// The same place by TCP; `None` if there is nothing that UDP leads to.
    pub(crate) fn over_tcp(&self) -> Option<Self> {
        match self {
            Self::Endpoint(Endpoint::Udp(address)) => Some(Endpoint::Tcp(*address).into()),
            Self::Endpoint(_) | Self::Made(_) | Self::Unknown => None,
            Self::On {
                host,
                transports,
                what,
            } => {
                let over_tcp = |netid: &Netid| match netid {
                    Netid::Udp => Some(Netid::Tcp),
                    Netid::Udp6 => Some(Netid::Tcp6),
                    _ => None,
                };
                let netids: Vec<Netid> = transports.netids().iter().filter_map(over_tcp).collect();
                (!netids.is_empty()).then(|| Self::On {
                    host: host.clone(),
                    transports: Transports::Listed(netids),
                    what: what.clone(),
                })
            }
        }
    }

    /// Why there is no way to the server at all.
    pub(crate) fn no_way(&self) -> CallError {
        let message = match self {
            Self::Unknown => {
                let message = "the connection that was given has ended, and cannot be made again";
                let error = io::Error::new(io::ErrorKind::Unsupported, message);
                return CallError::Connect(Arc::new(error));
            }
            Self::Endpoint(endpoint) => format!("no way to {endpoint}"),
            Self::Made(made) => format!("no way by {made}"),
            Self::On {
                host, transports, ..
            } => match &transports.netids()[..] {
                [] => format!("no transport to {host}: this system has none of {transports}"),
                [netid] => format!("{host} has no address for {netid}"),
                _ => format!("{host} has no address for any of {transports}"),
            },
        };
        let error = io::Error::new(io::ErrorKind::NotFound, message);
        CallError::Connect(Arc::new(error))
    }
}

impl What {
    /// The way at an address of the host.
    fn at(&self, mut address: SocketAddr, netid: &Netid) -> Option<Way> {
        match self {
            Self::Port(port) => {
                address.set_port(*port);
                inet(netid, address).map(Way::Endpoint)
            }
            Self::Program(program) => {
                address.set_port(Rpcbind::PORT);
                let rpcbind = inet(netid, address).map(RpcbindAt::Endpoint)?;
                Some(program.lookup(rpcbind, netid, Some(address)))
            }
        }
    }

    /// The way by a Unix socket, if the host is ours and the program is looked up.
    fn on_this_host(&self, host: &Host, netid: &Netid) -> Option<Way> {
        match self {
            Self::Program(program) if host.is_this_host() => {
                Some(program.lookup(RpcbindAt::ThisHost, netid, None))
            }
            _ => None,
        }
    }
}

impl Program {
    fn lookup(&self, rpcbind: RpcbindAt, netid: &Netid, host: Option<SocketAddr>) -> Way {
        Way::Lookup {
            rpcbind: self.rpcbind.clone().unwrap_or(rpcbind),
            program: self.program,
            version: self.version,
            netid: netid.clone(),
            host,
        }
    }
}

/// Asks rpcbind where a program is. Boxed, because rpcbind is called through a channel, too.
pub(crate) fn lookup(
    at: RpcbindAt,
    program: u32,
    version: u32,
    netid: Netid,
    host: Option<SocketAddr>,
) -> Pin<Box<dyn Future<Output = Result<Endpoint, CallError>> + Send>> {
    Box::pin(async move {
        let found = match Rpcbind::connect(&at).await {
            Ok(rpcbind) => rpcbind.lookup_from(program, version, &netid, host).await,
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

/// The addresses of a host; a name is looked up by a thread of the runtime.
async fn resolve(host: &Host) -> Result<Vec<SocketAddr>, Arc<io::Error>> {
    let Host::Name(_) = host else {
        return host.addresses(0).map_err(Arc::new);
    };
    let host = host.clone();
    tokio::task::spawn_blocking(move || host.addresses(0))
        .await
        .unwrap_or_else(|ended| Err(io::Error::other(ended)))
        .map_err(Arc::new)
}

/// An internet endpoint of a transport.
fn inet(netid: &Netid, address: SocketAddr) -> Option<Endpoint> {
    Endpoint::of(netid, &Uaddr::Inet(address))
}

fn unsupported(netid: &Netid) -> CallError {
    let message = format!("transport {netid} cannot be used here");
    let error = io::Error::new(io::ErrorKind::Unsupported, message);
    CallError::Connect(Arc::new(error))
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(endpoint) => endpoint.fmt(f),
            Self::Made(made) => made.fmt(f),
            Self::Lookup {
                program,
                version,
                netid,
                host,
                ..
            } => {
                write!(f, "program {program} version {version} at {netid} of ")?;
                match host {
                    Some(host) => host.ip().fmt(f),
                    None => f.write_str("this host"),
                }
            }
        }
    }
}
