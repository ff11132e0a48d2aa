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

/// Reads what version 3 answers; `None` if it does not say which port the program has.
pub(super) fn answer3(body: &Bytes, from: SocketAddr) -> Result<Option<Answer>, DecodeError> {
    let RpcbRmtcallres { addr, results } = RpcbRmtcallres::decode(&mut Reader::of(body))?;
    let program = port_of(addr.as_bytes()).and_then(|port| program_at(from, port));
    Ok(program.map(|program| (program, results)))
}

/// Reads what version 2 answers; `None` if it does not say which port the program has.
pub(super) fn answer2(body: &Bytes, from: SocketAddr) -> Result<Option<Answer>, DecodeError> {
    let CallResult { port, res } = CallResult::decode(&mut Reader::of(body))?;
    let port = u16::try_from(port).ok();
    let program = port.and_then(|port| program_at(from, port));
    Ok(program.map(|program| (program, res)))
}

/// The port in a universal address. Some rpcbinds name an IPv6 address to who asks over IPv4.
fn port_of(uaddr: &[u8]) -> Option<u16> {
    let uaddr = Uaddr::parse(uaddr, Family::Inet).or_else(|_| Uaddr::parse(uaddr, Family::Inet6));
    Some(uaddr.ok()?.socket_addr()?.port())
}

/// Where the program is that the rpcbind at `from` has called: at this port of the address that its answer came
/// from.
///
/// The address that the answer names is none to rely on. It may be a wildcard, a link-local one without its
/// interface, the loopback of another host, which would become ours, or (rpcbind 1.2.6) that of an interface which we
/// have no way to. Nothing is lost: a program that rpcbind can call listens at any address.
fn program_at(from: SocketAddr, port: u16) -> Option<SocketAddr> {
    let mut program = from;
    program.set_port(port);
    (port != 0).then_some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    use oncrpc_xdr::to_bytes;

    fn answer(uaddr: &str, from: &str) -> Option<String> {
        let body = RpcbRmtcallres {
            addr: uaddr.into(),
            results: Bytes::from_static(b"1234"),
        };
        let body = to_bytes(&body).unwrap();
        let (program, results) = answer3(&body, from.parse().unwrap()).unwrap()?;
        assert_eq!(results, "1234");
        Some(program.to_string())
    }

    #[test]
    fn the_program_is_at_the_port_told_of_the_host_that_answers() {
        for (uaddr, from, program) in [
            ("192.0.2.9.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("0.0.0.0.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("127.0.0.1.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("198.51.100.1.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("::.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("::ffff:192.0.2.9.8.1", "192.0.2.9:700", "192.0.2.9:2049"),
            ("::.8.1", "[2001:db8::9]:700", "[2001:db8::9]:2049"),
            ("fe80::9.8.1", "[fe80::9%3]:700", "[fe80::9%3]:2049"),
        ] {
            assert_eq!(answer(uaddr, from).as_deref(), Some(program), "{uaddr}");
        }
    }

    #[test]
    fn what_is_no_address_is_no_answer() {
        for uaddr in ["", "192.0.2.1", "192.0.2.1.0.0", "/run/sock", "::1"] {
            assert_eq!(answer(uaddr, "192.0.2.9:700"), None, "{uaddr}");
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
