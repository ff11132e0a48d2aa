//! Where calls come from.

use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::{fmt, io};

use listenfd::ListenFd;
use oncrpc::netid::Netid;
use oncrpc::uaddr::Uaddr;
use oncrpc_transport::socket;
use oncrpc_xdr::XdrString;
use socket2::{Socket, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

/// A place to listen at: an address to bind, or a socket that is bound already.
#[derive(Debug)]
#[non_exhaustive]
pub enum Listen {
    /// TCP at this address; port 0 takes a free one. An IPv6 address takes IPv6 alone.
    Tcp(SocketAddr),
    /// UDP at this address, with as many sockets as there are [threads](crate::Server::datagram_threads) for it; port 0 takes a
    /// free one. An IPv6 address takes IPv6 alone.
    Udp(SocketAddr),
    /// A Unix stream socket at this path, in place of a socket that was left there; removed at the end.
    Unix(PathBuf),
    /// A Unix stream socket at this abstract name.
    Abstract(Vec<u8>),
    /// A TCP socket that listens already. When the server ends, who waits there to be accepted is left to whoever holds the
    /// socket, too, such as a service manager.
    TcpListener(std::net::TcpListener),
    /// A bound UDP socket that reports destination addresses, as [`socket::udp`] makes them.
    UdpSocket(UdpSocket),
    /// Several of these at one address, as [`socket::udp_group`] makes them: each is served by a thread of its own, and the
    /// first answers what is sent to many at once.
    UdpSockets(Vec<UdpSocket>),
    /// A Unix stream socket that listens already; the same holds for it.
    UnixListener(std::os::unix::net::UnixListener),
    /// A TCP connection that somebody has accepted already; nobody is told of it, and nobody else comes by it.
    TcpStream(std::net::TcpStream),
    /// The same by a Unix socket.
    UnixStream(std::os::unix::net::UnixStream),
}

/// Where a server can be reached, as rpcbind is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The transport.
    pub netid: Netid,
    /// The address on it.
    pub uaddr: Uaddr,
}

impl fmt::Display for Bound {
    /// `tcp 192.0.2.7:2049`, `local /run/hello.sock`: as people write addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.uaddr {
            Uaddr::Inet(address) => write!(f, "{} {address}", self.netid),
            Uaddr::Local(path) => write!(f, "{} {path}", self.netid),
        }
    }
}

/// A listener under tokio.
pub(crate) enum Listener {
    Tcp(TcpListener, Whose),
    Udp(Vec<UdpSocket>),
    Unix(UnixListener, Whose, Option<SocketFile>),
    TcpStream(TcpStream),
    UnixStream(UnixStream),
}

/// Who else may hold a listener, and accept at it when we do no more.
#[derive(Clone, Copy)]
pub(crate) enum Whose {
    /// Nobody: we have bound it.
    Ours,
    /// Whoever has handed it over.
    Shared,
}

/// The file of a Unix socket that we bound; removed with it.
pub(crate) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            log::debug!("cannot remove {}: {error}", self.0.display());
        }
    }
}

