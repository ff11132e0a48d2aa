//! Those who mean no good: connections that are half used or misused, and datagrams that are none of rpcbind's.

use std::collections::VecDeque;
use std::fmt;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::instance::{call, words};

/// Connections and datagrams in each second.
const CONNECTIONS: u32 = 10;
const DATAGRAMS: u32 = 500;

/// How long a connection of theirs is held, unless the daemon ends it before: whoever has made a call may be idle for as long.
const HELD: Duration = Duration::from_secs(65);

/// Connections of theirs at once.
pub(super) const MOST: usize = CONNECTIONS as usize * (HELD.as_secs() as usize + 1);

/// What one does with its connection.
struct Hostile {
    stream: TcpStream,
    begun: Instant,
    manner: Manner,
}

enum Manner {
    /// Sends something once, and waits.
    Waits,
    /// Sends a byte a second of a call.
    Trickles(usize),
    /// Asks and asks, and takes no reply.
    NeverReads,
}

/// What they did.
#[derive(Default)]
pub(super) struct Crowd {
    connections: u32,
    ended: u32,
    datagrams: u32,
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            connections,
            ended,
            datagrams,
        } = self;
        write!(
            f,
            "{connections} hostile connections, {ended} of them ended by the daemon, and {datagrams} datagrams"
        )
    }
}

/// Does its worst until it is over.
pub(super) fn be_hostile(port: u16, over: &AtomicBool) -> Crowd {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let (mut crowd, mut held) = (Crowd::default(), VecDeque::<Hostile>::new());
    while !over.load(Ordering::Relaxed) {
        for _ in 0..CONNECTIONS {
            held.push_back(Hostile::new(port, crowd.connections));
            crowd.connections += 1;
        }
        let before = held.len();
        held.retain_mut(Hostile::goes_on);
        crowd.ended += (before - held.len()) as u32;
        while held
            .front()
            .is_some_and(|first| first.begun.elapsed() > HELD)
        {
            held.pop_front();
        }
        for _ in 0..DATAGRAMS {
            // Some are refused by the kernel, which has nothing against the others.
            let _ = socket.send(&datagram(crowd.datagrams));
            crowd.datagrams += 1;
            while socket.recv(&mut [0; 100]).is_ok() {}
        }
        thread::park_timeout(Duration::from_secs(1));
    }
    crowd
}

/// A record with these words, whose mark says that it has `len` bytes.
fn record(len: u32, body: &[u32]) -> Vec<u8> {
    words(&[&[0x8000_0000 | len], body].concat())
}

/// A call without arguments.
fn asks(procedure: u32) -> Vec<u8> {
    record(40, &[7, 0, 2, 100_000, 4, procedure, 0, 0, 0, 0])
}

const DUMP: u32 = 4;

impl Hostile {
    fn new(port: u16, nth: u32) -> Self {
        let host = (nth % 250 + 1) as u8;
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, host], port))).unwrap();
        stream.set_nonblocking(true).unwrap();
        let (manner, first) = match nth % 12 {
            // Half a mark, half a header, half a record.
            0 => (Manner::Waits, asks(0)[..3].to_vec()),
            1 => (Manner::Waits, asks(0)[..17].to_vec()),
            2 => (Manner::Waits, asks(0)[..40].to_vec()),
            // A record longer than any may be, and one that is none, again and again.
            3 => (Manner::Waits, record(0x7fff_ffff, &[])),
            4 => (Manner::Waits, words(&[0; 100])),
            5 => (Manner::Waits, noise(nth)),
            // Another version of RPC, a program that there is not, a credential that is too long.
            6 => (
                Manner::Waits,
                record(40, &[7, 0, 3, 100_000, 4, 0, 0, 0, 0, 0]),
            ),
            7 => (Manner::Waits, record(40, &[7, 0, 2, nth, 4, 0, 0, 0, 0, 0])),
            8 => (
                Manner::Waits,
                record(40, &[7, 0, 2, 100_000, 4, 0, 1, u32::MAX, 0, 0]),
            ),
            9 => (Manner::Trickles(0), Vec::new()),
            10 => (Manner::NeverReads, Vec::new()),
            // Connects, and has nothing to say.
            _ => (Manner::Waits, Vec::new()),
        };
        let _ = stream.write_all(&first);
        let begun = Instant::now();
        Self {
            stream,
            begun,
            manner,
        }
    }

    /// Does what it does in a second; false when the daemon has ended it.
    fn goes_on(&mut self) -> bool {
        let is_open = |result: std::io::Result<usize>| match result {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        };
        match &mut self.manner {
            Manner::Waits => is_open(self.stream.read(&mut [0; 4096])),
            Manner::Trickles(sent) => {
                let byte = asks(0).get(*sent).copied().unwrap_or_default();
                *sent += 1;
                is_open(self.stream.write(&[byte]))
            }
            Manner::NeverReads => {
                let calls = asks(DUMP).repeat(1000);
                loop {
                    match self.stream.write(&calls) {
                        Ok(1..) => {}
                        last => return is_open(last),
                    }
                }
            }
        }
    }
}

/// Bytes that mean nothing, others for each.
fn noise(nth: u32) -> Vec<u8> {
    let byte = |at: u32| (at.wrapping_mul(nth | 1) >> 3) as u8;
    (0..200).map(byte).collect()
}

fn datagram(nth: u32) -> Vec<u8> {
    let good = call(3, &[0; 20]);
    match nth % 8 {
        // Cut anywhere, and longer than any may be.
        0 => good[..nth as usize / 8 % good.len()].to_vec(),
        1 => vec![0; 9_001],
        2 => noise(nth),
        // A reply, another version of RPC, a program that there is not, a credential that is too long.
        3 => words(&[7, 1, 0, 0, 0, 0]),
        4 => words(&[7, 0, 3, 100_000, 4, 0, 0, 0, 0, 0]),
        5 => words(&[7, 0, 2, nth, 4, 0, 0, 0, 0, 0]),
        6 => words(&[7, 0, 2, 100_000, 4, 0, 1, u32::MAX, 0, 0]),
        // A string with no end.
        _ => call(3, &words(&[1, 1, u32::MAX])),
    }
}
