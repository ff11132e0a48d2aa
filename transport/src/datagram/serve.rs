//! A server's end: datagrams from anybody.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{Answer, Framing, Origin, Session, Step};
use oncrpc_xdr::Writer;
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::MAX_DATAGRAM;
use super::admission::{Admission, Source};
use super::message::{Arrived, receive, send};
use crate::rates::Bounds;
use crate::{LadderPool, clock, stopped};

/// What serving one socket may hold.
#[derive(Clone, Copy, Debug)]
pub struct DatagramLimits {
    /// Longest datagram that is looked at; longer ones are dropped, never cut.
    pub receive: usize,
    /// Longest datagram that is sent; a longer reply becomes SYSTEM_ERR.
    pub send: usize,
    /// Handlers at work for this socket; nothing is read while there are more.
    pub in_flight: usize,
    /// Handlers at work for one network elsewhere (the first 24 bits of an IPv4 address, the first 56 of an IPv6 address);
    /// its datagrams are dropped while there are more. Who calls by the loopback interface has no share of its own.
    pub in_flight_per_source: usize,
    /// How many datagrams are looked at in a second, for each network elsewhere and for all of them; the others are
    /// dropped. `None` is as many as come. Who calls by the loopback interface is not counted.
    pub rates: Option<Bounds>,
    /// Whether datagrams are dropped that have a source which no caller has: port 0, or that of a small server which
    /// answers whatever it is sent (7, 13, 17, 19); a multicast or broadcast address, or none.
    pub refuse_odd_sources: bool,
}

impl DatagramLimits {
    /// Whatever UDP can carry, as fast as it comes, and 1,024 handlers at work, a quarter of them for one network.
    pub const SERVER: Self = Self {
        receive: MAX_DATAGRAM,
        send: MAX_DATAGRAM,
        in_flight: 1024,
        in_flight_per_source: 256,
        rates: None,
        refuse_odd_sources: true,
    };
}

/// Datagrams that are handled before other tasks get their turn.
const TURN: usize = 64;

/// Bytes of the buffer that datagrams are received into, one behind the other.
const BUFFER: usize = 256 * 1024;

/// Answers the calls that arrive on `socket` until `stop` turns true, then what is at hand.
///
/// The socket has to say which address of ours a datagram came to (see [`socket::udp`](crate::socket::udp)):
/// the reply leaves from there, whatever addresses the host has.
pub async fn serve(
    socket: UdpSocket,
    ladders: Arc<LadderPool>,
    limits: DatagramLimits,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let local = socket.local_addr()?;
    let mut server = DatagramServer {
        socket,
        netid: netid(local.ip()),
        port: local.port(),
        ladders,
        limits,
        admission: Admission::new(limits, clock::now()),
        buffer: BytesMut::new(),
        session: None,
        later: JoinSet::new(),
    };
    tokio::select! {
        ended = server.run() => return ended,
        () = stopped(&mut stop) => {}
    }
    while let Some(answer) = server.later.join_next().await {
        server.send_later(answer).await;
    }
    Ok(())
}

struct DatagramServer {
    socket: UdpSocket,
    /// What the socket is called in the log. Callers over IPv4 are `udp` on a socket for both, too.
    netid: Netid,
    port: u16,
    ladders: Arc<LadderPool>,
    limits: DatagramLimits,
    admission: Admission,
    buffer: BytesMut,
    /// The last sender, who is often the next one, too.
    session: Option<Session>,
    later: JoinSet<(Answer, Arc<Origin>, Source)>,
}

