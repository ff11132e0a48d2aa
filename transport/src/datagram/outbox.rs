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

use super::cut::{self, MAX_SEGMENT};
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
            IpAddr::V4(_) => nix::cmsg_space!(in_pktinfo, u16),
            IpAddr::V6(_) => nix::cmsg_space!(in6_pktinfo, u16),
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
pub(super) struct Outbox {
    /// What they say.
    pub(super) out: Writer,
    bundles: Vec<Bundle>,
    /// Whether the kernel cuts what it is given into datagrams: who has many calls in flight gets the replies to them for
    /// little more than the price of one.
    cuts: bool,
}

/// Replies to one caller: one, or as many as followed each other and are equally long.
#[derive(Clone, Debug)]
struct Bundle {
    way: Way,
    /// Which bytes they are.
    bytes: Range<usize>,
    /// How long each is.
    each: usize,
}

impl Bundle {
    fn one(way: Way, bytes: Range<usize>) -> Self {
        let each = bytes.len();
        Self { way, bytes, each }
    }

    fn is_one(&self) -> bool {
        self.bytes.len() == self.each
    }

    /// The same, each for itself.
    fn apart(&self) -> impl Iterator<Item = Self> {
        let starts = self.bytes.clone().step_by(self.each.max(1));
        starts.map(|start| Self::one(self.way, start..start + self.each))
    }
}

impl Outbox {
    /// One for replies by this socket.
    pub(super) fn new(socket: &UdpSocket) -> Self {
        Self {
            out: Writer::new(),
            bundles: Vec::new(),
            cuts: cut::is_known(socket),
        }
    }

    /// Says that what was written since the last reply, or else since the beginning, is one.
    pub(super) fn end_reply(&mut self, way: Way) {
        let start = self.bundles.last().map_or(0, |last| last.bytes.end);
        let reply = Bundle::one(way, start..self.out.len());
        // A batch of them fits a datagram, and what the kernel cuts at once.
        let is_cut = self.cuts && reply.each <= MAX_SEGMENT;
        match self.bundles.last_mut() {
            Some(last) if is_cut && (last.way, last.each) == (way, reply.each) => {
                last.bytes.end = reply.bytes.end;
            }
            _ => self.bundles.push(reply),
        }
    }

    /// Sends them, and empties itself. Gives back those that the socket has no room for.
    pub(super) fn send(&mut self, socket: &UdpSocket) -> Vec<(Way, Bytes)> {
        let whole = whole(&self.out);
        let mut rest = &self.bundles[..];
        let mut apart: Vec<Bundle>;
        while let Some(first) = rest.first() {
            let some_are_cut = !rest.iter().all(Bundle::is_one);
            let alike = rest.iter().take_while(|bundle| {
                bundle.way.leaves_with(&first.way) && (!some_are_cut || bundle.each == first.each)
            });
            let run = &rest[..alike.take(BATCH).count()];
            let is_cut = !run.iter().all(Bundle::is_one);
            match send_alike(socket, &whole, run) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // Where one is to be cut, the kernel refuses those in front of it that are short enough, too.
                Err(error) if is_cut && cut::is_refused(&error) => {
                    log::debug!("replies are sent one by one, as to {}: {error}", first.way);
                    self.cuts = false;
                    apart = rest.iter().flat_map(Bundle::apart).collect();
                    rest = &apart;
                }
                Err(error) => {
                    log::debug!("reply to {} not sent: {error}", first.way);
                    rest = &rest[1..];
                }
            }
        }
        let unsent = rest.iter().flat_map(Bundle::apart);
        let unsent = unsent.map(|one| (one.way, Bytes::copy_from_slice(&whole[one.bytes])));
        let unsent = unsent.collect();
        drop(whole);
        self.out.clear();
        self.bundles.clear();
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
    send_alike(socket, reply, &[Bundle::one(way, 0..reply.len())]).map(drop)
}

