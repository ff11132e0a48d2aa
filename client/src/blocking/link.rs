//! A socket that a thread waits at.

use std::error::Error;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use oncrpc::message::{CALL, REPLY, message_type};
use oncrpc::record::{RecordLimits, RecordReader};
use oncrpc_xdr::Writer;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::Endpoint;

/// A connected socket, and what has been read of the message at hand.
#[derive(Debug)]
pub(super) struct Link {
    socket: Socket,
    /// Cuts a stream into records; datagrams are messages as they are.
    records: Option<RecordReader>,
    /// What has arrived of a stream and has not been looked at.
    input: Bytes,
    buffer: BytesMut,
}

impl Link {
    /// Connects within `timeout`.
    pub(super) fn connect(
        endpoint: &Endpoint,
        timeout: Duration,
        limits: RecordLimits,
    ) -> io::Result<Self> {
        let (address, kind) = match endpoint {
            Endpoint::Tcp(address) => (SockAddr::from(*address), Type::STREAM),
            Endpoint::Udp(address) => (SockAddr::from(*address), Type::DGRAM),
            Endpoint::Unix(path) => (SockAddr::unix(path)?, Type::STREAM),
            Endpoint::Abstract(name) => {
                use std::os::unix::ffi::OsStrExt;
                let name = [b"\0", &name[..]].concat();
                let name = std::ffi::OsStr::from_bytes(&name);
                (SockAddr::unix(name)?, Type::STREAM)
            }
            Endpoint::Command { .. } => {
                let message = "a thread cannot call a command";
                return Err(io::Error::new(io::ErrorKind::Unsupported, message));
            }
        };
        let socket = Socket::new(address.domain(), kind, None)?;
        socket.connect_timeout(&address, at_least(timeout))?;
        if kind == Type::STREAM && address.domain() != Domain::UNIX {
            socket.set_tcp_nodelay(true)?;
        }
        let records = (kind == Type::STREAM).then(|| RecordReader::new(limits));
        Ok(Self {
            socket,
            records,
            input: Bytes::new(),
            buffer: BytesMut::new(),
        })
    }

    /// Whether messages are records of a stream.
    pub(super) fn is_stream(&self) -> bool {
        self.records.is_some()
    }

    /// Whether the peer has ended the stream while nobody was looking.
    pub(super) fn has_ended(&self) -> bool {
        if !self.is_stream() || !self.input.is_empty() {
            return false;
        }
        let mut byte = [MaybeUninit::uninit()];
        let peeked = self
            .socket
            .set_nonblocking(true)
            .and_then(|()| self.socket.peek(&mut byte));
        let restored = self.socket.set_nonblocking(false);
        match peeked {
            Ok(len) => len == 0 || restored.is_err(),
            Err(error) => error.kind() != io::ErrorKind::WouldBlock || restored.is_err(),
        }
    }

    /// Sends a message, which for a stream is a whole record, mark included.
    pub(super) fn send(&mut self, message: Writer, deadline: Instant) -> io::Result<()> {
        let message = message.into_bytes();
        let left = deadline.saturating_duration_since(Instant::now());
        self.socket.set_write_timeout(Some(at_least(left)))?;
        if self.is_stream() {
            return self.socket.write_all(&message);
        }
        self.socket.send(&message).map(|_| ())
    }

    /// The next message, if one comes before `until`.
    pub(super) fn receive(&mut self, until: Instant) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(records) = &mut self.records {
                let next = records.next_record(&mut self.input);
                if let Some(record) = next.map_err(invalid_data)? {
                    return match message_type(&record) {
                        Some(CALL | REPLY) => Ok(Some(record)),
                        _ => Err(invalid_data(
                            "the peer sent what is neither a call nor a reply",
                        )),
                    };
                }
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(at_least(left)))?;
            self.buffer.resize(BUFFER, 0);
            let read = match self.socket.read(&mut self.buffer) {
                Ok(read) => read,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Ok(None),
                    _ => return Err(error),
                },
            };
            let bytes = self.buffer.split_to(read).freeze();
            if !self.is_stream() {
                return Ok(Some(bytes));
            }
            if bytes.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.input = bytes;
        }
    }
}

fn invalid_data(error: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// A timeout that the system takes: none at all would be none for ever.
fn at_least(timeout: Duration) -> Duration {
    timeout.max(Duration::from_millis(1))
}

/// Bytes that are read at once: the largest datagram there is.
const BUFFER: usize = 65_536;
