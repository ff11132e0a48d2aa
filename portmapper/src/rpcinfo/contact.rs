//! A connection to an rpcbind, and what it is asked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use oncrpc::call::caller::{Args, Results};
use oncrpc::netconfig::NetworkConfig;
use oncrpc::netid::{Family, Netid, Protocol, Semantics, Transport};
use oncrpc::proto::portmap::pmapprog::v2;
use oncrpc::proto::portmap::{IPPROTO_TCP, IPPROTO_UDP, Mapping};
use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::proto::rpcb::{Rpcb, RpcbEntry, RpcbStatByvers};
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallError, CallOptions, Caller, Procedure, Refusal};
use oncrpc_client::{Endpoint, Rpcbind};
use oncrpc_transport::Connection;
use oncrpc_xdr::XdrString;

use super::Context;
use super::connect::{Patience, addresses, connect, is_of};
use super::failure::Failure;

/// Time for an answer of rpcbind, as rpcinfo 1.2.6 gives it.
pub const ANSWER_TIME: Duration = Duration::from_secs(60);

/// A connection to an rpcbind.
pub struct Contact {
    connection: Connection,
    endpoint: Endpoint,
    patience: Patience,
}

impl Contact {
    async fn at(endpoint: Endpoint, patience: Patience) -> Result<Self, Failure> {
        let connection = connect(&endpoint, patience).await?;
        Ok(Self {
            connection,
            endpoint,
            patience,
        })
    }

    /// The one of this host, by its socket: at its path, or else by its abstract name, which is there in every
    /// mount namespace.
    pub async fn local(cx: &Context) -> Result<Self, Failure> {
        let path = cx.socket.clone();
        let at_path = path.clone().unwrap_or_else(|| Rpcbind::SOCKET.into());
        let failed = match Self::at(Endpoint::Unix(at_path), cx.patience).await {
            Ok(contact) => return Ok(contact),
            Err(failed) => failed,
        };
        if path.is_some() {
            return Err(failed);
        }
        let by_name = Endpoint::Abstract(Rpcbind::SOCKET.into());
        let contact = Self::at(by_name, cx.patience).await;
        contact.map_err(|_| failed)
    }

