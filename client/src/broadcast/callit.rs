//! CALLIT of rpcbind, versions 2 and 3: a call in a call, and results with the address of the program.

use std::net::SocketAddr;

use bytes::Bytes;
use oncrpc::netid::Family;
use oncrpc::proto::portmap::pmapprog::v2::procedure::Callit as Callit2;
use oncrpc::proto::portmap::{CallArgs, CallResult};
use oncrpc::proto::rpcb::rpcbprog::v3::procedure::Callit as Callit3;
use oncrpc::proto::rpcb::{RpcbRmtcallargs, RpcbRmtcallres};
use oncrpc::uaddr::Uaddr;
use oncrpc::{Procedure, ProcedureId};
use oncrpc_xdr::{Decode, DecodeError, Encode, EncodeError, Reader, Writer};

use super::question::Answer;

/// The call of a procedure, as the arguments of CALLIT in version 3.
pub(super) fn version3(
    called: ProcedureId,
    args: Bytes,
) -> Result<(ProcedureId, Writer), EncodeError> {
    let args = RpcbRmtcallargs {
        prog: called.program,
        vers: called.version,
        proc: called.procedure,
        args,
    };
    Ok((Callit3::INFO.id(), encoded(&args)?))
}

/// The same in version 2.
pub(super) fn version2(
    called: ProcedureId,
    args: Bytes,
) -> Result<(ProcedureId, Writer), EncodeError> {
    let args = CallArgs {
        prog: called.program,
        vers: called.version,
        proc: called.procedure,
        args,
    };
    Ok((Callit2::INFO.id(), encoded(&args)?))
}

fn encoded(args: &impl Encode) -> Result<Writer, EncodeError> {
    let mut w = Writer::new();
    args.encode(&mut w)?;
    Ok(w)
}

/// Reads what version 3 answers; `None` if it does not say where the program is.
pub(super) fn answer3(body: &Bytes, from: SocketAddr) -> Result<Option<Answer>, DecodeError> {
    let RpcbRmtcallres { addr, results } = RpcbRmtcallres::decode(&mut Reader::of(body))?;
    Ok(program_at(addr.as_bytes(), from).map(|program| (program, results)))
}

/// Reads what version 2 answers; `None` if it does not say where the program is.
pub(super) fn answer2(body: &Bytes, from: SocketAddr) -> Result<Option<Answer>, DecodeError> {
    let CallResult { port, res } = CallResult::decode(&mut Reader::of(body))?;
    let port = u16::try_from(port).ok().filter(|&port| port != 0);
    Ok(port.map(|port| (with_port(from, port), res)))
}

/// Where a program is, by the universal address that the rpcbind at `from` gives it.
///
/// Its address is taken if it means here what it means there; otherwise it is the one that the answer came
/// from, with the port that was told. So it is for a wildcard, for an address of the other family (some rpcbinds
/// name an IPv6 address to who asks over IPv4), for a link-local one, whose interface the text does not say,
/// and for another host's loopback, which is not to become ours.
fn program_at(uaddr: &[u8], from: SocketAddr) -> Option<SocketAddr> {
    let told = Uaddr::parse(uaddr, Family::Inet)
        .or_else(|_| Uaddr::parse(uaddr, Family::Inet6))
        .inspect_err(|error| log::debug!("{from} answers a broadcast with no address: {error}"))
        .ok()?
        .socket_addr()
        .filter(|told| told.port() != 0)?;
    let means_the_same = match told {
        SocketAddr::V4(_) => from.is_ipv4(),
        SocketAddr::V6(told) => from.is_ipv6() && !told.ip().is_unicast_link_local(),
    } && !told.ip().is_unspecified()
        && (!told.ip().is_loopback() || from.ip().is_loopback());
    Some(if means_the_same {
        told
    } else {
        with_port(from, told.port())
    })
}

/// Another port of the same host; an IPv6 address keeps its scope.
fn with_port(mut host: SocketAddr, port: u16) -> SocketAddr {
    host.set_port(port);
    host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(uaddr: &str, from: &str) -> Option<String> {
        let program = program_at(uaddr.as_bytes(), from.parse().unwrap());
        program.map(|program| program.to_string())
    }

    #[test]
    fn the_program_is_where_rpcbind_says() {
        for (uaddr, from, program) in [
            ("192.0.2.1.8.1", "192.0.2.9:700", "192.0.2.1:2049"),
            ("127.0.0.1.8.1", "127.0.0.1:700", "127.0.0.1:2049"),
            ("2001:db8::1.8.1", "[fe80::9%3]:700", "[2001:db8::1]:2049"),
        ] {
            assert_eq!(at(uaddr, from).as_deref(), Some(program), "{uaddr}");
        }
    }

    #[test]
    fn an_address_that_means_nothing_here_is_the_one_that_answered() {
        for (uaddr, from, program) in [
            ("0.0.0.0.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("::.8.1", "[2001:db8::9]:700", "[2001:db8::9]:2049"),
            ("::ffff:192.0.2.1.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("::.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("192.0.2.1.8.1", "[fe80::9%3]:700", "[fe80::9%3]:2049"),
            ("fe80::1.8.1", "[fe80::9%3]:700", "[fe80::9%3]:2049"),
            ("127.0.0.1.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("::1.8.1", "[2001:db8::9]:700", "[2001:db8::9]:2049"),
        ] {
            assert_eq!(at(uaddr, from).as_deref(), Some(program), "{uaddr}");
        }
    }

    #[test]
    fn what_is_no_address_is_no_answer() {
        for uaddr in ["", "192.0.2.1", "192.0.2.1.0.0", "/run/sock", "::1"] {
            assert_eq!(at(uaddr, "192.0.2.9:700"), None, "{uaddr}");
        }
    }

    #[test]
    fn a_port_that_is_none_is_no_answer() {
        let from = "192.0.2.9:700".parse().unwrap();
        for port in [0_u32, 65_536, u32::MAX] {
            let body = [port, 0].map(u32::to_be_bytes).concat();
            assert_eq!(answer2(&body.into(), from), Ok(None), "{port}");
        }
    }
}
