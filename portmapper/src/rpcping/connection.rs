//! One connection under load: so many calls in flight, each sent again as another when its reply has come.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::calls::{Template, Verdict, verdict};
use super::datagrams::{Datagrams, Room};
use super::histogram::Histogram;
use super::replies::Replies;

/// Where the calls go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A UDP port.
    Udp(SocketAddr),
    /// A Unix socket's path.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address} over TCP"),
            Self::Udp(address) => write!(f, "{address} over UDP"),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What has come of calls.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// How long those took that were answered, whatever the answer.
    pub times: Histogram,
    /// How many were answered otherwise than with success.
    pub refused: BTreeMap<Verdict, u64>,
    /// Datagrams without an answer.
    pub lost: u64,
}

impl Tally {
    /// Takes over what another has.
    pub fn merge(&mut self, other: &Self) {
        self.times.merge(&other.times);
        for (verdict, count) in &other.refused {
            *self.refused.entry(*verdict).or_default() += count;
        }
        self.lost += other.lost;
    }
}

/// A connection, its calls in flight and their bytes.
pub(super) struct Loaded<'a> {
    socket: Socket,
    templates: &'a [Template],
    /// Which of them is next.
    next: usize,
    /// When the call in each place was sent; `None` while it waits to be sent. Places are told by the low bits of the xid.
    places: Vec<Option<Instant>>,
    /// Each place's xid; another for each call, so that a late answer is not taken for that of the next.
    xids: Vec<u32>,
    due: VecDeque<usize>,
    /// Calls on their way out; those over UDP are equally long.
    out: Vec<u8>,
    written: usize,
    /// Bytes of each of these.
    each: usize,
    replies: Replies,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
    Udp(Datagrams),
}

impl<'a> Loaded<'a> {
    /// Connects, with so many calls to be kept in flight.
    pub(super) fn new(
        place: &Place,
        in_flight: usize,
        templates: &'a [Template],
    ) -> io::Result<Self> {
        let socket = Socket::connect(place)?;
        Ok(Self {
            socket,
            templates,
            next: 0,
            places: vec![None; in_flight],
            xids: (0..).take(in_flight).collect(),
            due: (0..in_flight).collect(),
            out: Vec::with_capacity(WRITE),
            written: 0,
            each: 0,
            replies: Replies::default(),
        })
    }

    /// Whether it has bytes that the socket did not take.
    pub(super) fn is_blocked(&self) -> bool {
        self.written < self.out.len()
    }

    /// Whether calls are without an answer.
    pub(super) fn is_waiting(&self) -> bool {
        self.places.iter().any(Option::is_some)
    }

