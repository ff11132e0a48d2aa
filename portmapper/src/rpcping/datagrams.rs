//! A UDP socket that takes, and gives, many datagrams with one system call.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, recvmmsg, sendmsg};
use oncrpc_transport::datagram::MAX_DATAGRAM;
use oncrpc_transport::datagram::cut::{self, MAX_SEGMENT, MAX_SEGMENTS};

use super::calls::HEAD;

/// A socket that is connected to whom it calls.
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// Whether the kernel cuts what it is given into datagrams.
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
            headers: MultiHeaders::preallocate(MAX_SEGMENTS, None),
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
            cuts: cut::is_known(&socket),
            socket,
        })
    }

    /// How many datagrams of so many bytes it takes at once.
    pub(super) fn at_once(&self, bytes: usize) -> usize {
        if self.cuts && bytes <= MAX_SEGMENT {
            (MAX_DATAGRAM / bytes.max(1)).min(MAX_SEGMENTS)
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
            match sent.map_err(io::Error::from) {
                Err(error) if cut::is_refused(&error) => self.cuts = false,
                sent => return sent,
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
            let asked = left.min(MAX_SEGMENTS);
            let mut places = room.bytes.chunks_exact_mut(HEAD);
            let mut places: [[IoSliceMut<'_>; 1]; MAX_SEGMENTS] =
                std::array::from_fn(|_| [IoSliceMut::new(places.next().unwrap_or_default())]);
            let received = recvmmsg(
                self.socket.as_raw_fd(),
                &mut room.headers,
                places.iter_mut().take(asked),
                MsgFlags::MSG_DONTWAIT,
                None,
            );
            let mut lengths = [0; MAX_SEGMENTS];
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
