//! What ICMP says of datagrams that we sent.

use std::fmt;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use nix::libc::{ECONNREFUSED, sock_extended_err, sockaddr_in6};
use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
use tokio::io::Interest;
use tokio::net::UdpSocket;

/// The datagrams of ours that nobody listened for, as the kernel keeps them for who asks (`IP_RECVERR`).
///
/// Without it a connected socket has but one error, of whichever datagram was last.
pub(super) struct Refusals {
    socket: Arc<UdpSocket>,
    /// Waits for the next.
    next: Option<Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>>,
}

impl Refusals {
    /// Asks the kernel to keep what comes back to `socket`.
    pub(super) fn of(socket: Arc<UdpSocket>) -> Self {
        let v4 = socket.local_addr().is_ok_and(|local| local.is_ipv4());
        let asked = if v4 {
            setsockopt(&socket, Ipv4RecvErr, &true)
        } else {
            setsockopt(&socket, Ipv6RecvErr, &true)
        };
        if let Err(error) = asked {
            log::debug!("ports that are closed will not be noticed: {error}");
        }
        Self { socket, next: None }
    }

    /// The beginning of a datagram that nobody listened for, as much as came back of it.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let socket = &self.socket;
        let next = self.next.get_or_insert_with(|| {
            let socket = socket.clone();
            Box::pin(async move {
                let receive = || receive(&socket);
                socket.async_io(Interest::ERROR, receive).await
            })
        });
        match ready!(next.as_mut().poll(cx)) {
            Ok(quoted) => {
                self.next = None;
                Poll::Ready(quoted)
            }
            Err(error) => {
                log::debug!("ports that are closed are no longer noticed: {error}");
                *next = Box::pin(std::future::pending());
                Poll::Pending
            }
        }
    }
}

/// The next datagram that the kernel keeps because nobody listened for it.
fn receive(socket: &UdpSocket) -> io::Result<Bytes> {
    loop {
        let mut control = nix::cmsg_space!(sock_extended_err, sockaddr_in6);
        let mut quoted = [0; QUOTED];
        let mut slices = [IoSliceMut::new(&mut quoted)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let fd = socket.as_raw_fd();
        let received = recvmsg::<SockaddrStorage>(fd, &mut slices, Some(&mut control), flags)?;
        let error = received.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error.ee_errno),
            _ => None,
        });
        let len = received.bytes;
        if error == Some(ECONNREFUSED.unsigned_abs()) {
            return Ok(Bytes::copy_from_slice(&quoted[..len]));
        }
        // Networks and hosts come back; the call is repeated.
    }
}

/// Bytes that tell of which call a message is: its xid.
const QUOTED: usize = 4;

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Refusals").field(&self.socket).finish()
    }
}
