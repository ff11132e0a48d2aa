//! From a host's name to a connection, within a time.

use std::ffi::OsStr;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use oncrpc::call::caller::after;
use oncrpc::netid::{Family, Netid, Transport};
use oncrpc::record::RecordLimits;
use oncrpc::uaddr::Uaddr;
use oncrpc::{CallTable, Framing, Retransmit};
use oncrpc_client::Endpoint;
use oncrpc_transport::connection::random_xid;
use oncrpc_transport::{Connection, DatagramLink, Limits, Link, StreamLink, socket};
use tokio::net::{TcpStream, UdpSocket, UnixStream, lookup_host};
use tokio::time::timeout;

use super::failure::Failure;

/// Longest reply, in bytes. A registration takes some sixty, and our rpcbind holds 65,536 of them.
pub const MAX_REPLY: u32 = 8 << 20;

/// Time for a connection to be made or a name to be looked up. The kernel alone would try TCP for two minutes.
pub const CONNECT_TIME: Duration = Duration::from_secs(10);

/// When all of it has to be over, if somebody has said so.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    end: Option<Instant>,
}

impl Patience {
    /// This much from now on, or as long as it takes.
    pub fn new(time: Option<Duration>) -> Self {
        let end = time.map(|time| after(Instant::now(), time));
        Self { end }
    }

    /// The same, or this much from now on if nobody has said anything.
    #[must_use]
    pub fn or(self, usual: Duration) -> Self {
        match self.end {
            Some(_) => self,
            None => Self::new(Some(usual)),
        }
    }

    /// Time for a step that is given so much, or what is left if that is less.
    pub fn step(self, most: Duration) -> Duration {
        self.left().map_or(most, |left| left.min(most))
    }

    /// What is left, if that is bounded.
    pub fn left(self) -> Option<Duration> {
        let left = |end: Instant| end.saturating_duration_since(Instant::now());
        self.end.map(left)
    }
}

/// The addresses of a host, with a port; none if there is no such host.
pub async fn addresses(host: &str, port: u16, patience: Patience) -> Vec<SocketAddr> {
    let found = timeout(patience.step(CONNECT_TIME), lookup_host((host, port))).await;
    match found {
        Ok(Ok(found)) => {
            let mut addresses: Vec<_> = found.collect();
            addresses.dedup();
            addresses
        }
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

/// Whether an address is one of this family.
pub fn is_of(address: &SocketAddr, family: Family) -> bool {
    match family {
        Family::Inet => address.is_ipv4(),
        Family::Inet6 => address.is_ipv6(),
        Family::Loopback => false,
    }
}

/// The place to connect to, for an address on a transport that has connections or datagrams that we know.
pub fn endpoint(transport: &Transport, uaddr: &Uaddr) -> Option<Endpoint> {
    Endpoint::of(&Netid::of(transport.family, transport.protocol)?, uaddr)
}

/// Connects. Over UDP that succeeds whoever is there or not.
pub async fn connect(endpoint: &Endpoint, patience: Patience) -> Result<Connection, Failure> {
    let connected = timeout(patience.step(CONNECT_TIME), open(endpoint)).await;
    let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    connected.map_err(Failure::Connect)
}

async fn open(endpoint: &Endpoint) -> io::Result<Connection> {
    match endpoint {
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            socket::prepare_tcp(&stream, None)?;
            Ok(start(StreamLink::new(stream, LIMITS.record)))
        }
        Endpoint::Udp(address) => {
            let any: SocketAddr = match address {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(address).await?;
            Ok(start(DatagramLink::new(socket)))
        }
        Endpoint::Unix(path) => open_unix(path).await,
        Endpoint::Abstract(name) => {
            // A zero byte in front is how tokio is told that a name is abstract.
            let name = [b"\0", &name[..]].concat();
            open_unix(Path::new(OsStr::from_bytes(&name))).await
        }
        other => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            other.to_string(),
        )),
    }
}

async fn open_unix(path: &Path) -> io::Result<Connection> {
    let stream = UnixStream::connect(path).await?;
    Ok(start(StreamLink::new(stream, LIMITS.record)))
}

/// The connection over a link; its driver runs as a task of its own.
fn start(link: impl Link) -> Connection {
    let mut table = CallTable::new(random_xid());
    if let Framing::Datagram { .. } = link.framing() {
        table = table.with_retransmit(RETRANSMIT);
    }
    let (connection, driver) = Connection::new(link, table, LIMITS);
    tokio::spawn(async move {
        if let Err(error) = driver.run().await {
            log::debug!("connection ended: {error}");
        }
    });
    connection
}

/// What a server is granted: a list is long, but it is the only one.
const LIMITS: Limits = Limits {
    record: RecordLimits {
        record: MAX_REPLY,
        ..RecordLimits::CLIENT
    },
    ..Limits::CLIENT
};

/// Somebody waits in front of a terminal, and a port that is closed is noticed when it was asked twice.
const RETRANSMIT: Retransmit = Retransmit {
    cap: Duration::from_secs(5),
    ..Retransmit::exponential(Duration::from_millis(500))
};
