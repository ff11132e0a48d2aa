//! The place that a connection is made to.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use oncrpc::netid::Netid;
use oncrpc::uaddr::Uaddr;

/// The place that a connection is made to: a transport and an address on it, with nothing left to look up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Endpoint {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A UDP port.
    Udp(SocketAddr),
    /// The path of a Unix stream socket.
    Unix(PathBuf),
    /// The abstract name of a Unix stream socket.
    Abstract(Vec<u8>),
    /// A program that is started and serves on its standard input and output.
    Command {
        /// What is started.
        program: OsString,
        /// What it is started with.
        arguments: Vec<OsString>,
    },
}

impl Endpoint {
    /// The address that a service is registered with, on its transport; `None` for a transport that this
    /// library does not speak, and for an address of another one.
    pub fn of(netid: &Netid, uaddr: &Uaddr) -> Option<Self> {
        match (netid, uaddr) {
            (Netid::Tcp | Netid::Tcp6, Uaddr::Inet(address)) => Some(Self::Tcp(*address)),
            (Netid::Udp | Netid::Udp6, Uaddr::Inet(address)) => Some(Self::Udp(*address)),
            (Netid::Local | Netid::Unix, Uaddr::Local(path)) => Some(Self::unix(path.as_bytes())),
            _ => None,
        }
    }

    /// A Unix socket by its universal address: `@` stands in front of an abstract name.
    fn unix(path: &[u8]) -> Self {
        match path {
            [b'@', name @ ..] => Self::Abstract(name.into()),
            path => Self::Unix(OsStr::from_bytes(path).into()),
        }
    }

    /// The name of the transport; that of a command, `stdio`, no rpcbind knows.
    pub fn netid(&self) -> Netid {
        match self {
            Self::Tcp(address) if address.is_ipv4() => Netid::Tcp,
            Self::Tcp(_) => Netid::Tcp6,
            Self::Udp(address) if address.is_ipv4() => Netid::Udp,
            Self::Udp(_) => Netid::Udp6,
            Self::Unix(_) | Self::Abstract(_) => Netid::Local,
            Self::Command { .. } => Netid::from("stdio"),
        }
    }

    /// The internet address and port, if it has one.
    pub fn inet(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) | Self::Udp(address) => Some(*address),
            Self::Unix(_) | Self::Abstract(_) | Self::Command { .. } => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) | Self::Udp(address) => write!(f, "{} {address}", self.netid()),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Abstract(name) => write!(f, "unix:@{}", name.escape_ascii()),
            Self::Command { program, arguments } => {
                write!(f, "stdio:{}", program.display())?;
                arguments
                    .iter()
                    .try_for_each(|argument| write!(f, " {}", argument.display()))
            }
        }
    }
}
