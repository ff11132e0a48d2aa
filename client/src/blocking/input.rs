//! From what arrives at a socket to messages.

use std::io;

use bytes::{Bytes, BytesMut};
use oncrpc::message::{self, CALL, REPLY};
use oncrpc::record::{RecordLimits, RecordReader};

use super::socket::{Ready, Socket};

/// What has been read of the message at hand.
#[derive(Debug)]
pub(super) struct Input {
    /// Cuts a stream into records; datagrams are messages as they are.
    records: Option<RecordReader>,
    buffer: BytesMut,
}

/// What came of one look at a socket.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub(super) messages: Vec<Bytes>,
    /// The beginnings of datagrams for which nobody listened.
    pub(super) refused: Vec<Vec<u8>>,
    /// Why nothing more will come.
    pub(super) end: Option<io::Error>,
    /// Whether there may be more.
    pub(super) more: bool,
}

impl Input {
    pub(super) fn new(is_stream: bool, limits: RecordLimits) -> Self {
        Self {
            records: is_stream.then(|| RecordReader::new(limits)),
            buffer: BytesMut::new(),
        }
    }

    /// Reads once, if there is anything.
    pub(super) fn read(&mut self, socket: &Socket, ready: Ready) -> Arrived {
        let mut arrived = Arrived::default();
        if ready.error && !socket.is_stream() {
            arrived
                .refused
                .extend(std::iter::from_fn(|| socket.refused()));
        }
        if !ready.input {
            return arrived;
        }
        self.buffer.resize(BUFFER, 0);
        match socket.read(&mut self.buffer) {
            Ok(read) => {
                arrived.more = true;
                let bytes = self.buffer.split_to(read).freeze();
                arrived.end = self.cut(bytes, &mut arrived.messages).err();
            }
            Err(error) if is_passing(&error, socket.is_stream()) => {}
            Err(error) => arrived.end = Some(error),
        }
        arrived
    }

    /// Cuts what was read into messages.
    fn cut(&mut self, mut bytes: Bytes, messages: &mut Vec<Bytes>) -> io::Result<()> {
        let Some(records) = &mut self.records else {
            messages.push(bytes);
            return Ok(());
        };
        if bytes.is_empty() {
            let ended = "the peer closed it";
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, ended));
        }
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        while let Some(record) = records.next_record(&mut bytes).map_err(invalid)? {
            if !matches!(message::message_type(&record), Some(CALL | REPLY)) {
                let neither = "the peer sent what is neither a call nor a reply";
                return Err(io::Error::new(io::ErrorKind::InvalidData, neither));
            }
            messages.push(record);
        }
        Ok(())
    }
}

/// Whether an error of reading leaves the connection as it is: there was nothing after all, or it is about one
/// datagram, which counts as lost on the way.
fn is_passing(error: &io::Error, is_stream: bool) -> bool {
    let nothing = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
    !is_stream || nothing.contains(&error.kind())
}

/// Bytes that are read at once: the largest datagram there is.
const BUFFER: usize = 65_536;
