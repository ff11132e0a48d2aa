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
use oncrpc::message::Message;
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

/// Bytes of memory for the messages of a batch, unless those are longer.
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
    /// Memory for messages; those of the last batch, one behind the other; and where each of them ends.
    memory: BytesMut,
    messages: Bytes,
    ends: Vec<usize>,
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
        inbox.forget();
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
            memory: BytesMut::new(),
            messages: Bytes::new(),
            ends: Vec::with_capacity(BATCH),
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
        self.gather();
        Ok(self.arrived.len())
    }

    /// Puts the messages of a batch together, so that all are one share of their memory.
    fn gather(&mut self) {
        self.ends.clear();
        let room = self.tail + HEAD;
        let lengths = self.arrived.iter();
        // What is longer than there was room for is looked at by nobody.
        let lengths = lengths.map(|arrived| arrived.map_or(0, |arrived| arrived.len.min(room)));
        let all = lengths.clone().sum::<usize>();
        if self.memory.capacity() < all {
            self.memory.reserve(all.max(MESSAGES));
        }
        let places = self.heads.chunks(HEAD).zip(self.tails.chunks(self.tail));
        for ((head, tail), len) in places.zip(lengths) {
            let in_head = len.min(HEAD);
            self.memory.extend_from_slice(&head[..in_head]);
            self.memory.extend_from_slice(&tail[..len - in_head]);
            self.ends.push(self.memory.len());
        }
        self.messages = self.memory.split().freeze();
    }

    /// The datagram in this place of the last batch; none if the kernel does not say where from and where to.
    pub(super) fn arrived(&self, at: usize) -> Option<Arrived> {
        self.arrived.get(at).copied().flatten()
    }

    /// Forgets the last batch. Of its memory so much is kept as most batches need: it is the next one's, unless somebody has kept
    /// a message.
    fn forget(&mut self) {
        let messages = std::mem::take(&mut self.messages);
        if messages.len() > MESSAGES {
            self.memory = BytesMut::new();
        }
    }

    /// The bytes of the datagram in this place of the last batch.
    pub(super) fn message(&self, at: usize) -> Message<'_> {
        let end = |at: usize| self.ends.get(at).copied().unwrap_or(0);
        let start = at.checked_sub(1).map_or(0, end);
        Message::within(&self.messages, start..end(at))
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
