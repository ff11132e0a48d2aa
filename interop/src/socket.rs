use std::fmt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net as unix;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, bind, connect, setsockopt, socket, sockopt,
};

use crate::host::Host;
use crate::wire::{LAST_FRAGMENT, Message, show};

/// The five ways to rpcbind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are netids")]
pub enum Transport {
    Udp,
    Tcp,
    Udp6,
    Tcp6,
    Local,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Udp6, Self::Tcp6, Self::Local];
    /// Those that carry IP addresses.
    pub const INET: [Self; 4] = [Self::Udp, Self::Tcp, Self::Udp6, Self::Tcp6];
    /// Those that carry datagrams.
    pub const DATAGRAM: [Self; 2] = [Self::Udp, Self::Udp6];
    /// Those that carry records.
    pub const STREAM: [Self; 3] = [Self::Tcp, Self::Tcp6, Self::Local];

    /// Its name in /etc/netconfig.
    pub const fn netid(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Udp6 => "udp6",
            Self::Tcp6 => "tcp6",
            Self::Local => "local",
        }
    }

    const fn is_ipv6(self) -> bool {
        matches!(self, Self::Udp6 | Self::Tcp6)
    }
}

/// Who calls, and so from where and to where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Uid 0, or loopback from a port below 1024.
    Root,
    /// Uid 1000, or loopback from a port above.
    User,
    /// Uid 1001; over IP nobody can tell it from [`User`](Self::User).
    OtherUser,
    /// Another machine. It calls the host's first address.
    Remote,
    /// Another machine, from a port below 1024.
    RemoteRoot,
    /// The host's own second address, calling it.
    OwnAddress,
    /// 127.0.0.2, or over IPv6 the host's own first address calling `::1`.
    OtherLoopback,
    /// Loopback calling the host's first address.
    Crossed,
}

impl Caller {
    /// The addresses from which and to which it calls over IP, and whether its port is reserved.
    fn addresses(self, ipv6: bool) -> (IpAddr, IpAddr, bool) {
        let [first, first6, second, second6] = Host::ADDRESSES;
        let (from, to, reserved) = match (self, ipv6) {
            (Self::Root, false) => ("127.0.0.1", "127.0.0.1", true),
            (Self::Root, true) => ("::1", "::1", true),
            (Self::User | Self::OtherUser, false) => ("127.0.0.1", "127.0.0.1", false),
            (Self::User | Self::OtherUser, true) => ("::1", "::1", false),
            (Self::Remote, false) => (Host::REMOTE, first, false),
            (Self::Remote, true) => (Host::REMOTE6, first6, false),
            (Self::RemoteRoot, false) => (Host::REMOTE, first, true),
            (Self::RemoteRoot, true) => (Host::REMOTE6, first6, true),
            (Self::OwnAddress, false) => (second, second, true),
            (Self::OwnAddress, true) => (second6, second6, true),
            (Self::OtherLoopback, false) => ("127.0.0.2", "127.0.0.1", true),
            (Self::OtherLoopback, true) => (first6, "::1", true),
            (Self::Crossed, false) => ("127.0.0.1", first, true),
            (Self::Crossed, true) => ("::1", first6, true),
        };
        let address = |text: &str| text.parse().expect("an address");
        (address(from), address(to), reserved)
    }

    fn uid(self) -> u32 {
        match self {
            Self::Root => 0,
            Self::User => 1000,
            Self::OtherUser => 1001,
            _ => panic!("{self:?} calls over IP alone"),
        }
    }
}

/// All that came back for a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// The replies, in their order.
    pub replies: Vec<Vec<u8>>,
    /// Whether the peer then closed the connection.
    pub closed: bool,
}

impl Answer {
    /// One reply.
    pub fn reply(bytes: Vec<u8>) -> Self {
        Self {
            replies: vec![bytes],
            closed: false,
        }
    }

    /// Nothing at all.
    pub fn silence() -> Self {
        Self {
            replies: Vec::new(),
            closed: false,
        }
    }

    /// Nothing, and the end of the connection.
    pub fn closed() -> Self {
        Self {
            replies: Vec::new(),
            closed: true,
        }
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for reply in &self.replies {
            show(reply, f)?;
            f.write_str(" ")?;
        }
        match (self.replies.is_empty(), self.closed) {
            (_, true) => f.write_str("closed"),
            (true, false) => f.write_str("silence"),
            (false, false) => Ok(()),
        }
    }
}

impl Host {
    /// Sends `message` to rpcbind as this caller over this transport, on a socket of its own, and
    /// then a NULL: what came before the answer to that is the answer to the message.
    pub fn ask(&self, caller: Caller, transport: Transport, message: &Message) -> Answer {
        self.line(caller, transport).ask(message)
    }

    fn stream(&self, caller: Caller, transport: Transport) -> TcpStream {
        let (from, to) = self.addresses(caller, transport);
        let socket = self.in_network(|| connect_from(SockType::Stream, from, to));
        let stream = TcpStream::from(socket.expect("rpcbind listens"));
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it is a socket");
        stream
    }

    fn datagrams(&self, caller: Caller, transport: Transport) -> UdpSocket {
        let (from, to) = self.addresses(caller, transport);
        let socket = self.in_network(|| connect_from(SockType::Datagram, from, to));
        let socket = UdpSocket::from(socket.expect("the port is free"));
        socket
            .set_read_timeout(Some(PATIENCE))
            .expect("it is a socket");
        socket
    }

