//! Those who call well: by datagrams, on a connection that is kept, on one for each call, and by the Unix socket.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::instance::{ask, call, rpcb, words};
use crate::weather::PATIENCE;

/// The first program that is registered all the time, the first that is for a moment, and the first that never is.
pub(super) const REGISTERED: u32 = 500_000;
const PASSING: u32 = 0x2100_0000;
const MISSING: u32 = 0x3000_0000;

/// Connections of theirs at once, the closed ones that the daemon has not heard of among them.
pub(super) const CONNECTIONS: usize = 32;

/// A turn of each of them: 50 calls, which makes 5,000 in a second.
const TURN: Duration = Duration::from_millis(10);
const KEPT: u32 = 20;
const DATAGRAMS: u32 = 15;
const CHANGES: u32 = 10;
const NEW: u32 = 5;

/// GETADDR's answers for what is registered and what is not.
const ADDRESS: [u8; 20] = *b"\0\0\0\x0d127.0.0.1.8.1\0\0\0";
const NO_ADDRESS: [u8; 4] = [0; 4];

/// Calls for so long, all of them at once; gives back how many calls there were, each of which was answered, and rightly.
pub(super) fn call_for(length: Duration, port: u16, socket: &Path) -> u64 {
    let mut kept = connect(1, port);
    let mut unix = UnixStream::connect(socket).unwrap();
    unix.set_read_timeout(Some(PATIENCE)).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    datagrams.connect(("127.0.0.1", port)).unwrap();
    let turns = thread::scope(|scope| {
        [
            scope.spawn(|| turns(length, |turn| look_up(&mut kept, turn))),
            scope.spawn(|| turns(length, |turn| by_datagrams(&datagrams, turn))),
            scope.spawn(|| turns(length, |turn| change(&mut unix, turn))),
            scope.spawn(|| turns(length, |turn| anew(port, turn))),
        ]
        .map(|caller| caller.join().unwrap())
    });
    let calls = [KEPT, DATAGRAMS, CHANGES, NEW].map(u64::from);
    turns
        .into_iter()
        .zip(calls)
        .map(|(turns, calls)| turns * calls)
        .sum()
}

/// Takes turns for so long, each when its time has come. Who is late goes on at once, so that there are always as many.
fn turns(length: Duration, mut turn: impl FnMut(u32)) -> u64 {
    let begun = Instant::now();
    let count = u32::try_from(length.as_millis() / TURN.as_millis()).unwrap();
    for nth in 0..count {
        let early = (begun + TURN * nth).saturating_duration_since(Instant::now());
        if !early.is_zero() {
            thread::park_timeout(early);
        }
        turn(nth);
    }
    count.into()
}

/// Each address of the host has ports of its own to come from.
fn connect(host: u8, port: u16) -> TcpStream {
    let stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, host], port))).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Look-ups of all kinds, all of a turn written at once.
fn look_up(stream: &mut TcpStream, turn: u32) {
    let asked: Vec<_> = (0..KEPT).map(|nth| question(turn * KEPT + nth)).collect();
    let mut records = Vec::new();
    for (procedure, args, _) in &asked {
        let call = call(*procedure, args);
        records.extend((0x8000_0000 | call.len() as u32).to_be_bytes());
        records.extend(call);
    }
    stream.write_all(&records).unwrap();
    for (procedure, _, expected) in asked {
        let mut mark = [0; 4];
        stream.read_exact(&mut mark).unwrap();
        let len = u32::from_be_bytes(mark) & 0x7fff_ffff;
        let mut reply = vec![0; len as usize];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(reply[..24], words(&[7, 1, 0, 0, 0, 0]), "{procedure}");
        if let Some(expected) = expected {
            assert_eq!(reply[24..], expected, "{procedure}");
        }
    }
}

/// What is asked, and what is answered where that is always the same.
fn question(nth: u32) -> (u32, Vec<u8>, Option<Vec<u8>>) {
    const GETADDR: u32 = 3;
    const DUMP: u32 = 4;
    const GETTIME: u32 = 6;
    const GETADDRLIST: u32 = 11;
    const GETSTAT: u32 = 12;
    let registered = REGISTERED + nth % super::REGISTERED;
    match nth % 20 {
        0 => (0, Vec::new(), Some(Vec::new())),
        1 => (GETTIME, Vec::new(), None),
        2 => (GETADDRLIST, rpcb(registered, "", ""), None),
        3 => (GETSTAT, Vec::new(), None),
        // The whole list is long: ten times a second.
        4 if nth % 200 == 4 => (DUMP, Vec::new(), None),
        // Over TCP, where it is not registered; programs that nobody has heard of, ever new ones.
        4..12 => (GETADDR, rpcb(registered, "", ""), Some(NO_ADDRESS.to_vec())),
        _ => (
            GETADDR,
            rpcb(MISSING + nth, "", ""),
            Some(NO_ADDRESS.to_vec()),
        ),
    }
}

fn by_datagrams(socket: &UdpSocket, turn: u32) {
    let again = Duration::from_millis(500);
    socket.set_read_timeout(Some(again)).unwrap();
    for nth in 0..DATAGRAMS {
        let registered = REGISTERED + (turn * DATAGRAMS + nth) % super::REGISTERED;
        let message = call(3, &rpcb(registered, "", ""));
        let mut reply = [0; 100];
        let mut tries = 0..PATIENCE.as_millis() / again.as_millis();
        // Where too many arrive at once the kernel drops some.
        let len = tries.find_map(|_| {
            socket.send(&message).unwrap();
            socket.recv(&mut reply).ok()
        });
        let len = len.unwrap();
        assert_eq!(reply[24..len], ADDRESS, "{registered}");
    }
}

/// Services that come and go.
fn change(stream: &mut UnixStream, turn: u32) {
    let first = PASSING + turn * CHANGES / 2;
    for (procedure, netid, uaddr) in [(1, "udp", "0.0.0.0.8.1"), (2, "", "")] {
        for program in first..first + CHANGES / 2 {
            let done = ask(stream, procedure, &rpcb(program, netid, uaddr));
            assert_eq!(done, words(&[1]), "{procedure}");
        }
    }
}

fn anew(port: u16, turn: u32) {
    for nth in 0..NEW {
        let host = ((turn * NEW + nth) % 250 + 1) as u8;
        assert!(ask(&mut connect(host, port), 0, &[]).is_empty());
    }
}