    /// Sends what is due, as long as the socket takes it and `allowed` says that there are calls left to be made.
    pub(super) fn send(&mut self, allowed: &mut u64) -> io::Result<()> {
        loop {
            if !self.is_blocked() {
                self.out.clear();
                self.written = 0;
                self.fill(allowed);
                if self.out.is_empty() {
                    return Ok(());
                }
            }
            let calls = &self.out[self.written..];
            let written = match &mut self.socket {
                Socket::Tcp(socket) => socket.write(calls),
                Socket::Unix(socket) => socket.write(calls),
                Socket::Udp(socket) => socket.send(calls, self.each),
            };
            match written {
                Ok(length) => self.written += length,
                Err(error) if is_for_later(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Encodes what is due: as many calls as one system call takes, of datagrams those that are equally long.
    fn fill(&mut self, allowed: &mut u64) {
        self.each = self.templates[self.next].size();
        let most = match &self.socket {
            // The server works on one half while the other is sent: with all of them in one bundle each end would wait for the
            // other by turns, and what is measured would be neither.
            Socket::Udp(socket) => {
                let half = self.places.len().div_ceil(2);
                socket.at_once(self.each).min(half) * self.each
            }
            Socket::Tcp(_) | Socket::Unix(_) => WRITE,
        };
        let equal = matches!(self.socket, Socket::Udp(_));
        let now = Instant::now();
        while self.out.len() < most && *allowed > 0 {
            let template = &self.templates[self.next];
            if equal && template.size() != self.each {
                break;
            }
            let Some(place) = self.due.pop_front() else {
                break;
            };
            template.append(self.xids[place], &mut self.out);
            self.next = (self.next + 1) % self.templates.len();
            self.places[place] = Some(now);
            *allowed -= 1;
        }
    }

    /// Reads once from a stream, or what datagrams there are; how many replies there were.
    pub(super) fn receive(&mut self, room: &mut Room, tally: &mut Tally) -> io::Result<u64> {
        let mut came = 0;
        let read = match &mut self.socket {
            Socket::Tcp(socket) => socket.read(&mut room.bytes),
            Socket::Unix(socket) => socket.read(&mut room.bytes),
            Socket::Udp(socket) => {
                let most = self.places.len();
                let mut settle = Settle::new(&mut self.places, &mut self.xids, &mut self.due);
                // No more of them than were asked for, lest the others starve.
                socket.receive(most, room, |reply| {
                    if let Some((xid, verdict)) = verdict(reply) {
                        came += settle.settle(xid, verdict, tally);
                    }
                })?;
                return Ok(came);
            }
        };
        let length = match read {
            Ok(0) => {
                let closed = "the server has closed the connection";
                return Err(io::Error::new(ErrorKind::UnexpectedEof, closed));
            }
            Ok(length) => length,
            Err(error) if is_for_later(&error) => return Ok(0),
            Err(error) => return Err(error),
        };
        let mut settle = Settle::new(&mut self.places, &mut self.xids, &mut self.due);
        self.replies
            .take(&room.bytes[..length], |xid, verdict| {
                came += settle.settle(xid, verdict, tally);
            })
            .map_err(|_| {
                io::Error::new(ErrorKind::InvalidData, "what answers does not speak RPC")
            })?;
        Ok(came)
    }

    /// Gives up the datagrams that have had no answer for too long.
    pub(super) fn give_up(&mut self, now: Instant, tally: &mut Tally) {
        if !matches!(self.socket, Socket::Udp(_)) {
            return;
        }
        for (place, sent) in self.places.iter_mut().enumerate() {
            if sent.is_some_and(|sent| now.saturating_duration_since(sent) > LOST) {
                *sent = None;
                renew(&mut self.xids[place]);
                self.due.push_back(place);
                tally.lost += 1;
            }
        }
    }
}

impl AsFd for Loaded<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
            Socket::Udp(socket) => socket.as_fd(),
        }
    }
}

/// The replies of one read: all of them came at the same time.
struct Settle<'a> {
    places: &'a mut [Option<Instant>],
    xids: &'a mut [u32],
    due: &'a mut VecDeque<usize>,
    now: Instant,
}

impl<'a> Settle<'a> {
    fn new(
        places: &'a mut [Option<Instant>],
        xids: &'a mut [u32],
        due: &'a mut VecDeque<usize>,
    ) -> Self {
        let now = Instant::now();
        Self {
            places,
            xids,
            due,
            now,
        }
    }

    /// The call in its place is over; 0 if no call in flight has this xid.
    fn settle(&mut self, xid: u32, verdict: Verdict, tally: &mut Tally) -> u64 {
        let place = xid as usize % PLACES;
        if self.xids.get(place) != Some(&xid) {
            return 0;
        }
        let Some(sent) = self.places[place].take() else {
            return 0;
        };
        renew(&mut self.xids[place]);
        self.due.push_back(place);
        tally.times.add(self.now.saturating_duration_since(sent));
        if verdict != Verdict::Success {
            *tally.refused.entry(verdict).or_default() += 1;
        }
        1
    }
}

/// The next xid of the same place.
fn renew(xid: &mut u32) {
    *xid = xid.wrapping_add(PLACES as u32);
}

impl Socket {
    fn connect(place: &Place) -> io::Result<Self> {
        Ok(match place {
            Place::Tcp(address) => {
                let socket = TcpStream::connect_timeout(address, CONNECT)?;
                socket.set_nodelay(true)?;
                socket.set_nonblocking(true)?;
                Self::Tcp(socket)
            }
            Place::Unix(path) => {
                let socket = UnixStream::connect(path)?;
                socket.set_nonblocking(true)?;
                Self::Unix(socket)
            }
            Place::Udp(address) => Self::Udp(Datagrams::connect(address)?),
        })
    }
}

fn is_for_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Most calls in flight on a connection: what of an xid tells the place.
pub(super) const PLACES: usize = 1 << 16;

/// Bytes of calls that one write has at most, and one more call.
const WRITE: usize = 256 << 10;

/// A datagram without an answer for so long is lost: ten thousand times what a call takes on one host.
const LOST: Duration = Duration::from_secs(1);

/// Time for a connection to be made.
const CONNECT: Duration = Duration::from_secs(10);
