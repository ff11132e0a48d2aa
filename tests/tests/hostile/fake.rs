//! A server that tells the truth as the suite has it, but for what a test has it lie about.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::suite::judge::{Framing, outcome, records};
use crate::suite::law::{Outcome, Refusal};
use crate::suite::marks::record;
use crate::suite::program::{GARBAGE_ARGS, Program};
use crate::suite::server::Server;
use crate::suite::shape::XID;

/// What is said instead of the truth. No reply closes a stream.
pub(crate) type Lie = fn(truth: &[u8]) -> Vec<Vec<u8>>;

/// The server; its threads end with it.
pub(crate) struct Fake {
    program: &'static Program,
    lie: Lie,
    /// Hostile messages that were not answered by the truth.
    lies: AtomicUsize,
    is_over: AtomicBool,
}

/// The server, and where it is.
pub(crate) struct Faked {
    fake: Arc<Fake>,
    at: SocketAddr,
}

impl Faked {
    pub(crate) fn start(program: &'static Program, lie: Lie) -> Self {
        let fake = Arc::new(Fake {
            program,
            lie,
            lies: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let at = listener.local_addr().unwrap();
        let socket = UdpSocket::bind(at).unwrap();
        let [by_stream, by_datagram] = [fake.clone(), fake.clone()];
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if by_stream.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let fake = by_stream.clone();
                thread::spawn(move || fake.serve(stream));
            }
        });
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok((len, from)) = socket.recv_from(&mut buffer) {
                if by_datagram.is_over.load(Ordering::Relaxed) {
                    return;
                }
                for reply in by_datagram
                    .replies(&buffer[..len], true)
                    .unwrap_or_default()
                {
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Self { fake, at }
    }

    pub(crate) fn server(&self, patience: Duration) -> Server {
        Server {
            program: self.fake.program,
            v4: self.at,
            v6: None,
            unix: None,
            patience,
        }
    }

    /// Hostile messages that it has lied about.
    pub(crate) fn lies(&self) -> usize {
        self.fake.lies.load(Ordering::Relaxed)
    }
}

impl Drop for Faked {
    fn drop(&mut self) {
        self.fake.is_over.store(true, Ordering::Relaxed);
        // Whatever comes wakes the threads that wait.
        let _ = TcpStream::connect(self.at);
        let _ = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|socket| socket.send_to(&[], self.at));
    }
}

impl Fake {
    fn serve(&self, mut stream: TcpStream) {
        let mut read = Vec::new();
        let mut answered = 0;
        let mut buffer = vec![0; 65_536];
        while let Ok(len @ 1..) = stream.read(&mut buffer) {
            read.extend_from_slice(&buffer[..len]);
            let (records, framing) = records(self.program, &read);
            for message in &records[answered..] {
                let Some(replies) = self.replies(message, false) else {
                    return;
                };
                for reply in replies {
                    let _ = stream.write_all(&record(&reply));
                }
            }
            answered = records.len();
            if framing == Framing::Broken {
                return;
            }
        }
    }

    /// What is replied to a message; `None` if the stream is closed instead.
    fn replies(&self, message: &[u8], datagram: bool) -> Option<Vec<Vec<u8>>> {
        let Some(truth) = truth(self.program, message, datagram) else {
            return Some(Vec::new());
        };
        if !message.starts_with(&XID.to_be_bytes()) {
            return Some(vec![truth]);
        }
        let replies = (self.lie)(&truth);
        if replies != [truth] {
            self.lies.fetch_add(1, Ordering::Relaxed);
        }
        (datagram || !replies.is_empty()).then_some(replies)
    }
}

/// The one right answer to a message, if it has one.
fn truth(program: &Program, message: &[u8], datagram: bool) -> Option<Vec<u8>> {
    let accepted = |status| vec![1, 0, 0, 0, status];
    let (header, results) = match outcome(program, message, datagram) {
        Outcome::NoCall => return None,
        Outcome::Refused(Refusal::RpcMismatch(low, high)) => (vec![1, 1, 0, low, high], vec![]),
        Outcome::Refused(Refusal::Auth(reason)) => (vec![1, 1, 1, reason], vec![]),
        Outcome::Refused(Refusal::ProgMismatch(low, high)) => {
            ([accepted(2), vec![low, high]].concat(), vec![])
        }
        Outcome::Refused(Refusal::Accepted(status)) => (accepted(status), vec![]),
        Outcome::Reached(_, None) => (accepted(GARBAGE_ARGS), vec![]),
        Outcome::Reached(_, Some(args)) => (accepted(0), args),
    };
    let header = header.into_iter().flat_map(u32::to_be_bytes);
    Some(
        message[..4]
            .iter()
            .copied()
            .chain(header)
            .chain(results)
            .collect(),
    )
}