    /// The one of this host, by its socket or else over TCP.
    pub async fn local_or_loopback(cx: &Context) -> Result<Self, Failure> {
        if let Ok(contact) = Self::local(cx).await {
            return Ok(contact);
        }
        let mut failed = Failure::UnknownHost;
        let loopbacks: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        for ip in loopbacks {
            match Self::at(Endpoint::Tcp((ip, cx.port).into()), cx.patience).await {
                Ok(contact) => return Ok(contact),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The one of a host, by whatever gets through: streams of /etc/netconfig first, then datagrams.
    pub async fn of_host(cx: &Context, host: &str) -> Result<Self, Failure> {
        let found = addresses(host, cx.port, cx.patience).await;
        let mut failed = Failure::NoAddress;
        for datagrams in [false, true] {
            for entry in &cx.netconfig {
                let is_datagrams = entry.transport.semantics == Semantics::Clts;
                if !entry.visible || is_datagrams != datagrams {
                    continue;
                }
                match Self::over_one_of(&found, &entry.transport, cx.patience).await {
                    Ok(contact) => return Ok(contact),
                    // That it has no address of one family says nothing about the other.
                    Err(Failure::UnknownHost | Failure::UnknownProtocol) => {}
                    Err(error) => failed = error,
                }
            }
        }
        Err(failed)
    }

    /// The one of a host, over this transport.
    pub async fn over(cx: &Context, host: &str, transport: &Transport) -> Result<Self, Failure> {
        let found = addresses(host, cx.port, cx.patience).await;
        if found.is_empty() {
            return Err(Failure::NoAddress);
        }
        Self::over_one_of(&found, transport, cx.patience).await
    }

    /// The one of a host, over TCP of whichever family it has.
    pub async fn over_tcp(cx: &Context, host: &str) -> Result<Self, Failure> {
        let found = addresses(host, cx.port, cx.patience).await;
        let tcp = |entry: &&NetworkConfig| entry.transport.protocol == Some(Protocol::Tcp);
        for entry in cx.netconfig.iter().filter(tcp) {
            match Self::over_one_of(&found, &entry.transport, cx.patience).await {
                Err(Failure::UnknownHost) => {}
                contact => return contact,
            }
        }
        Err(Failure::UnknownHost)
    }

    /// The one at the first of these addresses that can be reached over a transport.
    async fn over_one_of(
        found: &[SocketAddr],
        transport: &Transport,
        patience: Patience,
    ) -> Result<Self, Failure> {
        let mut failed = Failure::UnknownHost;
        for &address in found {
            if !is_of(&address, transport.family) {
                continue;
            }
            let endpoint = match transport.protocol {
                Some(Protocol::Tcp) => Endpoint::Tcp(address),
                Some(Protocol::Udp) => Endpoint::Udp(address),
                None => return Err(Failure::UnknownProtocol),
            };
            match Self::at(endpoint, patience).await {
                Ok(contact) => return Ok(contact),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Where it is, unless it is on a Unix socket.
    pub fn inet(&self) -> Option<SocketAddr> {
        self.endpoint.inet()
    }

    async fn call<P: Procedure>(&self, args: &Args<P>) -> Result<Results<P>, CallError> {
        let time = self.patience.step(ANSWER_TIME);
        let options = CallOptions::default().timeout(time);
        self.connection.call::<P>(args, &options).await
    }

    /// Everything that is registered: DUMP of version 3, or of the version that it has instead.
    pub async fn registrations(&self) -> Result<Vec<Rpcb>, Failure> {
        let listed = match self.call::<v3::procedure::Dump>(&()).await {
            Err(CallError::Refused(Refusal::ProgMismatch { low: 4, .. })) => {
                self.call::<v4::procedure::Dump>(&()).await
            }
            Err(CallError::Refused(Refusal::ProgMismatch { high: 2, .. })) => {
                let list = self.mappings().await?;
                return Ok(list.iter().map(registration).collect());
            }
            listed => listed,
        };
        let list = listed.map_err(Failure::Call)?;
        Ok(list.into_iter().map(|node| node.rpcb_map).collect())
    }

    /// What version 2 knows of it.
    pub async fn mappings(&self) -> Result<Vec<Mapping>, Failure> {
        let list = self.call::<v2::procedure::Dump>(&()).await;
        let list = list.map_err(Failure::Call)?;
        Ok(list.into_iter().map(|node| node.map).collect())
    }

    /// How often it was asked for what.
    pub async fn statistics(&self) -> Result<RpcbStatByvers, Failure> {
        let statistics = self.call::<v4::procedure::Getstat>(&()).await;
        statistics.map_err(Failure::Call)
    }

    /// The addresses of a program on all transports of the family that we ask over.
    pub async fn addresses(&self, program: u32, version: u32) -> Result<Vec<RpcbEntry>, Failure> {
        let question = self.question(program, version, &self.endpoint.netid());
        let list = self.call::<v4::procedure::Getaddrlist>(&question).await;
        let list = list.map_err(Failure::Call)?;
        Ok(list.into_iter().map(|node| node.rpcb_entry_map).collect())
    }

    /// The address of a program on the transport that we ask over; of another version if this one is not
    /// registered. Version 4 is asked, then 3, then over IPv4 the portmapper.
    pub async fn address(
        &self,
        program: u32,
        version: u32,
        netid: &Netid,
        family: Family,
    ) -> Result<Uaddr, Failure> {
        let question = self.question(program, version, netid);
        let answer = match self.call::<v4::procedure::Getaddr>(&question).await {
            Err(error) if speaks_older(&error) => {
                self.call::<v3::procedure::Getaddr>(&question).await
            }
            answer => answer,
        };
        let uaddr = match (answer, self.inet()) {
            (Err(error), Some(SocketAddr::V4(at))) if speaks_older(&error) => {
                let port = self.port(program, version, at.into()).await?;
                return Ok(Uaddr::Inet((*at.ip(), port).into()));
            }
            (Err(error), _) if speaks_older(&error) => return Err(Failure::NotRegistered),
            (answer, _) => answer.map_err(Failure::Call)?,
        };
        if uaddr.is_empty() {
            return Err(Failure::NotRegistered);
        }
        let uaddr = Uaddr::parse(uaddr.as_bytes(), family).map_err(|_| Failure::NoAddress)?;
        Ok(self.reachable(uaddr))
    }

    /// The port of a program, by the portmapper, which is asked over UDP.
    async fn port(&self, program: u32, version: u32, at: SocketAddr) -> Result<u16, Failure> {
        let portmapper = Self::at(Endpoint::Udp(at), self.patience).await?;
        let mapping = Mapping {
            prog: program,
            vers: version,
            prot: match self.endpoint {
                Endpoint::Udp(_) => IPPROTO_UDP,
                _ => IPPROTO_TCP,
            },
            port: 0,
        };
        let port = portmapper.call::<v2::procedure::Getport>(&mapping).await;
        match u16::try_from(port.map_err(Failure::Portmapper)?) {
            Ok(0) | Err(_) => Err(Failure::NotRegistered),
            Ok(port) => Ok(port),
        }
    }

    /// Has it forget what is named. `false` if it refuses.
    pub async fn unset(&self, what: &Rpcb) -> Result<bool, Failure> {
        let unset = self.call::<v3::procedure::Unset>(what).await;
        unset.map_err(Failure::Call)
    }

    /// Where a program is: with the address that we ask at, by which it knows how we reach its host.
    fn question(&self, program: u32, version: u32, netid: &Netid) -> Rpcb {
        let asked = self.inet().map(Uaddr::Inet);
        Rpcb {
            r_prog: program,
            r_vers: version,
            r_netid: netid.into(),
            r_addr: asked.as_ref().map(XdrString::from).unwrap_or_default(),
            r_owner: "rpcinfo".into(),
        }
    }

    /// An address as we can use it: a wildcard is the address that we ask at, and a link-local one is on the same
    /// interface.
    fn reachable(&self, uaddr: Uaddr) -> Uaddr {
        let (Uaddr::Inet(found), Some(asked)) = (&uaddr, self.inet()) else {
            return uaddr;
        };
        match (*found, asked) {
            (found, mut asked) if found.ip().is_unspecified() => {
                asked.set_port(found.port());
                Uaddr::Inet(asked)
            }
            (SocketAddr::V6(mut found), SocketAddr::V6(asked))
                if found.ip().is_unicast_link_local() =>
            {
                found.set_scope_id(asked.scope_id());
                Uaddr::Inet(found.into())
            }
            _ => uaddr,
        }
    }
}

/// Whether an older version of rpcbind may be understood.
fn speaks_older(error: &CallError) -> bool {
    matches!(
        error,
        CallError::Refused(Refusal::ProgMismatch { low: ..=4, .. } | Refusal::ProgUnavail)
    )
}

/// A mapping of version 2 as the later ones would have it.
fn registration(map: &Mapping) -> Rpcb {
    let [_, _, high, low] = map.port.to_be_bytes();
    Rpcb {
        r_prog: map.prog,
        r_vers: map.vers,
        r_netid: match map.prot {
            IPPROTO_UDP => "udp".into(),
            IPPROTO_TCP => "tcp".into(),
            other => format!("{other:6}").into(),
        },
        r_addr: format!("0.0.0.0.{high}.{low}").into(),
        r_owner: "unknown".into(),
    }
}
