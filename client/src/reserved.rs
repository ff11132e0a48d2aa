//! Source ports that only root may use.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use oncrpc_transport::connection::random_xid;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

/// Ports that are tried first: what `bindresvport(3)` picks from. Lower ones belong to well-known services.
const PORTS: std::ops::RangeInclusive<u16> = 600..=1023;

/// Ports that are tried when those are all taken.
const LOWER_PORTS: std::ops::RangeInclusive<u16> = 512..=599;

/// Ports that the administrator wants to be left alone, one a line; `bindresvport(3)` heeds it, too.
const LEFT_ALONE: &str = "/etc/bindresvport.blacklist";

/// A TCP connection from a reserved port.
pub(crate) async fn connect_tcp(to: SocketAddr) -> io::Result<TcpStream> {
    let mut failed = all_taken();
    for from in sources(to) {
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        let connected = match socket.bind(from) {
            Ok(()) => socket.connect(to).await,
            Err(error) => Err(explain(error)),
        };
        match connected {
            // The connection before, from this port to that server, may not be forgotten yet.
            Err(error) if is_taken(&error) => failed = error,
            connected => return connected,
        }
    }
    Err(failed)
}

/// A UDP socket at a reserved port.
pub(crate) async fn bind_udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let mut failed = all_taken();
    for from in sources(to) {
        match UdpSocket::bind(from).await.map_err(explain) {
            Err(error) if is_taken(&error) => failed = error,
            bound => return bound,
        }
    }
    Err(failed)
}

/// The addresses to come from, of the family of the one to go to.
fn sources(to: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let left_alone = numbers(&fs::read_to_string(LEFT_ALONE).unwrap_or_default());
    let ports = ports(random_xid()).filter(move |port| !left_alone.contains(port));
    ports.map(move |port| match to {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, port).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, port).into(),
    })
}

/// Every reserved port once, from a random one on: clients that start together do not all begin at the same.
fn ports(random: u32) -> impl Iterator<Item = u16> {
    let skipped = random as usize % PORTS.len();
    let ports = PORTS.cycle().skip(skipped).take(PORTS.len());
    ports.chain(LOWER_PORTS.rev())
}

/// The ports that a list names; `#` begins a comment.
fn numbers(list: &str) -> Vec<u16> {
    let lines = list.lines().filter_map(|line| line.split('#').next());
    lines.filter_map(|line| line.trim().parse().ok()).collect()
}

fn is_taken(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable
    )
}

fn all_taken() -> io::Error {
    io::Error::new(io::ErrorKind::AddrInUse, "no reserved port is free")
}

/// Says what is missing where a reserved port may not be had.
fn explain(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => io::Error::new(
            io::ErrorKind::PermissionDenied,
            "a reserved source port takes root or CAP_NET_BIND_SERVICE",
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reserved_port_is_tried_once() {
        for random in [0, 1, 423, 424, u32::MAX] {
            let mut tried: Vec<_> = ports(random).collect();
            assert_eq!(tried[0], 600 + (random % 424) as u16);
            tried.sort_unstable();
            assert_eq!(tried, (512..=1023).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ports_of_the_list_are_numbers_with_comments() {
        let list = "# ports\n\n631 # cups\n  774\n#993\n995#pop3s\nnone\n70000\n";
        assert_eq!(numbers(list), [631, 774, 995]);
    }

    #[test]
    fn whoever_may_not_have_one_hears_what_it_takes() {
        let error = explain(io::ErrorKind::PermissionDenied.into());
        let said = "a reserved source port takes root or CAP_NET_BIND_SERVICE";
        assert_eq!(error.to_string(), said);
    }
}