/// Sends what leaves from the same address, [`BATCH`] bundles at most, and says how many were. If one of them is more than one
/// reply, all replies are equally long. (A socket for IPv6 and IPv4 takes IPv4 addresses as they are.)
fn send_alike(socket: &UdpSocket, bytes: &[u8], bundles: &[Bundle]) -> io::Result<usize> {
    let Some(Bundle { way, each, .. }) = bundles.first() else {
        return Ok(0);
    };
    // 0 is not to be cut.
    let segment = if bundles.iter().all(Bundle::is_one) {
        0
    } else {
        u16::try_from(*each).map_err(io::Error::other)?
    };
    let segment = ControlMessage::UdpGsoSegments(&segment);
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
            [ControlMessage::Ipv4PacketInfo(&v4), segment]
        }
        IpAddr::V6(address) => {
            v6 = in6_pktinfo {
                ipi6_addr: in6_addr {
                    s6_addr: address.octets(),
                },
                ipi6_ifindex: way.interface,
            };
            [ControlMessage::Ipv6PacketInfo(&v6), segment]
        }
    };
    let mut parts = bundles.iter().map(|bundle| &bytes[bundle.bytes.clone()]);
    let slices: [[IoSlice<'_>; 1]; BATCH] =
        std::array::from_fn(|_| [IoSlice::new(parts.next().unwrap_or_default())]);
    KEPT.with(|kept| {
        let kept = &kept[usize::from(way.local.is_ipv6())];
        let mut envelopes = kept.take().unwrap_or_else(|| Envelopes::new(way.local));
        let Envelopes { headers, addresses } = &mut *envelopes;
        addresses.clear();
        addresses.extend(bundles.iter().map(|bundle| Some(bundle.way.remote.into())));
        let sent = sendmmsg(
            socket.as_raw_fd(),
            headers,
            slices.iter().take(bundles.len()),
            addresses,
            &control[..],
            MsgFlags::MSG_DONTWAIT,
        );
        let sent = sent.map(Iterator::count);
        kept.set(Some(envelopes));
        Ok(sent?)
    })
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::setsockopt;
    use nix::{libc, setsockopt_impl, sockopt_impl};

    use super::*;

    async fn socket() -> UdpSocket {
        UdpSocket::bind("127.0.0.1:0").await.unwrap()
    }

    /// Sends these by a socket to the callers with these numbers, and gives back what arrives at each of them.
    async fn sent(ours: UdpSocket, replies: &[(usize, Vec<u8>)]) -> (Outbox, [Vec<Vec<u8>>; 2]) {
        let mut outbox = Outbox::new(&ours);
        assert!(outbox.cuts, "Linux does so since 4.18");
        let callers = [socket().await, socket().await];
        for (caller, reply) in replies {
            let way = Way {
                remote: callers[*caller].local_addr().unwrap(),
                local: ours.local_addr().unwrap().ip(),
                interface: 0,
            };
            outbox.out.raw(reply);
            outbox.end_reply(way);
        }
        assert!(outbox.send(&ours).is_empty());
        let mut arrived = [Vec::new(), Vec::new()];
        for (caller, _) in replies {
            let mut datagram = vec![0; 2048];
            let len = callers[*caller].recv(&mut datagram).await.unwrap();
            datagram.truncate(len);
            arrived[*caller].push(datagram);
        }
        (outbox, arrived)
    }

    fn of_caller(replies: &[(usize, Vec<u8>)], number: usize) -> Vec<Vec<u8>> {
        let his = replies.iter().filter(|(caller, _)| *caller == number);
        his.map(|(_, reply)| reply.clone()).collect()
    }

    #[tokio::test]
    async fn each_reply_is_a_datagram_of_its_own_and_they_arrive_in_order() {
        let replies: Vec<(usize, Vec<u8>)> = [
            (0, 24),
            (0, 24),
            (0, 24),
            (1, 24),
            (0, 24),
            (0, 28),
            (0, 28),
            (0, 20),
            (1, 20),
            (1, 20),
            (1, 1400),
            (1, 1400),
        ]
        .into_iter()
        .zip(1..)
        .map(|((caller, len), number)| (caller, vec![number; len]))
        .collect();
        let (outbox, arrived) = sent(socket().await, &replies).await;
        assert_eq!(arrived, [0, 1].map(|number| of_caller(&replies, number)));
        assert!(outbox.cuts);
    }

    sockopt_impl!(
        /// Sends datagrams without a checksum (`socket(7)`), of which the kernel cuts none.
        NoChecksums, SetOnly, libc::SOL_SOCKET, libc::SO_NO_CHECK, bool
    );

    #[tokio::test]
    async fn what_is_not_to_be_cut_arrives_beside_what_cannot_be() {
        let replies: Vec<_> = [0, 1, 1, 0].map(|caller| (caller, vec![7; 24])).into();
        let ours = socket().await;
        setsockopt(&ours, NoChecksums, &true).unwrap();
        let (outbox, arrived) = sent(ours, &replies).await;
        assert_eq!(arrived, [0, 1].map(|number| of_caller(&replies, number)));
        assert!(!outbox.cuts);
    }

    #[tokio::test]
    async fn what_the_kernel_does_not_cut_is_sent_one_by_one() {
        // More than it cuts at once: an error as it is where the way out makes no checksums.
        let replies: Vec<_> = (0..150).map(|number| (0, vec![number; 24])).collect();
        let (outbox, [arrived, _]) = sent(socket().await, &replies).await;
        assert_eq!(arrived, of_caller(&replies, 0));
        assert!(!outbox.cuts);
    }
}
