//! Asking and telling rpcbind.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use oncrpc::CallError;
use oncrpc::netid::Netid;
use oncrpc::proto::portmap::{self, pmapprog::v2};
use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::proto::rpcb::{RpList, Rpcb};
use oncrpc::uaddr::Uaddr;
use oncrpc_xdr::XdrString;

use crate::getaddr::{RPCBIND_PORT, getaddr, parse, protocol, reachable, speaks_older};
use crate::settings::Settings;
use crate::{Channel, Endpoint};

/// Which rpcbind is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RpcbindAt {
    /// The one on this host: the abstract socket first, which knows no mount namespaces, then the path,
    /// then loopback. A socket at which another user listens than root, `_rpc`, `rpc` and ourselves is passed over.
    ThisHost,
    /// The one at this address.
    Endpoint(Endpoint),
}

/// A program's address, as rpcbind lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The program.
    pub program: u32,
    /// Its version.
    pub version: u32,
    /// The transport.
    pub netid: Netid,
    /// The universal address on it, as text: what was registered need not be one.
    pub uaddr: XdrString,
    /// Who registered it, in rpcbind's words; empty if that is not known.
    pub owner: XdrString,
}

/// A connection to rpcbind. Every question is asked in version 4, then 3, then 2, until one is understood.
#[derive(Clone, Debug)]
pub struct Rpcbind {
    channel: Channel,
    endpoint: Endpoint,
}

impl Rpcbind {
    /// The port of rpcbind, TCP and UDP.
    pub const PORT: u16 = RPCBIND_PORT;

    /// The Unix socket of rpcbind, as a path and as an abstract name.
    pub const SOCKET: &str = "/run/rpcbind.sock";

    /// Connects to an rpcbind.
    pub async fn connect(at: &RpcbindAt) -> Result<Self, CallError> {
        let candidates = match at {
            RpcbindAt::Endpoint(endpoint) => vec![endpoint.clone()],
            RpcbindAt::ThisHost => vec![
                Endpoint::Abstract(Self::SOCKET.into()),
                Endpoint::Unix(Self::SOCKET.into()),
                // Where /var/run is a directory of its own, as it once was everywhere.
                Endpoint::Unix(format!("/var{}", Self::SOCKET).into()),
                Endpoint::Tcp((Ipv4Addr::LOCALHOST, Self::PORT).into()),
                Endpoint::Tcp((Ipv6Addr::LOCALHOST, Self::PORT).into()),
            ],
        };
        // Where the caller has named the socket, it is for the caller to know who listens.
        let settings = Settings {
            only_rpcbind: *at == RpcbindAt::ThisHost,
            ..Settings::default()
        };
        let mut failed = None;
        for endpoint in candidates {
            let channel = Channel::new(endpoint.clone().into(), settings.clone());
            match channel.connect().await {
                Ok(()) => return Ok(Self { channel, endpoint }),
                Err(error) => failed = Some(error),
            }
        }
        // INVARIANT: there is a candidate at least, and each has failed.
        Err(failed.unwrap_or(CallError::TimedOut {
            after: std::time::Duration::ZERO,
            sent: 0,
        }))
    }

    /// Where a program is, for somebody who can reach what rpcbind can reach: GETADDR.
    ///
    /// rpcbind names another version's address if it does not have this one; the call shows it.
    pub async fn lookup(
        &self,
        program: u32,
        version: u32,
        netid: &Netid,
    ) -> Result<Endpoint, CallError> {
        let asked = self.endpoint.inet();
        self.lookup_from(program, version, netid, asked).await
    }

    /// The same; `asked` is the address by which the caller reaches the host, which stands in for a
    /// wildcard in the answer.
    pub(crate) async fn lookup_from(
        &self,
        program: u32,
        version: u32,
        netid: &Netid,
        asked: Option<SocketAddr>,
    ) -> Result<Endpoint, CallError> {
        let uaddr = if self.endpoint.netid() == *netid {
            getaddr(&self.channel, program, version, netid, asked).await?
        } else {
            self.listed(program, version, netid).await?
        };
        let endpoint = uaddr.and_then(|uaddr| Endpoint::of(netid, &reachable(uaddr, asked)));
        let netid = netid.clone();
        endpoint
            .filter(|endpoint| endpoint.inet().is_none_or(|at| at.port() != 0))
            .ok_or(CallError::NotRegistered {
                program,
                version,
                netid,
            })
    }

    /// Looks the program up in the list, for another transport than the question would come by: this
    /// version, or else the one that was registered last, as GETADDR does.
    async fn listed(
        &self,
        program: u32,
        version: u32,
        netid: &Netid,
    ) -> Result<Option<Uaddr>, CallError> {
        let mut list = self.dump().await?;
        list.retain(|mapping| mapping.program == program && mapping.netid == *netid);
        let exact = list.iter().find(|mapping| mapping.version == version);
        Ok(exact
            .or(list.last())
            .and_then(|mapping| parse(netid, &mapping.uaddr)))
    }

