//! From an endpoint to a connection.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use oncrpc::CallTable;
use oncrpc::peer::Peer;
use oncrpc_transport::connection::random_xid;
use oncrpc_transport::stream::ByteStream;
use oncrpc_transport::{Connection, DatagramLink, Driver, Limits, Link, StreamLink, socket};
use tokio::net::{TcpStream, UdpSocket, UnixStream};

use crate::Endpoint;
use crate::callbacks::Callbacks;
use crate::reserved;
use crate::settings::Settings;

/// Connects to `endpoint`; the connection's driver runs as a task of its own. `callbacks` are served on streams.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    settings: &Settings,
    callbacks: Option<&Callbacks>,
) -> io::Result<Connection> {
    let limits = settings.limits;
    match endpoint {
        Endpoint::Tcp(address) => {
            let stream = match settings.reserved_port {
                true => reserved::connect_tcp(*address).await?,
                false => TcpStream::connect(address).await?,
            };
            socket::prepare_tcp(&stream, settings.keepalive)?;
            let server = socket::tcp_peer(&stream)?;
            Ok(start_stream(stream, server, limits, callbacks))
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
            let table = CallTable::new(random_xid()).with_retransmit(settings.retransmit);
            let (connection, driver) = Connection::new(DatagramLink::new(socket), table, limits);
            start(driver);
            Ok(connection)
        }
        Endpoint::Unix(path) => connect_unix(path, limits, callbacks).await,
        Endpoint::Abstract(name) => {
            // A zero byte in front is how tokio is told that a name is abstract.
            let name = [b"\0", &name[..]].concat();
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(&name));
            connect_unix(&path, limits, callbacks).await
        }
    }
}

async fn connect_unix(
    path: &Path,
    limits: Limits,
    callbacks: Option<&Callbacks>,
) -> io::Result<Connection> {
    let stream = UnixStream::connect(path).await?;
    let server = socket::unix_peer(&stream)?;
    Ok(start_stream(stream, server, limits, callbacks))
}

fn start_stream(
    stream: impl ByteStream,
    server: Peer,
    limits: Limits,
    callbacks: Option<&Callbacks>,
) -> Connection {
    let link = StreamLink::new(stream, limits.record);
    let (connection, driver) = Connection::new(link, CallTable::new(random_xid()), limits);
    start(match callbacks {
        Some(callbacks) => callbacks.serve(driver, server),
        None => driver,
    });
    connection
}

fn start(driver: Driver<impl Link>) {
    tokio::spawn(async move {
        if let Err(error) = driver.run().await {
            log::debug!("connection ended: {error}");
        }
    });
}
