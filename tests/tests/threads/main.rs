//! Threads that share one blocking channel, against a peer that answers when and how the test says.

mod busy_poll;
mod connecting;
mod haste;
mod messages;
mod replies;
mod terms;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use oncrpc::{CallError, CallOptions, ProcedureId};
use oncrpc_client::Endpoint;
use oncrpc_client::blocking::Channel;

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const THREADS: u32 = 16;

/// What every call is of.
const ID: ProcedureId = ProcedureId {
    program: 0x2000_0001,
    version: 1,
    procedure: 1,
};

/// What went well.
#[track_caller]
fn ok<T, E: std::fmt::Display>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Calls with `word` and then as many zero bytes as `padding` says; gives back the reply's word.
fn call_with(
    channel: &Channel,
    word: u32,
    padding: usize,
    options: &CallOptions,
) -> Result<u32, CallError> {
    let encode = |w: &mut oncrpc_xdr::Writer| {
        w.u32(word);
        w.raw(&vec![0; padding]);
        Ok(())
    };
    let reply = channel.exchange(ID, encode, options)?;
    Ok(ok(reply[..].try_into().map(u32::from_be_bytes)))
}

/// Calls with `word`; gives back the reply's word.
fn call(channel: &Channel, word: u32) -> Result<u32, CallError> {
    call_with(channel, word, 0, &CallOptions::default())
}

/// Calls with `word`, in so many milliseconds.
fn call_within(channel: &Channel, word: u32, millis: u64) -> Result<u32, CallError> {
    let options = CallOptions::default().timeout(Duration::from_millis(millis));
    call_with(channel, word, 0, &options)
}

/// A call that came: its xid and its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Came {
    xid: u32,
    word: u32,
}

/// Bytes of a call's header with AUTH_NONE.
const HEADER: usize = 40;

impl Came {
    fn of(message: &[u8]) -> Self {
        let word = |at: usize| ok(message[at..at + 4].try_into().map(u32::from_be_bytes));
        Self {
            xid: word(0),
            word: word(HEADER),
        }
    }

    /// The reply, whose word is the call's and one.
    fn reply(self) -> Vec<u8> {
        let words = [self.xid, 1, 0, 0, 0, 0, self.word + 1];
        words.map(u32::to_be_bytes).concat()
    }
}

/// The next call on a stream.
fn next(stream: &mut impl Read) -> io::Result<Came> {
    let mut mark = [0; 4];
    stream.read_exact(&mut mark)?;
    let mut message = vec![0; (u32::from_be_bytes(mark) & !(1 << 31)) as usize];
    stream.read_exact(&mut message)?;
    Ok(Came::of(&message))
}

fn answer(stream: &mut impl Write, call: Came) {
    ok(try_answer(stream, call));
}

/// Answers a caller who may be gone.
fn try_answer(stream: &mut impl Write, call: Came) -> io::Result<()> {
    let reply = call.reply();
    let mark = (1 << 31) | reply.len() as u32;
    stream.write_all(&[&mark.to_be_bytes(), &reply[..]].concat())
}

/// A channel over TCP, and the listener at its other end.
fn listen() -> (Channel, TcpListener) {
    let listener = ok(TcpListener::bind(LOOPBACK));
    let channel = Channel::to(Endpoint::Tcp(ok(listener.local_addr())));
    (channel, listener)
}

/// A peer that takes one connection: it says which calls come, and answers those that it is told to.
fn peer(listener: TcpListener) -> (Receiver<Came>, Sender<Came>) {
    let (came, coming) = mpsc::channel();
    let (answers, to_answer) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = ok(listener.accept());
        let mut output = ok(stream.try_clone());
        thread::spawn(move || {
            for call in to_answer {
                answer(&mut output, call);
            }
            // Nobody says any more what to answer.
            let _ = output.shutdown(std::net::Shutdown::Both);
        });
        while let Ok(call) = next(&mut stream) {
            if came.send(call).is_err() {
                return;
            }
        }
    });
    (coming, answers)
}
