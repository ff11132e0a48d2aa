//! One datagram in or out, with the address of ours that it came to or leaves from.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use bytes::Bytes;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, sendmsg,
};
use oncrpc::peer::{Address, Peer};
use tokio::net::UdpSocket;

use crate::socket::plain;

/// A datagram that arrived.
pub(super) struct Arrived {
    pub(super) message: Bytes,
    pub(super) len: usize,
    pub(super) remote: SocketAddr,
    /// The address of ours that it was sent to; of a broadcast, the one to answer from.
    pub(super) local: IpAddr,
    /// Whether it was sent to others as well.
    pub(super) for_many: bool,
    /// The interface that brought it, by its index.
    pub(super) interface: u32,
}

/// Receives one datagram into `buffer`; `None` if the kernel does not say where from and where to.
pub(super) fn receive(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<Arrived>> {
    let mut control = nix::cmsg_space!(in6_pktinfo);
    let mut slices = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let received =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut slices, Some(&mut control), flags)?;
    let Some(remote) = received.address.as_ref().and_then(inet) else {
        return Ok(None);
    };
    let destination = received.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            // The one that is in the datagram, and the one to answer from: two only of broadcasts and multicasts.
            let for_many = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
            let address = Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr));
            u32::try_from(info.ipi_ifindex)
                .ok()
                .map(|interface| (address.into(), for_many, interface))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            Some((address.into(), address.is_multicast(), info.ipi6_ifindex))
        }
        _ => None,
    });
    let len = received.bytes;
    Ok(
        destination.map(|(local, for_many, interface): (IpAddr, _, _)| Arrived {
            message: Bytes::new(),
            len,
            remote: plain(remote),
            local: local.to_canonical(),
            for_many,
            interface,
        }),
    )
}

/// Sends one datagram to `peer`, from the address that it had asked. (A socket for IPv6 and IPv4 takes IPv4 addresses
/// as they are.)
pub(super) fn send(socket: &UdpSocket, message: &[u8], peer: &Peer) -> io::Result<()> {
    let (Address::Inet(remote), Address::Inet(local)) = (&peer.remote, &peer.local) else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let slices = [IoSlice::new(message)];
    let (v4, v6);
    let control = match local.ip() {
        IpAddr::V4(address) => {
            v4 = in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr {
                    s_addr: u32::from(address).to_be(),
                },
                ipi_addr: in_addr { s_addr: 0 },
            };
            [ControlMessage::Ipv4PacketInfo(&v4)]
        }
        IpAddr::V6(address) => {
            // A multicast address cannot send; a link-local one needs its interface.
            let source = if address.is_multicast() {
                Ipv6Addr::UNSPECIFIED
            } else {
                address
            };
            let interface = if address.is_unicast_link_local() || address.is_multicast() {
                peer.interface.unwrap_or(0)
            } else {
                0
            };
            v6 = in6_pktinfo {
                ipi6_addr: in6_addr {
                    s6_addr: source.octets(),
                },
                ipi6_ifindex: interface,
            };
            [ControlMessage::Ipv6PacketInfo(&v6)]
        }
    };
    let remote = SockaddrStorage::from(*remote);
    sendmsg(
        socket.as_raw_fd(),
        &slices,
        &control,
        MsgFlags::MSG_DONTWAIT,
        Some(&remote),
    )?;
    Ok(())
}

/// The internet address that the kernel's storage holds, if it is one.
fn inet(address: &SockaddrStorage) -> Option<SocketAddr> {
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(SocketAddr::V4((*v4).into())),
        (_, Some(v6)) => Some(SocketAddr::V6((*v6).into())),
        _ => None,
    }
}
