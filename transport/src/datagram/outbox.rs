//! Replies on their way out: those to one batch of datagrams with as few system calls as it takes.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::ops::Range;
use std::os::fd::AsRawFd;

use bytes::Bytes;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, MultiHeaders, SockaddrStorage, sendmmsg};
use oncrpc::peer::{Address, Peer};
use oncrpc_xdr::Writer;
use tokio::net::UdpSocket;

use super::inbox::BATCH;

thread_local! {
    /// With room for an IPv4 address of ours in each header, and for an IPv6 address.
    static KEPT: [Cell<Option<Box<Envelopes>>>; 2] = const { [Cell::new(None), Cell::new(None)] };
}

/// What the kernel is told of a batch. The headers keep pointers to what they were last used for: those for sending are
/// never used to receive.
struct Envelopes {
    headers: MultiHeaders<SockaddrStorage>,
    addresses: Vec<Option<SockaddrStorage>>,
}

impl Envelopes {
    fn new(local: IpAddr) -> Box<Self> {
        let room = match local {
            IpAddr::V4(_) => nix::cmsg_space!(in_pktinfo),
            IpAddr::V6(_) => nix::cmsg_space!(in6_pktinfo),
        };
        Box::new(Self {
            headers: MultiHeaders::preallocate(BATCH, Some(room)),
            addresses: Vec::new(),
        })
    }
}

/// Where a reply goes, and from where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Way {
    remote: SocketAddr,
    /// The address that was asked.
    local: IpAddr,
    /// The interface of it, where that has to be said.
    interface: u32,
}

impl Way {
    /// Back to who asked, if datagrams lead there.
    pub(super) fn back_to(peer: &Peer) -> Option<Self> {
        let (Address::Inet(remote), Address::Inet(local)) = (&peer.remote, &peer.local) else {
            return None;
        };
        let (local, interface) = match local.ip() {
            IpAddr::V4(_) => (local.ip(), 0),
            IpAddr::V6(ip) => {
                // A multicast address cannot send; a link-local one needs its interface.
                let scoped = ip.is_unicast_link_local() || ip.is_multicast();
                let interface = peer.interface.filter(|_| scoped).unwrap_or(0);
                let source = if ip.is_multicast() {
                    Ipv6Addr::UNSPECIFIED
                } else {
                    ip
                };
                (source.into(), interface)
            }
        };
        Some(Self {
            remote: *remote,
            local,
            interface,
        })
    }

    /// Whether one system call can send both this way and the other.
    fn leaves_with(&self, other: &Self) -> bool {
        (self.local, self.interface) == (other.local, other.interface)
            && self.remote.is_ipv4() == other.remote.is_ipv4()
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.remote.fmt(f)
    }
}

/// Replies that have yet to be sent, one behind the other.
#[derive(Default)]
pub(super) struct Outbox {
    /// What they say.
    pub(super) out: Writer,
    /// Where each goes, and which bytes it is.
    replies: Vec<(Way, Range<usize>)>,
}

impl Outbox {
    /// Says that what was written since the last reply, or else since the beginning, is one.
    pub(super) fn end_reply(&mut self, way: Way) {
        let start = self.replies.last().map_or(0, |(_, bytes)| bytes.end);
        self.replies.push((way, start..self.out.len()));
    }

    /// Sends them, and empties itself. Gives back those that the socket has no room for.
    pub(super) fn send(&mut self, socket: &UdpSocket) -> Vec<(Way, Bytes)> {
        let whole = whole(&self.out);
        let mut rest = &self.replies[..];
        while let Some((first, _)) = rest.first() {
            let alike = rest.iter().take_while(|(way, _)| way.leaves_with(first));
            let run = alike.take(BATCH).count();
            match send_alike(socket, &whole, &rest[..run]) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    log::debug!("reply to {first} not sent: {error}");
                    rest = &rest[1..];
                }
            }
        }
        let unsent = rest.iter();
        let unsent =
            unsent.map(|(way, bytes)| (*way, Bytes::copy_from_slice(&whole[bytes.clone()])));
        let unsent = unsent.collect();
        drop(whole);
        self.out.clear();
        self.replies.clear();
        unsent
    }
}

/// All that was written, which is in one piece unless long data was chained in.
fn whole(out: &Writer) -> Cow<'_, [u8]> {
    let mut chunks = out.chunks();
    match (chunks.next(), chunks.next()) {
        (None, _) => Cow::default(),
        (Some(one), None) => Cow::Borrowed(one),
        _ => Cow::Owned(out.chunks().collect::<Vec<_>>().concat()),
    }
}

/// Sends one reply.
pub(super) fn send_one(socket: &UdpSocket, way: Way, reply: &[u8]) -> io::Result<()> {
    send_alike(socket, reply, &[(way, 0..reply.len())]).map(drop)
}

/// Sends replies that leave from the same address, [`BATCH`] at most, and says how many were. (A socket for IPv6 and IPv4
/// takes IPv4 addresses as they are.)
fn send_alike(
    socket: &UdpSocket,
    bytes: &[u8],
    replies: &[(Way, Range<usize>)],
) -> io::Result<usize> {
    let Some((way, _)) = replies.first() else {
        return Ok(0);
    };
    let (v4, v6);
    let control = match way.local {
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
            v6 = in6_pktinfo {
                ipi6_addr: in6_addr {
                    s6_addr: address.octets(),
                },
                ipi6_ifindex: way.interface,
            };
            [ControlMessage::Ipv6PacketInfo(&v6)]
        }
    };
    let mut parts = replies.iter().map(|(_, part)| &bytes[part.clone()]);
    let slices: [[IoSlice<'_>; 1]; BATCH] =
        std::array::from_fn(|_| [IoSlice::new(parts.next().unwrap_or_default())]);
    KEPT.with(|kept| {
        let kept = &kept[usize::from(way.local.is_ipv6())];
        let mut envelopes = kept.take().unwrap_or_else(|| Envelopes::new(way.local));
        let Envelopes { headers, addresses } = &mut *envelopes;
        addresses.clear();
        addresses.extend(replies.iter().map(|(way, _)| Some(way.remote.into())));
        let sent = sendmmsg(
            socket.as_raw_fd(),
            headers,
            slices.iter().take(replies.len()),
            addresses,
            &control[..],
            MsgFlags::MSG_DONTWAIT,
        );
        let sent = sent.map(Iterator::count);
        kept.set(Some(envelopes));
        Ok(sent?)
    })
}
