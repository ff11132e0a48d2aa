//! A socket that threads wait at.

use std::io::{self, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::{ECONNREFUSED, sock_extended_err, sockaddr_in6};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use oncrpc::call::caller::after;
use socket2::{Domain, SockAddr, TcpKeepalive, Type};

use crate::Endpoint;

/// A connected socket that never blocks, and a bell that calls away who waits at it.
#[derive(Debug)]
pub(super) struct Socket {
    socket: socket2::Socket,
    bell: EventFd,
    is_stream: bool,
    /// How long who waits looks again and again before sleeping.
    busy_poll: Duration,
}

/// What a socket is ready for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ready {
    /// There is something to read, be it the end.
    pub(super) input: bool,
    /// The kernel keeps word of datagrams that did not arrive.
    pub(super) error: bool,
}

impl Socket {
    /// Connects within `timeout`. Who waits at the socket looks again and again for as long as `busy_poll`, and sleeps
    /// from then on.
    pub(super) fn connect(
        endpoint: &Endpoint,
        timeout: Duration,
        busy_poll: Duration,
    ) -> io::Result<Self> {
        let (address, kind) = match endpoint {
            Endpoint::Tcp(address) => (SockAddr::from(*address), Type::STREAM),
            Endpoint::Udp(address) => (SockAddr::from(*address), Type::DGRAM),
            Endpoint::Unix(path) => (SockAddr::unix(path)?, Type::STREAM),
            Endpoint::Abstract(name) => {
                use std::os::unix::ffi::OsStrExt;
                let name = [b"\0", &name[..]].concat();
                let name = std::ffi::OsStr::from_bytes(&name);
                (SockAddr::unix(name)?, Type::STREAM)
            }
            Endpoint::Command { .. } => {
                let message = "a thread cannot call a command";
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
        };
        let socket = socket2::Socket::new(address.domain(), kind, None)?;
        socket.connect_timeout(&address, timeout.max(Duration::from_millis(1)))?;
        socket.set_nonblocking(true)?;
        match endpoint {
            Endpoint::Tcp(_) => {
                socket.set_tcp_nodelay(true)?;
                let (silence, again, times) = KEEPALIVE;
                let keepalive = TcpKeepalive::new()
                    .with_time(silence)
                    .with_interval(again)
                    .with_retries(times);
                socket.set_tcp_keepalive(&keepalive)?;
            }
            Endpoint::Udp(_) => keep_refused(&socket, address.domain()),
            Endpoint::Unix(_) | Endpoint::Abstract(_) | Endpoint::Command { .. } => {}
        }
        Ok(Self {
            socket,
            bell: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?,
            is_stream: kind == Type::STREAM,
            busy_poll,
        })
    }

    /// Whether messages are records of a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Waits until there is something to read, or room for `output`, or somebody rings, at most until `until`.
    pub(super) fn wait(&self, output: bool, until: Instant) -> Ready {
        let mut wanted = PollFlags::POLLIN;
        wanted.set(PollFlags::POLLOUT, output);
        let mut polled = [
            PollFd::new(self.socket.as_fd(), wanted),
            PollFd::new(self.bell.as_fd(), PollFlags::POLLIN),
        ];
        let mut now = Instant::now();
        let busy_until = until.min(after(now, self.busy_poll));
        let found = loop {
            let is_busy = now < busy_until;
            let left = match is_busy {
                true => Duration::ZERO,
                false => until.saturating_duration_since(now),
            };
            // Rounded up: who wakes before its time would only wait again.
            let millis = i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
            let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
            match poll(&mut polled, timeout) {
                Ok(0) if is_busy => {}
                found => break found,
            }
            // Whoever is to answer may wait for this very processor.
            thread::yield_now();
            now = Instant::now();
        };
        if found.is_err() {
            // A signal came; whoever waits looks at the time and waits again.
            return Ready::default();
        }
        let [socket, bell] = polled.map(|polled| polled.revents().unwrap_or(PollFlags::empty()));
        if !bell.is_empty() {
            // It has rung, or another has seen to it.
            let _ = self.bell.read();
        }
        Ready {
            input: socket.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR),
            error: socket.contains(PollFlags::POLLERR),
        }
    }

    /// Calls away who waits.
    pub(super) fn ring(&self) {
        // It fails only if it has rung without pause for 2^64 times.
        let _ = self.bell.write(1);
    }

    /// Writes what the kernel takes.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        (&self.socket).write(bytes)
    }

    /// Reads what there is, a whole datagram or a piece of a stream.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.socket).read(buffer)
    }

    /// The beginning of a datagram for which nobody listened, as much as came back of it; `None` if there is none.
    pub(super) fn refused(&self) -> Option<Vec<u8>> {
        loop {
            let mut control = nix::cmsg_space!(sock_extended_err, sockaddr_in6);
            let mut quoted = [0; QUOTED];
            let mut slices = [IoSliceMut::new(&mut quoted)];
            let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
            let fd = self.socket.as_raw_fd();
            let received =
                recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut control), flags).ok()?;
            let error = received.cmsgs().ok()?.find_map(|control| match control {
                ControlMessageOwned::Ipv4RecvErr(error, _)
                | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error.ee_errno),
                _ => None,
            });
            let len = received.bytes;
            if error == Some(ECONNREFUSED.unsigned_abs()) {
                return Some(quoted[..len].to_vec());
            }
            // Networks and hosts come back; the call is repeated.
        }
    }
}

/// Asks the kernel to keep what comes back of datagrams for which nobody listened.
fn keep_refused(socket: &socket2::Socket, domain: Domain) {
    let asked = match domain {
        Domain::IPV4 => setsockopt(socket, Ipv4RecvErr, &true),
        _ => setsockopt(socket, Ipv6RecvErr, &true),
    };
    if let Err(error) = asked {
        log::debug!("ports that are closed will not be noticed: {error}");
    }
}

/// Bytes that tell of which call a message is: its xid.
const QUOTED: usize = 4;

/// Time of silence after which TCP asks whether the peer is still there, time after which it asks again, and how
/// often; as the async client has it.
const KEEPALIVE: (Duration, Duration, u32) = (Duration::from_secs(60), Duration::from_secs(10), 6);
