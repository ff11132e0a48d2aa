//! A server's end: datagrams from anybody.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer};
use oncrpc::{Answer, Framing, Ladder, Origin, Session, Step};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

use super::MAX_DATAGRAM;
use super::admission::Admission;
use super::inbox::{Arrived, BATCH, Inbox, with_inbox};
use super::outbox::{Outbox, Way, send_one};
use crate::rates::Bounds;
use crate::{LadderPool, Stopped, clock, worker};

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

/// What becomes of a datagram that was sent to many at once, a broadcast or a multicast. Of several sockets at one address
/// ([`socket::udp_group`](crate::socket::udp_group)) each receives it, and one of them is to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForMany {
    /// It is answered here.
    Answer,
    /// It is left to another socket at the same address.
    Leave,
}

/// Datagrams that there is room for at the least: one, and a place that stays empty, so that it is known to be all.
const LEAST_BATCH: usize = 2;

/// Bytes of replies that are sent before the other datagrams of a batch are looked at.
const UNSENT: usize = 64 * 1024;

/// Answers the calls that arrive on `socket` until `stop` ends, then what is at hand.
///
/// The socket has to say which address of ours a datagram came to (see [`socket::udp`](crate::socket::udp)):
/// the reply leaves from there, whatever addresses the host has. Where several tasks answer at one address, they share its
/// admission, too.
pub async fn serve(
    socket: UdpSocket,
    ladders: Arc<LadderPool>,
    admission: Arc<Admission>,
    for_many: ForMany,
    stop: Stopped,
) -> io::Result<()> {
    let local = socket.local_addr()?;
    let outbox = Outbox::new(&socket);
    let mut server = DatagramServer {
        socket,
        local,
        ladders,
        admission,
        for_many,
        session: Session::new(Peer {
            netid: netid(local.ip()),
            remote: Address::Local,
            local: Address::Inet(local),
            interface: None,
        }),
        batch: 0,
        outbox,
        unsent: Vec::new(),
        later: JoinSet::new(),
    };
    tokio::select! {
        ended = server.run() => return ended,
        () = stop => {}
    }
    while let Some(answer) = server.later.join_next().await {
        server.send_later(answer).await;
    }
    Ok(())
}

struct DatagramServer {
    socket: UdpSocket,
    local: SocketAddr,
    ladders: Arc<LadderPool>,
    admission: Arc<Admission>,
    for_many: ForMany,
    /// That of the last sender, who is often the next one, too.
    session: Session,
    /// How many datagrams came together the last time.
    batch: usize,
    outbox: Outbox,
    /// Replies that the socket had no room for.
    unsent: Vec<(Way, Bytes)>,
    later: JoinSet<(Answer, Arc<Origin>)>,
}