    /// Registers a mapping: SET. `false` if the program is registered at another address, or the caller
    /// may not. The owner is what rpcbind makes of the caller.
    pub async fn set(&self, mapping: &Mapping) -> Result<bool, CallError> {
        let arg = mapping.to_rpcb();
        match v4::Client::new(self.channel.clone()).set(&arg).await {
            Err(error) if speaks_older(&error) => {}
            answer => return answer,
        }
        match v3::Client::new(self.channel.clone()).set(&arg).await {
            Err(error) if speaks_older(&error) => {}
            answer => return answer,
        }
        let Some(mapping) = mapping.to_portmap() else {
            return Ok(false);
        };
        v2::Client::new(self.channel.clone()).set(&mapping).await
    }

    /// Unregisters a program on one transport, or on all: UNSET. `false` if it is somebody else's.
    pub async fn unset(
        &self,
        program: u32,
        version: u32,
        netid: Option<&Netid>,
    ) -> Result<bool, CallError> {
        let arg = Rpcb {
            r_prog: program,
            r_vers: version,
            r_netid: XdrString::from(netid.map_or(&b""[..], Netid::as_bytes)),
            r_addr: XdrString::new(),
            r_owner: XdrString::new(),
        };
        match v4::Client::new(self.channel.clone()).unset(&arg).await {
            Err(error) if speaks_older(&error) => {}
            answer => return answer,
        }
        match v3::Client::new(self.channel.clone()).unset(&arg).await {
            Err(error) if speaks_older(&error) => {}
            answer => return answer,
        }
        let mapping = portmap::Mapping {
            prog: program,
            vers: version,
            prot: 0,
            port: 0,
        };
        v2::Client::new(self.channel.clone()).unset(&mapping).await
    }

    /// Everything that is registered: DUMP.
    pub async fn dump(&self) -> Result<Vec<Mapping>, CallError> {
        let listed =
            |list: Vec<RpList>| list.into_iter().map(|node| node.rpcb_map.into()).collect();
        match v4::Client::new(self.channel.clone()).dump().await {
            Err(error) if speaks_older(&error) => {}
            answer => return answer.map(listed),
        }
        match v3::Client::new(self.channel.clone()).dump().await {
            Err(error) if speaks_older(&error) => {}
            answer => return answer.map(listed),
        }
        let list = v2::Client::new(self.channel.clone()).dump().await?;
        Ok(list.into_iter().map(|node| node.map.into()).collect())
    }
}

impl Mapping {
    fn to_rpcb(&self) -> Rpcb {
        Rpcb {
            r_prog: self.program,
            r_vers: self.version,
            r_netid: XdrString::from(self.netid.as_bytes()),
            r_addr: self.uaddr.clone(),
            r_owner: self.owner.clone(),
        }
    }

    /// As version 2 has it, if it can say it.
    fn to_portmap(&self) -> Option<portmap::Mapping> {
        let family = self.netid.transport()?.family;
        let port = Uaddr::parse(self.uaddr.as_bytes(), family)
            .ok()?
            .socket_addr()?
            .port();
        let prot = protocol(&self.netid)? as u32;
        Some(portmap::Mapping {
            prog: self.program,
            vers: self.version,
            prot,
            port: port.into(),
        })
    }
}

impl From<Rpcb> for Mapping {
    fn from(rpcb: Rpcb) -> Self {
        Self {
            program: rpcb.r_prog,
            version: rpcb.r_vers,
            netid: Netid::from(&rpcb.r_netid),
            uaddr: rpcb.r_addr,
            owner: rpcb.r_owner,
        }
    }
}

impl From<portmap::Mapping> for Mapping {
    fn from(mapping: portmap::Mapping) -> Self {
        let netid = match mapping.prot {
            6 => Netid::Tcp,
            17 => Netid::Udp,
            other => Netid::Other(other.to_string().into()),
        };
        // What is no port is no address.
        let port = u16::try_from(mapping.port).ok();
        let any = port.map(|port| Uaddr::Inet((Ipv4Addr::UNSPECIFIED, port).into()).to_string());
        Self {
            program: mapping.prog,
            version: mapping.vers,
            netid,
            uaddr: any.unwrap_or_default().into(),
            owner: XdrString::new(),
        }
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            program,
            version,
            netid,
            uaddr,
            ..
        } = self;
        write!(f, "program {program} version {version} at {netid} {uaddr}")
    }
}

impl fmt::Display for RpcbindAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThisHost => f.write_str("this host's rpcbind"),
            Self::Endpoint(endpoint) => write!(f, "rpcbind at {endpoint}"),
        }
    }
}