impl DatagramServer {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            let full = self.later.len() >= self.limits.in_flight;
            tokio::select! {
                Some(answer) = self.later.join_next() => self.send_later(answer).await,
                ready = self.socket.readable(), if !full => {
                    ready?;
                    self.turn().await?;
                }
            }
        }
    }

    /// Answers the datagrams that are there, up to a number.
    async fn turn(&mut self) -> io::Result<()> {
        let mut ladder = self.ladders.take();
        let mut out = Writer::new();
        let now = clock::now();
        for _ in 0..TURN {
            if self.later.len() >= self.limits.in_flight {
                break;
            }
            let arrived = match self.receive() {
                Ok(Some(arrived)) => arrived,
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => {
                    // What the kernel reports here is about datagrams we sent: nothing ends by it.
                    log::debug!("{}: {error}", self.netid);
                    continue;
                }
            };
            let (remote, interface) = (arrived.remote, arrived.interface);
            let Some(source) = self.admission.admit(remote, interface, now) else {
                log::debug!("{}: datagram of {remote} dropped", self.netid);
                continue;
            };
            let framing = Framing::Datagram {
                max: self.limits.send,
            };
            let session = session(&mut self.session, self.port, &arrived);
            let origin = session.origin().clone();
            match ladder.answer(session, &arrived.message, framing, &mut out) {
                Step::Done => {
                    self.reply(std::mem::take(&mut out), origin.peer()).await;
                }
                Step::Silent | Step::Close => {}
                Step::Later(answer) => {
                    self.admission.begin(source);
                    self.later
                        .spawn(async move { (answer.await, origin, source) });
                }
            }
        }
        self.ladders.give(ladder);
        Ok(())
    }

    /// The next datagram, if it is not too long.
    fn receive(&mut self) -> io::Result<Option<Arrived>> {
        let room = self.limits.receive + 1;
        if self.buffer.len() < room {
            self.buffer.clear();
            self.buffer.resize(BUFFER.max(room), 0);
        }
        let (socket, buffer) = (&self.socket, &mut self.buffer);
        let Some(arrived) =
            socket.try_io(Interest::READABLE, || receive(socket, &mut buffer[..room]))?
        else {
            return Ok(None);
        };
        if arrived.len > self.limits.receive {
            log::debug!(
                "{}: datagram longer than {} dropped",
                self.netid,
                self.limits.receive
            );
            return Ok(None);
        }
        let message: Bytes = self.buffer.split_to(arrived.len).freeze();
        Ok(Some(Arrived { message, ..arrived }))
    }

    async fn send_later(
        &mut self,
        answer: Result<(Answer, Arc<Origin>, Source), tokio::task::JoinError>,
    ) {
        // A handler's panic is an answer by now, and nobody aborts one.
        let Ok((answer, origin, source)) = answer else {
            return;
        };
        self.admission.end(source);
        if let Answer::Reply(reply) = answer {
            self.reply(reply, origin.peer()).await;
        }
    }

    /// Sends one reply to whom it is for, from the address that was asked.
    async fn reply(&self, reply: Writer, peer: &Peer) {
        let message = reply.into_bytes();
        let socket = &self.socket;
        let sent = socket
            .async_io(Interest::WRITABLE, || send(socket, &message, peer))
            .await;
        if let Err(error) = sent {
            log::debug!("{}: reply to {peer} not sent: {error}", self.netid);
        }
    }
}

fn netid(local: IpAddr) -> Netid {
    if local.is_ipv4() {
        Netid::Udp
    } else {
        Netid::Udp6
    }
}

/// The session of whoever sent a datagram.
fn session<'a>(last: &'a mut Option<Session>, port: u16, arrived: &Arrived) -> &'a mut Session {
    let local = SocketAddr::new(arrived.local, port);
    let same = last.as_ref().is_some_and(|session| {
        let origin = session.origin();
        let peer = origin.peer();
        peer.remote == Address::Inet(arrived.remote)
            && peer.local == Address::Inet(local)
            && peer.interface == Some(arrived.interface)
            && origin.is_for_many() == arrived.for_many
    });
    if !same {
        *last = None;
    }
    last.get_or_insert_with(|| {
        let origin = Origin::new(Peer {
            netid: netid(arrived.local),
            remote: Address::Inet(arrived.remote),
            local: Address::Inet(local),
            interface: Some(arrived.interface),
        });
        Session::new(if arrived.for_many {
            origin.for_many()
        } else {
            origin
        })
    })
}
