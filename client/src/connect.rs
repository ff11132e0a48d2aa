//! From an endpoint to a connection.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use oncrpc::{CallTable, Retransmit};
use oncrpc_transport::{Connection, DatagramLink, Limits, Link, StreamLink, socket};
use tokio::net::{TcpStream, UdpSocket, UnixStream};

use crate::Endpoint;

/// Connects to `endpoint`; the connection's driver runs as a task of its own.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    limits: Limits,
    retransmit: Retransmit,
) -> io::Result<Connection> {
    match endpoint {
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            socket::prepare_tcp(&stream)?;
            Ok(start(
                StreamLink::new(stream, limits.record),
                CallTable::new(random()),
                limits,
            ))
        }
        Endpoint::Udp(address) => {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(address).await?;
            let table = CallTable::new(random()).with_retransmit(retransmit);
            Ok(start(DatagramLink::new(socket), table, limits))
        }
        Endpoint::Unix(path) => connect_unix(path, limits).await,
        Endpoint::Abstract(name) => {
            // A zero byte in front is how tokio is told that a name is abstract.
            let name = [b"\0", &name[..]].concat();
            connect_unix(&PathBuf::from(std::ffi::OsStr::from_bytes(&name)), limits).await
        }
    }
}

async fn connect_unix(path: &Path, limits: Limits) -> io::Result<Connection> {
    let stream = UnixStream::connect(path).await?;
    Ok(start(
        StreamLink::new(stream, limits.record),
        CallTable::new(random()),
        limits,
    ))
}

fn start(link: impl Link, table: CallTable, limits: Limits) -> Connection {
    let (connection, driver) = Connection::new(link, table, limits);
    tokio::spawn(async move {
        if let Err(error) = driver.run().await {
            log::debug!("connection ended: {error}");
        }
    });
    connection
}

/// A number that the process before this one did not have.
pub(crate) fn random() -> u32 {
    (RandomState::new().hash_one(()) >> 32) as u32
}
