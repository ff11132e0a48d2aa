//! A socket that the service manager has bound for us.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;

use nix::sys::socket::getsockopt;
use nix::sys::socket::sockopt::Ipv6V6Only;
use oncrpc::netid::Netid;
use oncrpc::uaddr::Uaddr;
use oncrpc_server::Listen;
use oncrpc_xdr::XdrString;

/// A socket that somebody else has bound, known by its address.
#[derive(Debug)]
pub struct Passed {
    /// Its descriptor.
    pub descriptor: usize,
    /// The socket.
    pub socket: Listen,
    at: Name,
}

#[derive(Debug)]
enum Name {
    Inet {
        netid: Netid,
        address: SocketAddr,
        /// An IPv6 socket that IPv4 callers reach, too, and what they see of it.
        ipv4_side: Option<(Netid, SocketAddr)>,
    },
    /// A path, or `@` and an abstract name.
    Unix(XdrString),
}

/// The first descriptor that a service manager passes: SD_LISTEN_FDS_START of sd_listen_fds(3).
const FIRST: usize = 3;

/// The sockets that this process was passed.
///
/// # Errors
///
/// One of them is none that a portmapper can listen at.
pub fn sockets() -> io::Result<Vec<Passed>> {
    let sockets = Listen::activated()?.into_iter().enumerate();
    sockets
        .map(|(at, socket)| Passed::new(FIRST + at, socket))
        .collect()
}

impl Passed {
    /// Finds out where a socket is bound.
    pub fn new(descriptor: usize, socket: Listen) -> io::Result<Self> {
        let at = match &socket {
            Listen::TcpListener(listener) => {
                let both = takes_ipv4(listener);
                Name::inet([Netid::Tcp, Netid::Tcp6], listener.local_addr()?, both)
            }
            Listen::UdpSocket(socket) => {
                let both = takes_ipv4(socket);
                Name::inet([Netid::Udp, Netid::Udp6], socket.local_addr()?, both)
            }
            Listen::UnixListener(listener) => {
                let address = listener.local_addr()?;
                Name::Unix(match (address.as_pathname(), address.as_abstract_name()) {
                    (Some(path), _) => path.as_os_str().as_bytes().into(),
                    (_, Some(name)) => [b"@", name].concat().into(),
                    _ => XdrString::new(),
                })
            }
            _ => {
                let what = format!("descriptor {descriptor} is a connection, not a listener");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
            }
        };
        Ok(Self {
            descriptor,
            socket,
            at,
        })
    }

    /// Its transport; `None` for Unix sockets, which go by what the host calls them.
    pub fn netid(&self) -> Option<Netid> {
        match &self.at {
            Name::Inet { netid, .. } => Some(netid.clone()),
            Name::Unix(_) => None,
        }
    }

    /// Its internet address.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.at {
            Name::Inet { address, .. } => Some(address),
            Name::Unix(_) => None,
        }
    }

    /// Its universal address.
    pub fn uaddr(&self) -> XdrString {
        match &self.at {
            Name::Inet { address, .. } => (&Uaddr::from(*address)).into(),
            Name::Unix(name) => name.clone(),
        }
    }

    /// What IPv4 callers see of an IPv6 socket that takes them, too.
    pub fn ipv4_side(&self) -> Option<(Netid, SocketAddr)> {
        match &self.at {
            Name::Inet { ipv4_side, .. } => ipv4_side.clone(),
            Name::Unix(_) => None,
        }
    }
}

impl Name {
    fn inet([v4, v6]: [Netid; 2], address: SocketAddr, takes_ipv4: bool) -> Self {
        let all_v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
        let takes_ipv4 = takes_ipv4 && address.ip().is_unspecified();
        Self::Inet {
            netid: if address.is_ipv4() { v4.clone() } else { v6 },
            address,
            ipv4_side: takes_ipv4.then_some((v4, all_v4)),
        }
    }
}

/// Whether this is an IPv6 socket that is not for IPv6 alone.
fn takes_ipv4(socket: &impl std::os::fd::AsFd) -> bool {
    getsockopt(socket, Ipv6V6Only).is_ok_and(|only| !only)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_connection_is_no_place_to_listen_at() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let error = Passed::new(3, Listen::TcpStream(stream)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "descriptor 3 is a connection, not a listener"
        );
    }

    #[test]
    fn an_ipv6_socket_for_both_families_is_two_transports() {
        // Where there is no IPv6 there is nothing to show.
        let Ok(listener) = TcpListener::bind("[::]:0") else {
            return;
        };
        let port = listener.local_addr().unwrap().port();
        let both = Passed::new(3, Listen::TcpListener(listener)).unwrap();
        assert_eq!(both.netid(), Some(Netid::Tcp6));
        let ipv4 = SocketAddr::from(([0, 0, 0, 0], port));
        assert_eq!(both.ipv4_side(), Some((Netid::Tcp, ipv4)));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = Passed::new(4, Listen::TcpListener(listener)).unwrap();
        assert_eq!((one.netid(), one.ipv4_side()), (Some(Netid::Tcp), None));
    }
}
