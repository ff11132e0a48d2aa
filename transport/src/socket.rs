//! Sockets as ONC RPC wants them.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer, UnixPeer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpStream, UnixStream};

/// Connections that the kernel completes before they are accepted.
pub const BACKLOG: i32 = 4096;

/// Time of silence after which TCP asks whether the peer is still there, unless it is told otherwise.
pub const KEEPALIVE: Duration = Duration::from_secs(60);

/// Time after which TCP asks again, and how often it asks in vain before the connection ends. Linux's own 75 s and
/// 9 times, `tcp(7)`, would keep a connection to nobody for another eleven minutes.
const KEEPALIVE_AGAIN: (Duration, u32) = (Duration::from_secs(10), 6);

/// A TCP listener; an IPv6 one takes IPv6 alone, since `tcp` and `tcp6` are two netids.
pub fn tcp(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = bound(address, Type::STREAM, Protocol::TCP)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A UDP socket that says of each datagram which address of ours it came to.
pub fn udp(address: SocketAddr) -> io::Result<std::net::UdpSocket> {
    let socket = bound(address, Type::DGRAM, Protocol::UDP)?.into();
    prepare_udp(&socket)?;
    Ok(socket)
}

/// So many UDP sockets at one address, each as [`udp`] makes it. The kernel deals out who calls among them, so each may have a
/// thread of its own, and none waits for another.
///
/// What is sent to many at once, a broadcast or a multicast, every one of them receives: see
/// [`ForMany`](crate::datagram::ForMany).
///
/// # Errors
///
/// Those of binding the first. It is bound alone, so an address that somebody has already is an error; others can only join
/// it if they belong to the same user (SO_REUSEPORT, `socket(7)`).
pub fn udp_group(address: SocketAddr, count: usize) -> io::Result<Vec<std::net::UdpSocket>> {
    let first = udp(address)?;
    if count > 1 {
        SockRef::from(&first).set_reuse_port(true)?;
    }
    let address = first.local_addr()?;
    let mut group = vec![first];
    while group.len() < count {
        let socket = unbound(address, Type::DGRAM, Protocol::UDP)?;
        socket.set_reuse_port(true)?;
        socket.bind(&address.into())?;
        let socket = socket.into();
        prepare_udp(&socket)?;
        group.push(socket);
    }
    Ok(group)
}

/// Sets a bound UDP socket up: it says of each datagram which address of ours it came to.
pub fn prepare_udp(socket: &std::net::UdpSocket) -> io::Result<()> {
    match socket.local_addr()? {
        SocketAddr::V4(_) => setsockopt(socket, sockopt::Ipv4PacketInfo, &true)?,
        SocketAddr::V6(_) => setsockopt(socket, sockopt::Ipv6RecvPacketInfo, &true)?,
    }
    Ok(())
}

fn bound(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = unbound(address, kind, protocol)?;
    if kind == Type::STREAM {
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A socket for this address, which does not have it yet.
fn unbound(address: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A Unix stream listener at `path`, in place of whatever socket was left there.
pub fn unix(path: &Path) -> io::Result<std::os::unix::net::UnixListener> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AlreadyExists, "not a socket")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    listen_unix(&UnixAddr::from_pathname(path)?)
}

/// A Unix stream listener at an abstract name, which is as long as it is: no zero byte ends it.
pub fn unix_abstract(name: &[u8]) -> io::Result<std::os::unix::net::UnixListener> {
    listen_unix(&UnixAddr::from_abstract_name(name)?)
}

fn listen_unix(address: &UnixAddr) -> io::Result<std::os::unix::net::UnixListener> {
    let listener = std::os::unix::net::UnixListener::bind_addr(address)?;
    // bind_addr listens with a backlog of its own choosing; listening again sets ours.
    SockRef::from(&listener).listen(BACKLOG)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Sets a TCP stream up: no delay, for a call is one write; and after this time of silence it asks whether the peer is
/// still there, if it is to ask at all. Of a listener, all that it accepts is set up so.
pub fn prepare_tcp(socket: &impl AsFd, keepalive: Option<Duration>) -> io::Result<()> {
    let socket = SockRef::from(socket);
    socket.set_tcp_nodelay(true)?;
    let Some(silence) = keepalive else {
        return socket.set_keepalive(false);
    };
    // The kernel counts in seconds, takes no 0, and no more than 32,767, `MAX_TCP_KEEPIDLE` of its include/net/tcp.h.
    let silence = silence.clamp(Duration::from_secs(1), Duration::from_secs(32_767));
    let (again, retries) = KEEPALIVE_AGAIN;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(silence)
        .with_interval(again)
        .with_retries(retries);
    socket.set_tcp_keepalive(&keepalive)
}

/// Who is at the other end of an accepted TCP stream.
pub fn tcp_peer(stream: &TcpStream) -> io::Result<Peer> {
    // On an IPv6 socket that takes IPv4, too, an IPv4 caller is one all the same.
    let (remote, local) = (plain(stream.peer_addr()?), plain(stream.local_addr()?));
    let netid = if local.is_ipv4() {
        Netid::Tcp
    } else {
        Netid::Tcp6
    };
    let (remote, local) = (Address::Inet(remote), Address::Inet(local));
    Ok(Peer {
        netid,
        remote,
        local,
        interface: None,
    })
}

/// An IPv4 address as itself where the kernel writes it as an IPv6 one (`::ffff:192.0.2.1`).
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_some() => {
            SocketAddr::new(v6.ip().to_canonical(), v6.port())
        }
        address => address,
    }
}

/// Who is at the other end of an accepted Unix stream: the process that connected it.
pub fn unix_peer(stream: &UnixStream) -> io::Result<Peer> {
    let credentials = stream.peer_cred()?;
    let (uid, gid, pid) = (credentials.uid(), credentials.gid(), credentials.pid());
    Ok(Peer::process(UnixPeer { uid, gid, pid }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_listener_accepts_is_set_up_as_it_is() {
        let listener = tcp("127.0.0.1:0".parse().unwrap()).unwrap();
        prepare_tcp(&listener, Some(KEEPALIVE)).unwrap();
        let address = listener.local_addr().unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        let accepted = SockRef::from(&accepted);
        assert!(accepted.tcp_nodelay().unwrap() && accepted.keepalive().unwrap());
        assert_eq!(accepted.tcp_keepalive_time().unwrap(), KEEPALIVE);
        let (again, retries) = KEEPALIVE_AGAIN;
        assert_eq!(accepted.tcp_keepalive_interval().unwrap(), again);
        assert_eq!(accepted.tcp_keepalive_retries().unwrap(), retries);
    }
}