    /// Opens a socket for many messages.
    pub fn line(&self, caller: Caller, transport: Transport) -> Line<'_> {
        let mut line = Line {
            host: self,
            caller,
            transport,
            way: None,
        };
        line.open();
        line
    }

    /// A connection of root's to the abstract socket of this name in the host's network, for many messages.
    pub fn abstract_line(&self, name: &str) -> Line<'_> {
        let connect = || {
            let address = unix::SocketAddr::from_abstract_name(name)?;
            unix::UnixStream::connect_addr(&address)
        };
        let stream = self.in_network(connect).expect("somebody listens");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("it is a socket");
        Line {
            host: self,
            caller: Caller::Root,
            transport: Transport::Local,
            way: Some(Way::Stream(Box::new(stream))),
        }
    }

    fn addresses(&self, caller: Caller, transport: Transport) -> (SocketAddr, SocketAddr) {
        let (from, to, reserved) = caller.addresses(transport.is_ipv6());
        let port = if reserved { self.reserved_port() } else { 0 };
        (SocketAddr::new(from, port), SocketAddr::new(to, PORT))
    }
}

/// A caller's socket, for many messages one after the other; opened anew when rpcbind has closed it.
pub struct Line<'a> {
    host: &'a Host,
    caller: Caller,
    transport: Transport,
    way: Option<Way>,
}

enum Way {
    Datagrams(UdpSocket),
    Stream(Box<dyn ReadWrite>),
}

trait ReadWrite: Read + Write {}

impl<T: Read + Write> ReadWrite for T {}

impl Line<'_> {
    /// Sends `message` and then a NULL, as [`Host::ask`] does.
    pub fn ask(&mut self, message: &Message) -> Answer {
        let answer = match self.open() {
            Way::Datagrams(socket) => exchange(socket, message),
            Way::Stream(stream) => converse(stream, &message.record(), &Message::last_word()),
        };
        if answer.closed {
            self.way = None;
        }
        answer
    }

    fn open(&mut self) -> &mut Way {
        let Self {
            host,
            caller,
            transport,
            way,
        } = self;
        way.get_or_insert_with(|| match transport {
            Transport::Local => Way::Stream(Box::new(Relay::start(host, caller.uid()))),
            Transport::Tcp | Transport::Tcp6 => {
                Way::Stream(Box::new(host.stream(*caller, *transport)))
            }
            Transport::Udp | Transport::Udp6 => Way::Datagrams(host.datagrams(*caller, *transport)),
        })
    }
}

/// Sends a message and then a NULL on a socket, and takes what comes before the answer to that.
fn exchange(socket: &UdpSocket, message: &Message) -> Answer {
    socket.send(&message.bytes()).expect("it fits a datagram");
    socket
        .send(&Message::last_word().bytes())
        .expect("it fits a datagram");
    let mut answer = Answer::silence();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = match socket.recv(&mut buffer) {
            // A child of another test has ended.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            received => received.expect("rpcbind answers NULL"),
        };
        if Message::last_word().is_answered_by(&buffer[..length]) {
            return answer;
        }
        answer.replies.push(buffer[..length].to_vec());
    }
}

/// A socket with an address and port of our choice, connected, which std cannot make. The address
/// need not be the host's.
fn connect_from(kind: SockType, from: SocketAddr, to: SocketAddr) -> io::Result<OwnedFd> {
    let family = if from.is_ipv6() {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None)?;
    setsockopt(&socket, sockopt::IpFreebind, &true)?;
    if kind == SockType::Stream {
        setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    }
    bind(socket.as_raw_fd(), &SockaddrStorage::from(from))?;
    connect(socket.as_raw_fd(), &SockaddrStorage::from(to))?;
    Ok(socket)
}

/// A connection to `/run/rpcbind.sock` made by a process of another user: the program `relay`.
struct Relay {
    process: Child,
    // Taken in `drop`, which the process ends upon.
    to: Option<ChildStdin>,
    from: ChildStdout,
}

impl Relay {
    fn start(host: &Host, uid: u32) -> Self {
        let program = std::env::current_exe().expect("a program knows its path");
        let relay = program
            .ancestors()
            .nth(2)
            .expect("it lies in deps/")
            .join("relay");
        let mut command = host.command(0, relay);
        command.args([&uid.to_string(), "/run/rpcbind.sock"]);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cargo has built it");
        let to = process.stdin.take();
        let from = process.stdout.take().expect("it is piped");
        Self { process, to, from }
    }
}

impl Read for Relay {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.from.read(buffer)
    }
}

impl Write for Relay {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to
            .as_ref()
            .expect("it is not dropped yet")
            .write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.to.take());
        // Waited for, so that the host need not wait for somebody else to do it when it ends.
        let _ = self.process.wait();
    }
}

/// Sends bytes on a stream and then `last`, whose answer shows that these have got all the answers that they will get.
pub(crate) fn converse(stream: &mut (impl Read + Write), bytes: &[u8], last: &Message) -> Answer {
    let mut answer = Answer::silence();
    // A peer that closes at once may do so while we write: what it said before can still be read.
    let _ = stream.write_all(&[bytes, &last.record()].concat());
    loop {
        match read_record(stream) {
            Ok(record) if last.is_answered_by(&record) => return answer,
            Ok(record) => answer.replies.push(record),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("the peer does not answer NULL after {answer:?}")
            }
            Err(_) => {
                answer.closed = true;
                return answer;
            }
        }
    }
}

fn read_record(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut record = Vec::new();
    loop {
        let mut header = [0; 4];
        stream.read_exact(&mut header)?;
        let header = u32::from_be_bytes(header);
        let at = record.len();
        record.resize(at + (header & !LAST_FRAGMENT) as usize, 0);
        stream.read_exact(&mut record[at..])?;
        if header & LAST_FRAGMENT != 0 {
            return Ok(record);
        }
    }
}

/// rpcbind's.
const PORT: u16 = 111;
/// How long to wait for an answer that is certain to come: only what hangs ever meets it.
const PATIENCE: Duration = Duration::from_secs(30);
