//! The server under test, the sockets through which it is spoken to, and what it holds.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use super::marks::record;
use super::program::Program;

/// A server under test.
pub struct Server {
    /// What it serves.
    pub program: &'static Program,
    /// Where it listens over IPv4, for TCP and UDP.
    pub v4: SocketAddr,
    /// The same over IPv6.
    pub v6: Option<SocketAddr>,
    /// Its Unix socket.
    pub unix: Option<PathBuf>,
    /// How long an answer is waited for that has to come: only what hangs meets it.
    pub patience: Duration,
}

/// A way to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// UDP over IPv4.
    Udp,
    /// TCP over IPv4.
    Tcp,
    /// UDP over IPv6.
    Udp6,
    /// TCP over IPv6.
    Tcp6,
    /// A Unix socket.
    Unix,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Udp6, Self::Tcp6, Self::Unix];

    /// Whether it carries datagrams.
    pub fn is_datagram(self) -> bool {
        matches!(self, Self::Udp | Self::Udp6)
    }
}

/// A stream of either kind.
pub trait Stream: Read + Write {
    /// Waits for input so long; `None` is to take what is there.
    fn wait(&self, longest: Option<Duration>) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn wait(&self, longest: Option<Duration>) -> io::Result<()> {
        self.set_nonblocking(longest.is_none())?;
        self.set_read_timeout(longest)
    }
}

impl Stream for UnixStream {
    fn wait(&self, longest: Option<Duration>) -> io::Result<()> {
        self.set_nonblocking(longest.is_none())?;
        self.set_read_timeout(longest)
    }
}

impl Server {
    /// The ways that there are to it.
    pub fn transports(&self) -> impl Iterator<Item = Transport> + '_ {
        let is_there = |transport: &Transport| match transport {
            Transport::Udp | Transport::Tcp => true,
            Transport::Udp6 | Transport::Tcp6 => self.v6.is_some(),
            Transport::Unix => self.unix.is_some(),
        };
        Transport::ALL.into_iter().filter(is_there)
    }

    fn address(&self, transport: Transport) -> io::Result<SocketAddr> {
        match transport {
            Transport::Udp | Transport::Tcp => Ok(self.v4),
            _ => self.v6.ok_or(io::ErrorKind::AddrNotAvailable.into()),
        }
    }

    /// A stream to it.
    pub fn stream(&self, transport: Transport) -> io::Result<Box<dyn Stream>> {
        if let (Transport::Unix, Some(path)) = (transport, &self.unix) {
            let stream = UnixStream::connect(path)?;
            stream.wait(Some(self.patience))?;
            stream.set_write_timeout(Some(self.patience))?;
            return Ok(Box::new(stream));
        }
        let stream = TcpStream::connect_timeout(&self.address(transport)?, self.patience)?;
        stream.set_nodelay(true)?;
        stream.wait(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        Ok(Box::new(stream))
    }

    /// A socket whose datagrams go to it.
    pub fn datagrams(&self, transport: Transport) -> io::Result<UdpSocket> {
        let address = self.address(transport)?;
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => ([0; 4], 0).into(),
            SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        socket.set_read_timeout(Some(self.patience))?;
        Ok(socket)
    }

    /// Whether a null call is answered over UDP and over a new TCP connection, and exactly right.
    pub fn is_alive(&self, udp: &UdpSocket, transport: Transport, number: u32) -> io::Result<()> {
        let xid = 0xa11e_0000 ^ number;
        let expected: Vec<u8> = [xid, 1, 0, 0, 0, 0].map(u32::to_be_bytes).concat();
        let call = self.program.null_call(xid);
        let stream = match transport {
            Transport::Udp6 | Transport::Tcp6 => Transport::Tcp6,
            _ => Transport::Tcp,
        };
        udp.send(&call)?;
        let mut reply = vec![0; 64];
        let len = udp.recv(&mut reply)?;
        let over_udp = reply[..len] == expected;
        let mut stream = self.stream(stream)?;
        stream.write_all(&record(&call))?;
        let record = read_record(&mut *stream)?;
        let over_tcp = record.as_ref() == Some(&expected);
        if over_udp && over_tcp {
            Ok(())
        } else {
            let said = format!(
                "the null call is answered {:x?} and {record:x?}",
                &reply[..len]
            );
            Err(io::Error::other(said))
        }
    }
}

impl Program {
    /// A null call of this xid.
    pub fn null_call(&self, xid: u32) -> Vec<u8> {
        [xid, 0, 2, self.number, self.null, 0, 0, 0, 0, 0]
            .map(u32::to_be_bytes)
            .concat()
    }
}

/// Reads a record, in however many fragments; `None` at the end of the stream.
pub fn read_record(stream: &mut (impl Read + ?Sized)) -> io::Result<Option<Vec<u8>>> {
    let mut record = Vec::new();
    loop {
        let mut mark = [0; 4];
        match stream.read_exact(&mut mark) {
            Err(error) if is_end(&error) => return Ok(None),
            read => read?,
        }
        let mark = u32::from_be_bytes(mark);
        let len = mark & 0x7fff_ffff;
        let read = stream.take(len.into()).read_to_end(&mut record)?;
        if read < len as usize {
            return Ok(None);
        }
        if mark != len {
            return Ok(Some(record));
        }
    }
}

/// Whether an error is how the other side ends a stream.
pub fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

/// Bytes that a process has in memory: `VmRSS` of `/proc/PID/status`, which is in KiB.
pub fn resident(process: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.map(|kib| kib << 10)
        .ok_or(io::ErrorKind::InvalidData.into())
}
