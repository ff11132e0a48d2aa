//! Who is at the other end of a connection, or sent a datagram.

use std::fmt;
use std::net::SocketAddr;

use crate::netid::Netid;

/// Who sent a call, and to which of our addresses.
///
/// There is one of these for each connection, shared by all its calls; for datagrams, one for each run of
/// datagrams from the same sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The transport.
    pub netid: Netid,
    /// The sender.
    pub remote: Address,
    /// The address of ours that the sender used: what it asked, even where we listen on all addresses.
    pub local: Address,
    /// The interface that brought a datagram, by its index; `None` for streams.
    pub interface: Option<u32>,
}

/// An end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// An internet address and port.
    Inet(SocketAddr),
    /// The other end of a Unix socket, as the kernel vouches for it.
    Unix(UnixPeer),
    /// This process, or one that shares memory or pipes with it.
    Local,
}

/// What the kernel says of the process that connected a Unix socket (SO_PEERCRED).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixPeer {
    /// User at the time of connect.
    pub uid: u32,
    /// Group at the time of connect.
    pub gid: u32,
    /// Process, if it can be seen from here.
    pub pid: Option<i32>,
}

impl Peer {
    /// This process, or one that shares memory or pipes with it, by a transport of this name.
    pub fn local(netid: Netid) -> Self {
        Self {
            netid,
            remote: Address::Local,
            local: Address::Local,
            interface: None,
        }
    }

    /// The process that connected a Unix socket.
    pub fn process(peer: UnixPeer) -> Self {
        Self {
            remote: Address::Unix(peer),
            ..Self::local(Netid::Local)
        }
    }

    /// The sender's internet address, if it has one.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self.remote {
            Address::Inet(address) => Some(address),
            _ => None,
        }
    }

    /// The sender's process, where the kernel vouches for it.
    pub fn unix(&self) -> Option<UnixPeer> {
        match self.remote {
            Address::Unix(peer) => Some(peer),
            _ => None,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.remote {
            Address::Inet(address) => address.fmt(f),
            Address::Unix(UnixPeer {
                uid,
                pid: Some(pid),
                ..
            }) => {
                write!(f, "uid {uid}, pid {pid}")
            }
            Address::Unix(UnixPeer { uid, pid: None, .. }) => write!(f, "uid {uid}"),
            Address::Local => f.write_str("local"),
        }
    }
}
