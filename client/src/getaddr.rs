//! The question where a program is, in every version that an rpcbind may understand.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

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
    asked: Option<SocketAddr>,
) -> Result<Option<Uaddr>, CallError> {
    let hint = asked.map(|at| Uaddr::Inet((at.ip(), RPCBIND_PORT).into()).to_string());
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
    let any = asked.map_or(Ipv4Addr::LOCALHOST.into(), |at| at.ip());
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

/// An address that the caller can use. A wildcard is the address that was asked; a link-local address is on the
/// link that was asked over, which a universal address cannot say.
pub(crate) fn reachable(uaddr: Uaddr, asked: Option<SocketAddr>) -> Uaddr {
    let Uaddr::Inet(mut at) = uaddr else {
        return uaddr;
    };
    if at.ip().is_unspecified() {
        at.set_ip(match (asked, at) {
            (Some(asked), _) => asked.ip(),
            (None, SocketAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
            (None, SocketAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    if let (SocketAddr::V6(at), Some(SocketAddr::V6(asked))) = (&mut at, asked)
        && at.ip().is_unicast_link_local()
    {
        at.set_scope_id(asked.scope_id());
    }
    Uaddr::Inet(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_made_reachable_by_the_address_that_was_asked() {
        for (answer, asked, reached) in [
            ("0.0.0.0:2049", Some("192.0.2.7:111"), "192.0.2.7:2049"),
            ("0.0.0.0:2049", None, "127.0.0.1:2049"),
            ("[::]:2049", None, "[::1]:2049"),
            ("[::]:2049", Some("[2001:db8::7]:111"), "[2001:db8::7]:2049"),
            ("[::]:2049", Some("[fe80::7%3]:111"), "[fe80::7%3]:2049"),
            (
                "[fe80::8]:2049",
                Some("[fe80::7%3]:111"),
                "[fe80::8%3]:2049",
            ),
            (
                "[2001:db8::7]:1",
                Some("[fe80::7%3]:111"),
                "[2001:db8::7]:1",
            ),
            ("192.0.2.8:2049", Some("192.0.2.7:111"), "192.0.2.8:2049"),
            ("[fe80::8]:2049", None, "[fe80::8]:2049"),
        ] {
            let uaddr = Uaddr::Inet(answer.parse().unwrap());
            let asked = asked.map(|asked| asked.parse().unwrap());
            let expected = Uaddr::Inet(reached.parse().unwrap());
            assert_eq!(reachable(uaddr, asked), expected, "{answer} {asked:?}");
        }
    }
}
