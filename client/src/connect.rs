//! From an endpoint to a connection.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use oncrpc::CallTable;
use oncrpc::peer::Peer;
use oncrpc_transport::connection::random_xid;
use oncrpc_transport::stream::ByteStream;
use oncrpc_transport::{Connection, DatagramLink, Driver, Link, StreamLink, socket};
use tokio::net::{TcpStream, UdpSocket, UnixStream};

use crate::Endpoint;
use crate::callbacks::Callbacks;
use crate::reserved;
use crate::settings::Settings;
use crate::stdio::ChildStream;
use crate::vouch;

/// Connects to `endpoint`; the connection's driver runs as a task of its own. `callbacks` are served on streams.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    settings: &Settings,
    callbacks: Option<&Callbacks>,
) -> io::Result<Connection> {
    match endpoint {
        Endpoint::Tcp(address) => {
            let stream = match settings.reserved_port {
                true => reserved::connect_tcp(*address).await?,
                false => TcpStream::connect(address).await?,
            };
            over_tcp(stream, settings, callbacks)
        }
        Endpoint::Udp(address) => {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = match settings.reserved_port {
                true => reserved::bind_udp(*address).await?,
                false => UdpSocket::bind(any).await?,
            };
            socket.connect(address).await?;
            Ok(over_udp(socket, settings))
        }
        Endpoint::Unix(path) => connect_unix(path, endpoint, settings, callbacks).await,
        Endpoint::Abstract(name) => {
            // A zero byte in front is how tokio is told that a name is abstract.
            let name = [b"\0", &name[..]].concat();
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(&name));
            connect_unix(&path, endpoint, settings, callbacks).await
        }
        Endpoint::Command { program, arguments } => {
            let child = ChildStream::start(program, arguments)?;
            Ok(over(child, ChildStream::peer(), settings, callbacks))
        }
    }
}

/// A connection over a TCP stream.
pub(crate) fn over_tcp(
    stream: TcpStream,
    settings: &Settings,
    callbacks: Option<&Callbacks>,
) -> io::Result<Connection> {
    socket::prepare_tcp(&stream, settings.keepalive)?;
    let server = socket::tcp_peer(&stream)?;
    Ok(over(stream, server, settings, callbacks))
}

async fn connect_unix(
    path: &Path,
    endpoint: &Endpoint,
    settings: &Settings,
    callbacks: Option<&Callbacks>,
) -> io::Result<Connection> {
    let stream = UnixStream::connect(path).await?;
    let server = socket::unix_peer(&stream)?;
    if settings.only_rpcbind {
        vouch::for_rpcbind(&server, endpoint)?;
    }
    Ok(over(stream, server, settings, callbacks))
}

/// A connection over a connected UDP socket.
pub(crate) fn over_udp(socket: UdpSocket, settings: &Settings) -> Connection {
    let table = CallTable::new(random_xid()).with_retransmit(settings.retransmit);
    let link = DatagramLink::new(socket);
    let (connection, driver) = Connection::new(link, table, settings.limits);
    start(driver);
    settings.apply(connection)
}

/// A connection to `server` over any stream.
pub(crate) fn over(
    stream: impl ByteStream,
    server: Peer,
    settings: &Settings,
    callbacks: Option<&Callbacks>,
) -> Connection {
    let link = StreamLink::new(stream, settings.limits.record);
    let table = CallTable::new(random_xid());
    let (connection, driver) = Connection::new(link, table, settings.limits);
    start(match callbacks {
        Some(callbacks) => callbacks.serve(driver, server),
        None => driver,
    });
    settings.apply(connection)
}

fn start(driver: Driver<impl Link>) {
    tokio::spawn(async move {
        if let Err(error) = driver.run().await {
            log::debug!("connection ended: {error}");
        }
    });
}