impl Listen {
    /// The socket that whoever started this process has opened for it: inetd hands it over as standard input, as
    /// systemd does (`StandardInput=socket`). It is a bound socket (`wait`), or a connection that was accepted
    /// (`nowait`); a server of the latter is done when that ends
    /// ([`Running::finished`](crate::Running::finished)). `None` for what is no socket, such as a terminal.
    ///
    /// ```no_run
    /// use std::os::fd::AsFd;
    ///
    /// use oncrpc_server::{Listen, Server};
    ///
    /// let server = Server::new();
    /// let server = match Listen::inherited(std::io::stdin().as_fd().try_clone_to_owned()?)? {
    ///     Some(socket) => server.listen(socket),
    ///     None => server.listen(Listen::Tcp("[::1]:0".parse()?)),
    /// };
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// It is a socket at which nobody can listen: it is not bound, or of another kind than those of this type.
    pub fn inherited(fd: OwnedFd) -> io::Result<Option<Self>> {
        let file = File::from(fd);
        if !file.metadata()?.file_type().is_socket() {
            return Ok(None);
        }
        let socket = Socket::from(OwnedFd::from(file));
        let is_unix = socket.local_addr()?.is_unix();
        let refused = |why| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        match socket.r#type()? {
            Type::DGRAM if !is_unix => {
                let socket = socket.into();
                socket::prepare_udp(&socket)?;
                Ok(Some(Self::UdpSocket(socket)))
            }
            Type::STREAM if !socket.is_listener()? => match socket.peer_addr() {
                Err(_) => refused("a socket that neither listens nor is connected"),
                Ok(_) if is_unix => Ok(Some(Self::UnixStream(socket.into()))),
                Ok(_) => Ok(Some(Self::TcpStream(socket.into()))),
            },
            Type::STREAM if is_unix => Ok(Some(Self::UnixListener(socket.into()))),
            Type::STREAM => Ok(Some(Self::TcpListener(socket.into()))),
            _ => refused("a socket of a kind that no RPC travels by"),
        }
    }

    /// The sockets that a service manager has bound for this process (`LISTEN_FDS`, as systemd's sd_listen_fds(3)
    /// has it), in the order in which it names them; none where there is no such manager.
    ///
    /// Calls that came before this process did are waiting there. It is to be called once, and before there are
    /// threads: it takes the variables out of the environment, so that no child believes that they are its own.
    ///
    /// ```no_run
    /// use oncrpc_server::{Listen, Server};
    ///
    /// let mut server = Server::new();
    /// for socket in Listen::activated()? {
    ///     server = server.listen(socket);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// One of them is no socket, or one at which nobody can listen; see [`inherited`](Self::inherited).
    pub fn activated() -> io::Result<Vec<Self>> {
        let mut handed = ListenFd::from_env();
        (0..handed.len())
            .map(|index| {
                // Each of these takes sockets of its own kind alone, and sees to it that no child has them.
                let socket = if let Ok(Some(socket)) = handed.take_tcp_listener(index) {
                    OwnedFd::from(socket)
                } else if let Ok(Some(socket)) = handed.take_unix_listener(index) {
                    OwnedFd::from(socket)
                } else if let Some(socket) = handed.take_udp_socket(index)? {
                    OwnedFd::from(socket)
                } else {
                    return Err(no_socket());
                };
                Self::inherited(socket)?.ok_or_else(no_socket)
            })
            .collect()
    }

    /// Its UDP sockets, of which all have one address.
    pub fn udp_sockets(&self) -> &[UdpSocket] {
        match self {
            Self::UdpSocket(socket) => std::slice::from_ref(socket),
            Self::UdpSockets(sockets) => sockets,
            _ => &[],
        }
    }

    /// Binds what is not bound yet, UDP with so many sockets; a connection is bound to nothing that others could use.
    pub(crate) fn bind(self, datagram_threads: usize) -> io::Result<(Listener, Option<Bound>)> {
        let listener = match self {
            Self::Tcp(address) => Listener::tcp(socket::tcp(address)?, Whose::Ours)?,
            Self::TcpListener(listener) => Listener::tcp(listener, Whose::Shared)?,
            Self::Udp(address) => Listener::udp(socket::udp_group(address, datagram_threads)?)?,
            Self::UdpSocket(socket) => Listener::udp(vec![socket])?,
            Self::UdpSockets(sockets) => Listener::udp(sockets)?,
            Self::Unix(path) => {
                let listener = socket::unix(&path)?;
                let file = Some(SocketFile(path));
                Listener::Unix(UnixListener::from_std(listener)?, Whose::Ours, file)
            }
            Self::Abstract(name) => {
                let listener = socket::unix_abstract(&name)?;
                Listener::Unix(UnixListener::from_std(listener)?, Whose::Ours, None)
            }
            Self::UnixListener(listener) => {
                listener.set_nonblocking(true)?;
                Listener::Unix(UnixListener::from_std(listener)?, Whose::Shared, None)
            }
            Self::TcpStream(stream) => {
                stream.set_nonblocking(true)?;
                Listener::TcpStream(TcpStream::from_std(stream)?)
            }
            Self::UnixStream(stream) => {
                stream.set_nonblocking(true)?;
                Listener::UnixStream(UnixStream::from_std(stream)?)
            }
        };
        let bound = listener.bound()?;
        Ok((listener, bound))
    }
}

/// What is no socket, or no sockets at all.
pub(crate) fn no_socket() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a socket")
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp {address}"),
            Self::Udp(address) => write!(f, "udp {address}"),
            Self::Unix(path) => write!(f, "unix {}", path.display()),
            Self::Abstract(name) => write!(f, "unix @{}", name.escape_ascii()),
            Self::TcpListener(_) => f.write_str("a TCP listener"),
            Self::UdpSocket(_) => f.write_str("a UDP socket"),
            Self::UdpSockets(_) => f.write_str("UDP sockets"),
            Self::UnixListener(_) => f.write_str("a Unix listener"),
            Self::TcpStream(_) => f.write_str("a TCP connection"),
            Self::UnixStream(_) => f.write_str("a Unix connection"),
        }
    }
}

impl Listener {
    fn tcp(listener: std::net::TcpListener, whose: Whose) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        // The kernel hands these on to what is accepted, which saves five system calls for each.
        socket::prepare_tcp(&listener, Some(socket::KEEPALIVE))?;
        Ok(Self::Tcp(TcpListener::from_std(listener)?, whose))
    }

    fn udp(sockets: Vec<UdpSocket>) -> io::Result<Self> {
        for socket in &sockets {
            socket.set_nonblocking(true)?;
        }
        Ok(Self::Udp(sockets))
    }

    fn bound(&self) -> io::Result<Option<Bound>> {
        let (netid, uaddr) = match self {
            Self::Tcp(listener, _) => {
                let address = listener.local_addr()?;
                (
                    if address.is_ipv4() {
                        Netid::Tcp
                    } else {
                        Netid::Tcp6
                    },
                    Uaddr::Inet(address),
                )
            }
            Self::Udp(sockets) => {
                let first = sockets.first().ok_or_else(no_socket)?;
                let address = first.local_addr()?;
                (
                    if address.is_ipv4() {
                        Netid::Udp
                    } else {
                        Netid::Udp6
                    },
                    Uaddr::Inet(address),
                )
            }
            Self::Unix(listener, ..) => {
                let address = std::os::unix::net::SocketAddr::from(listener.local_addr()?);
                (Netid::Local, Uaddr::Local(unix_name(&address)))
            }
            Self::TcpStream(_) | Self::UnixStream(_) => return Ok(None),
        };
        Ok(Some(Bound { netid, uaddr }))
    }
}

/// The name of a Unix socket as a universal address: its path, or `@` and its abstract name.
fn unix_name(address: &std::os::unix::net::SocketAddr) -> XdrString {
    if let Some(path) = address.as_pathname() {
        return path.as_os_str().as_bytes().into();
    }
    let name = address.as_abstract_name().unwrap_or_default();
    [b"@", name].concat().into()
}
