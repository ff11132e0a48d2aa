//! What a worker thread receives datagrams into: as many with one system call as wait.

use std::cell::Cell;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;

use bytes::{Bytes, BytesMut};
use nix::libc::in6_pktinfo;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, RecvMsg, SockaddrStorage, recvmmsg,
};
use tokio::net::UdpSocket;

use crate::socket::plain;

/// Datagrams that one system call receives, or sends, at most.
///
/// The kernel takes about 3 µs for each, so that a call for every 32nd of them is 1 % of it; a bare server of a few lines
/// of C gains nothing by more.
pub(super) const BATCH: usize = 32;

/// Bytes of each datagram that stand close to those of the others. What calls for look-ups need is less; of the room for
/// the longer ones, which stands apart, the host gives us no memory before there is one.
const HEAD: usize = 512;

/// Bytes of the buffer that messages are handed out from, one behind the other.
const MESSAGES: usize = 16 * 1024;

thread_local! {
    /// One for sockets over IPv4 and one for those over IPv6, whose addresses are longer: the kernel's headers remember
    /// how long the last ones were.
    static KEPT: [Cell<Option<Box<Inbox>>>; 2] = const { [Cell::new(None), Cell::new(None)] };
}

/// A worker thread's room for datagrams.
pub(super) struct Inbox {
    headers: MultiHeaders<SockaddrStorage>,
    heads: Vec<u8>,
    tails: Vec<u8>,
    /// Bytes of each tail.
    tail: usize,
    arrived: Vec<Option<Arrived>>,
    messages: BytesMut,
}

/// Where a datagram came from, and what it came to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    /// Its length, which may be more than there was room for.
    pub(super) len: usize,
    pub(super) remote: SocketAddr,
    /// The address of ours that it was sent to; of a broadcast, the one to answer from.
    pub(super) local: IpAddr,
    /// Whether it was sent to others as well.
    pub(super) for_many: bool,
    /// The interface that brought it, by its index.
    pub(super) interface: u32,
}

/// Lends this thread's inbox for a socket of this kind and datagrams up to this length.
pub(super) fn with_inbox<T>(ipv6: bool, longest: usize, work: impl FnOnce(&mut Inbox) -> T) -> T {
    KEPT.with(|kept| {
        let kept = &kept[usize::from(ipv6)];
        let mut inbox = kept
            .take()
            .filter(|inbox| HEAD + inbox.tail > longest)
            .unwrap_or_else(|| Inbox::new(longest));
        let done = work(&mut inbox);
        kept.set(Some(inbox));
        done
    })
}

impl Inbox {
    /// Has room for one byte more than these, by which it is known that a datagram is longer.
    fn new(longest: usize) -> Box<Self> {
        let tail = (longest + 1).saturating_sub(HEAD).max(1);
        Box::new(Self {
            headers: headers(),
            heads: vec![0; BATCH * HEAD],
            tails: vec![0; BATCH * tail],
            tail,
            arrived: Vec::with_capacity(BATCH),
            messages: BytesMut::new(),
        })
    }

    /// Receives what waits, so many datagrams at most and no more than [`BATCH`], and says how many.
    pub(super) fn receive(&mut self, socket: &UdpSocket, most: usize) -> io::Result<usize> {
        self.arrived.clear();
        let mut heads = self.heads.chunks_exact_mut(HEAD);
        let mut tails = self.tails.chunks_exact_mut(self.tail);
        let mut rooms: [[IoSliceMut<'_>; 2]; BATCH] = std::array::from_fn(|_| {
            let [head, tail] = [heads.next(), tails.next()];
            [head, tail].map(|room| IoSliceMut::new(room.unwrap_or_default()))
        });
        let received = recvmmsg(
            socket.as_raw_fd(),
            &mut self.headers,
            rooms.iter_mut().take(most),
            MsgFlags::MSG_DONTWAIT,
            None,
        )?;
        self.arrived
            .extend(received.map(|message| arrived(&message)));
        if self.arrived.iter().any(Option::is_none) {
            // The kernel had nothing to say of one, and the headers remember that as the room there is for it.
            self.headers = headers();
        }
        Ok(self.arrived.len())
    }

    /// The datagram in this place of the last batch; none if the kernel does not say where from and where to.
    pub(super) fn arrived(&self, at: usize) -> Option<Arrived> {
        self.arrived.get(at).copied().flatten()
    }

    /// The bytes of the datagram in this place, of which there are so many.
    pub(super) fn message(&mut self, at: usize, len: usize) -> Bytes {
        let (head, tail) = (at * HEAD, at * self.tail);
        let in_head = len.min(HEAD);
        if self.messages.capacity() < len {
            self.messages.reserve(len.max(MESSAGES));
        }
        let messages = &mut self.messages;
        messages.extend_from_slice(&self.heads[head..head + in_head]);
        messages.extend_from_slice(&self.tails[tail..tail + len - in_head]);
        messages.split().freeze()
    }
}

/// The kernel's headers of a batch, with room for what it says of each datagram.
fn headers() -> MultiHeaders<SockaddrStorage> {
    MultiHeaders::preallocate(BATCH, Some(nix::cmsg_space!(in6_pktinfo)))
}

fn arrived(message: &RecvMsg<'_, '_, SockaddrStorage>) -> Option<Arrived> {
    let remote = inet(message.address.as_ref()?)?;
    let (local, for_many, interface) = message.cmsgs().ok()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(info) => {
            // The one that is in the datagram, and the one to answer from: two only of broadcasts and multicasts.
            let for_many = info.ipi_addr.s_addr != info.ipi_spec_dst.s_addr;
            let address = Ipv4Addr::from(u32::from_be(info.ipi_spec_dst.s_addr));
            let interface = u32::try_from(info.ipi_ifindex).ok()?;
            Some((IpAddr::V4(address), for_many, interface))
        }
        ControlMessageOwned::Ipv6PacketInfo(info) => {
            let address = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            let for_many = address.is_multicast();
            Some((IpAddr::V6(address), for_many, info.ipi6_ifindex))
        }
        _ => None,
    })?;
    Some(Arrived {
        len: message.bytes,
        remote: plain(remote),
        local: local.to_canonical(),
        for_many,
        interface,
    })
}

/// The internet address that the kernel's storage holds, if it is one.
fn inet(address: &SockaddrStorage) -> Option<SocketAddr> {
    match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
        (Some(v4), _) => Some(SocketAddr::V4((*v4).into())),
        (_, Some(v6)) => Some(SocketAddr::V6((*v6).into())),
        _ => None,
    }
}
