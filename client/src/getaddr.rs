//! The question where a program is, in every version that an rpcbind may understand.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use oncrpc::netid::{Netid, Protocol};
use oncrpc::proto::portmap::{self, pmapprog::v2};
use oncrpc::proto::rpcb::rpcbprog::{v3, v4};
use oncrpc::proto::rpcb::{RPCB_PORT, Rpcb};
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallError, Caller, Refusal};
use oncrpc_xdr::XdrString;

/// The port of rpcbind, TCP and UDP.
pub(crate) const RPCBIND_PORT: u16 = RPCB_PORT as u16;

/// GETADDR of a program for the transport that `rpcbind` is asked on: rpcbind names the address on the
/// transport that the question comes by, whatever the question says. `asked` is the address that it is asked at.
pub(crate) async fn getaddr<C: Caller>(
    rpcbind: &C,
    program: u32,
    version: u32,
    netid: &Netid,
    asked: Option<IpAddr>,
) -> Result<Option<Uaddr>, CallError> {
    let hint = asked.map(|ip| Uaddr::Inet((ip, RPCBIND_PORT).into()).to_string());
    let arg = Rpcb {
        r_prog: program,
        r_vers: version,
        r_netid: XdrString::from(netid.as_bytes()),
        r_addr: XdrString::from(hint.unwrap_or_default()),
        r_owner: XdrString::new(),
    };
    match v4::Client::new(rpcbind.clone()).getaddr(&arg).await {
        Err(error) if speaks_older(&error) => {}
        uaddr => return uaddr.map(|uaddr| parse(netid, &uaddr)),
    }
    match v3::Client::new(rpcbind.clone()).getaddr(&arg).await {
        Err(error) if speaks_older(&error) => {}
        uaddr => return uaddr.map(|uaddr| parse(netid, &uaddr)),
    }
    // Version 2 knows ports only.
    let Some(protocol) = protocol(netid) else {
        return Ok(None);
    };
    let mapping = portmap::Mapping {
        prog: program,
        vers: version,
        prot: protocol as u32,
        port: 0,
    };
    let port = v2::Client::new(rpcbind.clone()).getport(&mapping).await?;
    let any = asked.unwrap_or(Ipv4Addr::LOCALHOST.into());
    Ok(u16::try_from(port)
        .ok()
        .map(|port| Uaddr::Inet((any, port).into())))
}

/// An address of a transport; `None` if it is none, and for the empty one that means "not registered".
pub(crate) fn parse(netid: &Netid, uaddr: &XdrString) -> Option<Uaddr> {
    if uaddr.is_empty() {
        return None;
    }
    Uaddr::parse(uaddr.as_bytes(), netid.transport()?.family)
        .inspect_err(|error| log::warn!("{uaddr:?} is no address of {netid}: {error}"))
        .ok()
}

/// Whether a refusal means that an older version may be understood.
pub(crate) fn speaks_older(error: &CallError) -> bool {
    let CallError::Refused(refusal) = error else {
        return false;
    };
    matches!(
        refusal,
        Refusal::ProgMismatch { .. }
            | Refusal::ProgUnavail
            | Refusal::ProcUnavail
            | Refusal::GarbageArgs
    )
}

/// The protocol that version 2 knows a transport by.
pub(crate) fn protocol(netid: &Netid) -> Option<Protocol> {
    netid.transport()?.protocol
}

/// An address that the caller can use: a wildcard is the address that was asked.
pub(crate) fn reachable(uaddr: Uaddr, asked: Option<IpAddr>) -> Uaddr {
    match uaddr {
        Uaddr::Inet(at) if at.ip().is_unspecified() => {
            let loopback: IpAddr = match at {
                SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
                SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
            };
            Uaddr::Inet((asked.unwrap_or(loopback), at.port()).into())
        }
        uaddr => uaddr,
    }
}
