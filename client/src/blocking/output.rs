//! Messages on their way out.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes};

use super::socket::Socket;

/// Messages on their way out, the oldest first; each goes out whole, whoever began it and whatever became of that
/// thread meanwhile.
#[derive(Debug, Default)]
pub(super) struct Output {
    queue: VecDeque<Message>,
    /// The socket takes no more, ever.
    broken: bool,
}

#[derive(Debug)]
struct Message {
    xid: u32,
    /// What is left to write.
    rest: Bytes,
    begun: bool,
}

/// How far a message of a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing of it was written.
    Waiting,
    /// A part of it was written.
    Begun,
    /// All of it was written.
    Written,
}

impl Output {
    pub(super) fn push(&mut self, xid: u32, message: Bytes) {
        self.queue.push_back(Message {
            xid,
            rest: message,
            begun: false,
        });
    }

    /// Whether there is something to write, and somewhere to write it to.
    pub(super) fn is_pending(&self) -> bool {
        !self.queue.is_empty() && !self.broken
    }

    /// How far call `xid` is.
    pub(super) fn progress(&self, xid: u32) -> Progress {
        match self.queue.iter().find(|message| message.xid == xid) {
            None => Progress::Written,
            Some(message) if message.begun => Progress::Begun,
            Some(_) => Progress::Waiting,
        }
    }

    /// The calls of which not everything was written.
    pub(super) fn unwritten(&self) -> Vec<u32> {
        self.queue.iter().map(|message| message.xid).collect()
    }

    /// Forgets call `xid`, if nothing of it was written.
    pub(super) fn withdraw(&mut self, xid: u32) {
        self.queue
            .retain(|message| message.begun || message.xid != xid);
    }

    /// Writes as much as the kernel takes; gives back the calls that are written now. After an error nothing
    /// more is.
    pub(super) fn write(&mut self, socket: &Socket) -> (Vec<u32>, io::Result<()>) {
        let mut written = Vec::new();
        while self.is_pending()
            && let Some(message) = self.queue.front_mut()
        {
            let wrote = if socket.is_stream() {
                socket.write(&message.rest)
            } else {
                write_datagram(socket, &message.rest)
            };
            match wrote {
                Ok(len) => {
                    message.begun = true;
                    message.rest.advance(len);
                    if message.rest.is_empty() {
                        written.push(message.xid);
                        self.queue.pop_front();
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.broken = true;
                    return (written, Err(error));
                }
            }
        }
        (written, Ok(()))
    }
}

/// Writes a datagram. What the kernel says when it does not take it may be about others before it, for which ICMP
/// messages came back, so it is asked again; in the end the datagram counts as lost, as on the way.
fn write_datagram(socket: &Socket, message: &[u8]) -> io::Result<usize> {
    for _ in 0..TRIES {
        match socket.write(message) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                log::debug!("datagram not sent: {error}");
            }
            result => return result,
        }
    }
    Ok(message.len())
}

/// Times that the kernel is asked to send a datagram: each of its errors is reported once.
const TRIES: usize = 16;
