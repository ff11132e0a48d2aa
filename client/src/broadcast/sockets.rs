//! The sockets: one for each family of addresses.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::task::Poll;

use nix::libc::{in_addr, in_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{Interest, ReadBuf};
use tokio::net::UdpSocket;

use super::interfaces::Destination;
use super::question::Question;

/// A socket for each family of addresses, and where it sends to.
#[derive(Debug)]
pub(super) struct Sockets(Vec<(UdpSocket, Vec<Destination>)>);

impl Sockets {
    /// Opens what these destinations need. A family that this host does not have is left out; it is an error
    /// only if nothing is left.
    pub(super) async fn open(destinations: &[Destination]) -> io::Result<Self> {
        let mut sockets = Vec::new();
        let mut failed = io::Error::new(io::ErrorKind::NotFound, "no address to broadcast to");
        let families: [SocketAddr; 2] = [
            (Ipv4Addr::UNSPECIFIED, 0).into(),
            (Ipv6Addr::UNSPECIFIED, 0).into(),
        ];
        for any in families {
            let mut to = destinations.to_vec();
            to.retain(|to| to.address.is_ipv4() == any.is_ipv4());
            if to.is_empty() {
                continue;
            }
            match open(any).await {
                Ok(socket) => sockets.push((socket, to)),
                Err(error) => failed = error,
            }
        }
        if sockets.is_empty() {
            return Err(failed);
        }
        Ok(Self(sockets))
    }

    /// Sends the question to everybody. A destination that cannot be reached is left out; it is an error only
    /// if none can be.
    pub(super) fn send(&self, question: &Question) -> io::Result<()> {
        let mut sent = Err(io::ErrorKind::NotFound.into());
        for (socket, destinations) in &self.0 {
            for &to in destinations {
                for message in question.messages(to.address) {
                    match send(socket, message, to) {
                        Ok(()) => sent = Ok(()),
                        Err(error) => {
                            log::debug!("nobody at {} is asked: {error}", to.address);
                            sent = sent.map_err(|_| error);
                        }
                    }
                }
            }
        }
        sent
    }

    /// Waits for a datagram from anybody: its length and whom it is from. Nothing is lost if the future is dropped.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        poll_fn(|cx| {
            for (socket, _) in &self.0 {
                let mut buffer = ReadBuf::new(buffer);
                if let Poll::Ready(from) = socket.poll_recv_from(cx, &mut buffer) {
                    let len = buffer.filled().len();
                    return Poll::Ready(from.map(|from| (len, from)));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Sends one datagram by the interface that is meant, if there is room for it now.
fn send(socket: &UdpSocket, message: &[u8], to: Destination) -> io::Result<()> {
    let by_interface;
    let control = match to.interface.map(i32::try_from) {
        Some(Ok(interface)) => {
            by_interface = in_pktinfo {
                ipi_ifindex: interface,
                ipi_spec_dst: in_addr { s_addr: 0 },
                ipi_addr: in_addr { s_addr: 0 },
            };
            &[ControlMessage::Ipv4PacketInfo(&by_interface)][..]
        }
        _ => &[],
    };
    let slices = [IoSlice::new(message)];
    let to = SockaddrStorage::from(to.address);
    let flags = MsgFlags::MSG_DONTWAIT;
    socket.try_io(Interest::WRITABLE, || {
        sendmsg(socket.as_raw_fd(), &slices, control, flags, Some(&to))?;
        Ok(())
    })
}

/// A socket that may broadcast, ready to send.
async fn open(any: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(any), Type::DGRAM, Some(Protocol::UDP))?;
    if any.is_ipv4() {
        socket.set_broadcast(true)?;
    } else {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&any.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    // Only from then on tokio knows that there is room, and `send` need not wait.
    socket.writable().await?;
    Ok(socket)
}
