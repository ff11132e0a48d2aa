//! A UDP socket that takes, and gives, many datagrams with one system call.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::sockopt::UdpGsoSegment;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, getsockopt, recvmmsg, sendmsg};

use super::calls::HEAD;

/// A socket that is connected to whom it calls.
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// Whether the kernel cuts what it is given into datagrams (`UDP_SEGMENT`, `udp(7)`).
    cuts: bool,
}

/// What a thread receives into, from whatever socket.
pub(super) struct Room {
    pub(super) bytes: Vec<u8>,
    headers: MultiHeaders<()>,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; READ],
            headers: MultiHeaders::preallocate(BATCH, None),
        }
    }
}

impl Datagrams {
    pub(super) fn connect(address: &SocketAddr) -> io::Result<Self> {
        let any = match address {
            SocketAddr::V4(_) => "0.0.0.0:0",
            SocketAddr::V6(_) => "[::]:0",
        };
        let socket = UdpSocket::bind(any)?;
        socket.connect(address)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            cuts: getsockopt(&socket, UdpGsoSegment).is_ok(),
            socket,
        })
    }

    /// How many datagrams of so many bytes it takes at once.
    pub(super) fn at_once(&self, bytes: usize) -> usize {
        if self.cuts && bytes <= SEGMENT {
            (MOST / bytes.max(1)).min(BATCH)
        } else {
            1
        }
    }

    /// Sends datagrams of `each` bytes that lie one behind the other: no more than it takes at once. How many bytes it took.
    pub(super) fn send(&mut self, datagrams: &[u8], each: usize) -> io::Result<usize> {
        if let (true, Some(one)) = (self.cuts, datagrams.get(..each)) {
            if one.len() == datagrams.len() {
                return self.socket.send(one);
            }
            let segment = u16::try_from(each).map_err(io::Error::other)?;
            let sent = sendmsg::<()>(
                self.socket.as_raw_fd(),
                &[IoSlice::new(datagrams)],
                &[ControlMessage::UdpGsoSegments(&segment)],
                MsgFlags::MSG_DONTWAIT,
                None,
            );
            match sent {
                // The way out makes no checksums, or takes shorter datagrams only.
                Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE) => self.cuts = false,
                sent => return Ok(sent?),
            }
        }
        self.socket.send(&datagrams[..each.min(datagrams.len())])
    }

    /// Receives what has come, so many datagrams at most, and lends out the first bytes of each: enough for a verdict.
    pub(super) fn receive(
        &self,
        most: usize,
        room: &mut Room,
        mut lend: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        let mut left = most;
        while left > 0 {
            let asked = left.min(BATCH);
            let mut places = room.bytes.chunks_exact_mut(HEAD);
            let mut places: [[IoSliceMut<'_>; 1]; BATCH] =
                std::array::from_fn(|_| [IoSliceMut::new(places.next().unwrap_or_default())]);
            let received = recvmmsg(
                self.socket.as_raw_fd(),
                &mut room.headers,
                places.iter_mut().take(asked),
                MsgFlags::MSG_DONTWAIT,
                None,
            );
            let mut lengths = [0; BATCH];
            let mut came = 0;
            match received {
                Ok(received) => {
                    for (length, message) in lengths.iter_mut().zip(received) {
                        *length = message.bytes;
                        came += 1;
                    }
                }
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
            for (bytes, length) in room.bytes.chunks_exact(HEAD).zip(&lengths[..came]) {
                lend(&bytes[..HEAD.min(*length)]);
            }
            if came < asked {
                break;
            }
            left -= came;
        }
        Ok(())
    }
}

impl AsFd for Datagrams {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Bytes read at once.
const READ: usize = 256 << 10;

/// Datagrams that one system call takes or gives at most: what Linux cuts at once.
const BATCH: usize = 64;

/// Longest datagrams, in bytes, of which the kernel is given several at once: each has to fit the way's MTU, and that of IPv6
/// is 1,280 everywhere (RFC 8200 section 5), 48 of them for headers.
const SEGMENT: usize = 1232;

/// Bytes that one system call sends at most: what a datagram over IPv4 may hold.
const MOST: usize = 65_507;