impl DatagramServer {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            let full = self.later.len() >= self.admission.limits().in_flight;
            tokio::select! {
                Some(answer) = self.later.join_next() => self.send_later(answer).await,
                ready = self.socket.readable(), if !full => {
                    ready?;
                    let all = self.turn();
                    for (way, reply) in std::mem::take(&mut self.unsent) {
                        self.send(way, &reply).await;
                    }
                    if !all {
                        // There are more, but others first, and who they are is asked of the kernel.
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    /// Answers the datagrams that are there, up to a batch of them. Gives back whether these were all.
    fn turn(&mut self) -> bool {
        let longest = self.admission.limits().receive;
        let now = clock::now();
        let ladders = self.ladders.clone();
        let mut ladder = ladders.lend();
        let mut buffers = worker::lend();
        std::mem::swap(&mut self.outbox.out, &mut buffers.output);
        // Each of them may need a handler.
        let handlers = self.admission.limits().in_flight - self.later.len();
        let most = (2 * self.batch).clamp(LEAST_BATCH, BATCH).min(handlers);
        with_inbox(self.local.is_ipv6(), longest, |inbox| {
            self.batch = self.receive(inbox, most);
            let mut begun = 0;
            while begun < self.batch {
                let answering = || {
                    while begun < self.batch {
                        begun += 1;
                        self.answer(inbox, begun - 1, now, &mut ladder);
                    }
                };
                // All who call at this socket have one task: a service that panics has no answer for one of them.
                if catch_unwind(AssertUnwindSafe(answering)).is_err() {
                    log::error!("{}: a service panicked", self.name());
                    ladders.renew(&mut ladder);
                    // With it goes what there may be of a reply to that one.
                    self.send_batch();
                }
            }
        });
        self.send_batch();
        std::mem::swap(&mut self.outbox.out, &mut buffers.output);
        worker::give_back(buffers);
        self.batch < most
    }

    fn send_batch(&mut self) {
        self.unsent.append(&mut self.outbox.send(&self.socket));
    }

    /// Receives so many datagrams. Where there are fewer, those were all: the next one is an event of its own.
    fn receive(&self, inbox: &mut Inbox, most: usize) -> usize {
        let mut count = 0;
        let received = self.socket.try_io(Interest::READABLE, || {
            count = inbox.receive(&self.socket, most)?;
            if count == most {
                Ok(())
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            }
        });
        match received {
            // What the kernel reports here is about datagrams we sent: nothing ends by it.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                log::debug!("{}: {error}", self.name());
            }
            _ => {}
        }
        count
    }

    /// Answers one datagram of a batch, if it is one to be looked at.
    fn answer(&mut self, inbox: &mut Inbox, at: usize, now: Instant, ladder: &mut Ladder) {
        let Some(arrived) = inbox.arrived(at) else {
            return;
        };
        if arrived.for_many && self.for_many == ForMany::Leave {
            return;
        }
        let limits = self.admission.limits();
        if arrived.len > limits.receive {
            let most = limits.receive;
            return log::debug!("{}: datagram longer than {most} dropped", self.name());
        }
        let (remote, interface) = (arrived.remote, arrived.interface);
        let Some(source) = self.admission.admit(remote, interface, now) else {
            return log::debug!("{}: datagram of {remote} dropped", self.name());
        };
        let framing = Framing::Datagram { max: limits.send };
        let message = inbox.message(at);
        let origin = origin(&arrived, self.local.port());
        if !self.session.origin().is_as(&origin) {
            self.session.pass_to(origin);
        }
        match ladder.answer(&mut self.session, message, framing, &mut self.outbox.out) {
            Step::Done => {
                if let Some(way) = Way::back_to(self.session.origin().peer()) {
                    self.outbox.end_reply(way);
                }
                if self.outbox.out.len() >= UNSENT {
                    self.send_batch();
                }
            }
            Step::Silent | Step::Close => {}
            Step::Later(answer) => {
                let origin = self.session.origin().clone();
                let at_work = self.admission.begin(source);
                self.later.spawn(async move {
                    let answer = answer.await;
                    drop(at_work);
                    (answer, origin)
                });
            }
        }
    }

    async fn send_later(&mut self, answer: Result<(Answer, Arc<Origin>), tokio::task::JoinError>) {
        // A handler's panic is an answer by now; that of a service made by hand is none.
        let Ok((answer, origin)) = answer else {
            return;
        };
        if let (Answer::Reply(reply), Some(way)) = (answer, Way::back_to(origin.peer())) {
            self.send(way, &reply.into_bytes()).await;
        }
    }

    /// Sends one reply to whom it is for, from the address that was asked.
    async fn send(&self, way: Way, reply: &[u8]) {
        let socket = &self.socket;
        let sent = socket
            .async_io(Interest::WRITABLE, || send_one(socket, way, reply))
            .await;
        if let Err(error) = sent {
            log::debug!("{}: reply to {way} not sent: {error}", self.name());
        }
    }

    /// What the socket is called in the log. Callers over IPv4 are `udp` on a socket for both, too.
    fn name(&self) -> Netid {
        netid(self.local.ip())
    }
}

fn netid(local: IpAddr) -> Netid {
    if local.is_ipv4() {
        Netid::Udp
    } else {
        Netid::Udp6
    }
}

/// Where a datagram came from.
fn origin(arrived: &Arrived, port: u16) -> Origin {
    let origin = Origin::new(Peer {
        netid: netid(arrived.local),
        remote: Address::Inet(arrived.remote),
        local: Address::Inet(SocketAddr::new(arrived.local, port)),
        interface: Some(arrived.interface),
    });
    if arrived.for_many {
        origin.for_many()
    } else {
        origin
    }
}
