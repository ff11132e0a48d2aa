//! The run: every message by every way, and after each of them a look at whether the server is well.

use std::collections::VecDeque;
use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use super::cases::{Case, Sent};
use super::judge::{End, Framing, Heard, judge, outcome, records};
use super::marks::record;
use super::server::{Server, Stream, Transport, is_end, read_record};

/// Hostile streams that are kept open behind the one at hand.
const KEPT: usize = 64;

/// How long the end of a stream is waited for that has to be ended at once. It is less than a server of ours grants to
/// whatever may still become a record (5 s for a header), so that the end is not taken for one when that time is up.
const AT_ONCE: Duration = Duration::from_secs(4);

/// The xid of the call that goes before a hostile message, and of the one that goes behind it.
const BEFORE: u32 = 0x600d_0001;
const BEHIND: u32 = 0x1a57_0001;

/// What is sent by one way at a time, with what is kept open of it.
pub struct Run<'a> {
    server: &'a Server,
    transport: Transport,
    /// Through which it is asked whether it is alive.
    probe: UdpSocket,
    hostile: UdpSocket,
    streams: VecDeque<Box<dyn Stream>>,
    number: u32,
}

/// What became of a message.
pub struct Seen {
    /// What was heard.
    pub heard: Heard,
    /// What was wrong with that, or with the server afterwards.
    pub wrong: Option<String>,
    /// Whether the server answered null calls afterwards.
    pub alive: bool,
}

impl<'a> Run<'a> {
    /// A run by this way.
    pub fn new(server: &'a Server, transport: Transport) -> io::Result<Self> {
        let datagram = match transport {
            Transport::Udp6 | Transport::Tcp6 => Transport::Udp6,
            _ => Transport::Udp,
        };
        Ok(Self {
            server,
            transport,
            probe: server.datagrams(datagram)?,
            hostile: server.datagrams(datagram)?,
            streams: VecDeque::new(),
            number: 0,
        })
    }

    /// Sends a hostile message and looks what comes of it; `None` if it cannot go this way.
    pub fn send(&mut self, case: &Case) -> Option<Seen> {
        const LONGEST_DATAGRAM: usize = 65_507;
        let good = [&BEFORE.to_be_bytes(), &case.good[4..]].concat();
        let datagram = self.transport.is_datagram();
        let (messages, framing, bytes) = match &case.sent {
            Sent::Message(message) if datagram => match message.len() {
                0..=LONGEST_DATAGRAM => (vec![message.clone()], Framing::Whole, vec![]),
                _ => return None,
            },
            Sent::Stream(_) if datagram => return None,
            Sent::Message(message) => framed(self.server, record(message)),
            Sent::Stream(stream) => framed(self.server, stream.clone()),
        };
        let messages = [vec![good], messages].concat();
        self.number += 1;
        let heard = match datagram {
            true => self.ask_by_datagrams(&messages),
            false => self.ask_by_stream(&messages, framing, &bytes),
        };
        Some(self.seen(heard, &messages, framing))
    }

    /// Judges what was heard, and looks whether the server is alive.
    fn seen(&mut self, heard: io::Result<Heard>, messages: &[Vec<u8>], framing: Framing) -> Seen {
        let program = self.server.program;
        let datagram = self.transport.is_datagram();
        let alive = self
            .server
            .is_alive(&self.probe, self.transport, self.number);
        let mut heard = heard.unwrap_or_else(|error| Heard {
            replies: vec![error.to_string().into()],
            end: End::Hung,
        });
        if heard.end == End::Quiet
            && let Some(stream) = self.streams.back_mut()
        {
            // By now the server has had its turn: whatever it had to say to half a message is here.
            heard.end = late(&mut **stream).unwrap_or(End::Hung);
        }
        let judged = judge(program, messages, framing, datagram, &heard);
        let wrong = judged
            .err()
            .or(alive.as_ref().err().map(ToString::to_string));
        Seen {
            heard,
            wrong,
            alive: alive.is_ok(),
        }
    }

    fn ask_by_datagrams(&mut self, messages: &[Vec<u8>]) -> io::Result<Heard> {
        let last = self.server.program.null_call(BEHIND ^ self.number);
        for message in messages.iter().chain([&last]) {
            self.hostile.send(message)?;
        }
        let mut replies = Vec::new();
        let mut buffer = vec![0; 65_536];
        let end = loop {
            match self.hostile.recv(&mut buffer) {
                Ok(len) if is_null_reply(&buffer[..len], BEHIND ^ self.number) => {
                    break End::Answered;
                }
                Ok(len) => replies.push(buffer[..len].to_vec()),
                Err(error) if is_late(&error) => break End::Hung,
                Err(error) => return Err(error),
            }
        };
        Ok(Heard { replies, end })
    }

    fn ask_by_stream(
        &mut self,
        messages: &[Vec<u8>],
        framing: Framing,
        bytes: &[u8],
    ) -> io::Result<Heard> {
        let program = self.server.program;
        let mut stream = self.server.stream(self.transport)?;
        if framing == Framing::Broken {
            stream.wait(Some(self.server.patience.min(AT_ONCE)))?;
        }
        let last = BEHIND ^ self.number;
        let mut sent = [&record(&messages[0]), bytes].concat();
        if framing == Framing::Whole {
            sent.extend(record(&program.null_call(last)));
        }
        match stream.write_all(&sent) {
            Err(error) if is_end(&error) => {}
            written => written?,
        }
        // Behind half a message nothing is heard that would tell when all has been.
        let certain = messages
            .iter()
            .filter(|message| !outcome(program, message, false).allows_silence());
        let expected = if framing == Framing::Within {
            certain.count()
        } else {
            usize::MAX
        };
        let mut replies = Vec::new();
        let end = loop {
            if replies.len() == expected {
                break End::Quiet;
            }
            match read_record(&mut *stream) {
                Ok(Some(reply)) if is_null_reply(&reply, last) => break End::Answered,
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break End::Closed,
                Err(error) if is_late(&error) => break End::Hung,
                Err(error) => return Err(error),
            }
        };
        if self.streams.len() == KEPT {
            self.streams.pop_front();
        }
        self.streams.push_back(stream);
        Ok(Heard { replies, end })
    }
}

/// The records of a stream and how it ends, with the stream.
fn framed(server: &Server, stream: Vec<u8>) -> (Vec<Vec<u8>>, Framing, Vec<u8>) {
    let (records, framing) = records(server.program, &stream);
    (records, framing, stream)
}

/// What has come of a stream on which nothing had to come.
fn late(stream: &mut dyn Stream) -> io::Result<End> {
    stream.wait(None)?;
    Ok(match stream.read(&mut [0; 1]) {
        Ok(0) => End::Closed,
        Err(error) if is_late(&error) => End::Quiet,
        Err(error) if is_end(&error) => End::Closed,
        // An answer to half a message.
        Ok(_) | Err(_) => End::Hung,
    })
}

fn is_null_reply(reply: &[u8], xid: u32) -> bool {
    reply == [xid, 1, 0, 0, 0, 0].map(u32::to_be_bytes).concat()
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
