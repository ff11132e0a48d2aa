//! Whether what was heard of a message is what may be heard of it.

use super::law::{self, Outcome};
use super::marks::LAST;
use super::program::Program;
use super::types::{take, word};

/// What was heard of messages that were sent one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The replies, in the order in which they came.
    pub replies: Vec<Vec<u8>>,
    /// What came then.
    pub end: End,
}

/// What comes when a hostile message has been dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The call behind it was answered, and as it has to be.
    Answered,
    /// The stream was closed.
    Closed,
    /// Nothing: the message has not ended.
    Quiet,
    /// Nothing, though something had to come.
    Hung,
}

/// How a stream ends, by what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Behind a record.
    Whole,
    /// Within a record.
    Within,
    /// With what is no record within limits: nothing behind it can be read.
    Broken,
}

/// The records of a stream, as a server with these limits has to read them.
pub fn records(program: &Program, mut stream: &[u8]) -> (Vec<Vec<u8>>, Framing) {
    let mut records = Vec::new();
    while !stream.is_empty() {
        let mut record = Vec::new();
        let mut fragments = 0;
        loop {
            let Some(mark) = word(&mut stream) else {
                return (records, Framing::Within);
            };
            let len = (mark & !LAST) as usize;
            fragments += 1;
            if record.len() + len > program.record || fragments > program.fragments {
                return (records, Framing::Broken);
            }
            let Some(fragment) = take(&mut stream, len) else {
                return (records, Framing::Within);
            };
            record.extend(fragment);
            if mark & LAST != 0 {
                break;
            }
        }
        if record.is_empty() {
            return (records, Framing::Broken);
        }
        records.push(record);
    }
    (records, Framing::Whole)
}

/// Whether that may be heard of these messages; what may not, in words.
pub fn judge(
    program: &Program,
    messages: &[Vec<u8>],
    framing: Framing,
    datagram: bool,
    heard: &Heard,
) -> Result<(), String> {
    let mut replies = heard.replies.iter().peekable();
    let mut may_close = framing == Framing::Broken;
    for message in messages {
        let outcome = outcome(program, message, datagram);
        may_close |= outcome.allows_close() && !datagram;
        let xid = message.first_chunk().map(|xid| u32::from_be_bytes(*xid));
        let reply =
            replies.next_if(|reply| reply.first_chunk().map(|xid| u32::from_be_bytes(*xid)) == xid);
        match (xid, reply) {
            (Some(xid), Some(reply)) => {
                let Some(read) = law::reply(reply, xid) else {
                    return Err(format!("no reply of RPC: {reply:x?}"));
                };
                if !outcome.allows(read, datagram) {
                    return Err(format!("{read:x?} is not the answer to {message:x?}"));
                }
            }
            _ if outcome.allows_silence() => {}
            _ if heard.end == End::Closed && may_close => {}
            _ => return Err(format!("no answer to {message:x?}")),
        }
    }
    if let Some(reply) = replies.next() {
        return Err(format!("nobody asked for {reply:x?}"));
    }
    let may_end = match heard.end {
        End::Answered => framing == Framing::Whole,
        End::Quiet => framing == Framing::Within,
        End::Closed => may_close,
        End::Hung => false,
    };
    may_end
        .then_some(())
        .ok_or_else(|| format!("{:?} is not the end", heard.end))
}

/// What a message comes to, once it has come whole.
pub fn outcome<'a>(program: &'a Program, message: &[u8], datagram: bool) -> Outcome<'a> {
    if datagram && message.len() > program.datagram {
        Outcome::NoCall
    } else {
        law::outcome(program, message)
    }
}
