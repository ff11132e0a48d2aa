//! Messages as records on a byte stream.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use oncrpc::Framing;
use oncrpc::message::Message;
use oncrpc::record::{Record, RecordLimits, RecordReader};
use oncrpc_xdr::Writer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::{Arrived, Link, heap, worker};

/// A byte stream that records travel on: a TCP or Unix socket, a pipe, a TLS session.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// Most slices in one vectored write.
const MAX_SLICES: usize = 64;

/// Bytes of a long record after which nothing more is read before somebody has looked whether there is room for it.
const AT_ONCE: usize = 192 * 1024;

/// Fewest bytes that are asked for in one read: some hundred small calls.
const LEAST_READ: usize = 16 * 1024;

/// A byte stream, cut into records.
///
/// The stream is never split into halves: one task reads and writes it, so a reply is in the output
/// before the next call is looked at, and all replies to one read leave in one write.
#[derive(Debug)]
pub struct StreamLink<S> {
    stream: S,
    records: RecordReader,
    /// Bytes that one read takes at most: where records are short, so is what is kept of a read when replies stand still.
    read: usize,
    /// What was read last.
    input: Bytes,
    /// How much of it is cut into records.
    cut: usize,
    /// The record that was cut last, if it had to be put together.
    gathered: Bytes,
    /// Whether the memory of it is its own, and not the worker's.
    is_aside: bool,
    /// Whether reading has paused in a long record.
    has_paused: bool,
    output: Writer,
    /// Bytes at the front of the output that are written already and not forgotten yet.
    written: usize,
}

impl<S: ByteStream> StreamLink<S> {
    /// A stream at the start of a record.
    pub fn new(stream: S, limits: RecordLimits) -> Self {
        let records = RecordReader::new(limits);
        Self {
            stream,
            records,
            read: (limits.record as usize).clamp(LEAST_READ, worker::READ),
            input: Bytes::new(),
            cut: 0,
            gathered: Bytes::new(),
            is_aside: false,
            has_paused: false,
            output: Writer::new(),
            written: 0,
        }
    }

    /// Bytes of the input that are not cut into records.
    fn uncut(&self) -> usize {
        self.input.len() - self.cut
    }

    /// Forgets what is written of the output, unless for that more than twice as much would have to move.
    ///
    /// A peer may take replies for ever and never the last: no more is kept of what it has taken than of what it has not.
    #[cold]
    fn forget_written(&mut self) {
        if self.written >= self.output.own_len() / 2 {
            self.output.forget_first(self.written);
            self.written = 0;
        }
    }

    /// Reads once; gives back how many bytes there were, none at the end of the stream.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (stream, most) = (&mut self.stream, self.read);
        // What belongs to a long record in any case goes to where the record is.
        if self.records.held().min(self.records.missing()) >= most {
            let records = &mut self.records;
            heap::keep_free_memory();
            return records.read_on(|rest| pin!(stream.read_buf(rest)).poll(cx));
        }
        worker::with_input(most, |buffer| {
            let read = ready!(pin!(stream.read_buf(&mut (&mut *buffer).limit(most))).poll(cx));
            self.input = buffer.split().freeze();
            Poll::Ready(read)
        })
    }
}

impl<S: ByteStream> Link for StreamLink<S> {
    fn framing(&self) -> Framing {
        Framing::Record
    }

    fn output(&mut self) -> &mut Writer {
        worker::lend_memory(&mut self.output);
        &mut self.output
    }

    /// A record says itself where it ends.
    fn end_message(&mut self) {}

    fn unsent(&self) -> usize {
        self.output.len() - self.written
    }

    fn held(&self) -> usize {
        self.unsent() + self.records.held() + self.uncut()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever was lent it is done with it.
        self.gathered = Bytes::new();
        while self.unsent() > 0 {
            let stream = Pin::new(&mut self.stream);
            let written = match self.output.as_slice() {
                Some(whole) => stream.poll_write(cx, &whole[self.written..]),
                None => {
                    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                    let used = unwritten(&self.output, self.written, &mut slices);
                    stream.poll_write_vectored(cx, &slices[..used])
                }
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
            if self.unsent() > 0 {
                self.forget_written();
            }
        }
        self.written = 0;
        if self.output.capacity() > 0 {
            worker::give_writer(std::mem::take(&mut self.output));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Arrived<'_>>>> {
        let mut arrived = 0;
        self.has_paused = false;
        let record = loop {
            let record = self.records.next_in(&self.input, &mut self.cut);
            if let Some(record) = record.map_err(invalid_data)? {
                break record;
            }
            // Nothing but the rest of a record is kept between reads, not the buffer it came in.
            self.input = Bytes::new();
            self.cut = 0;
            self.is_aside = false;
            if arrived >= AT_ONCE {
                self.has_paused = true;
                return Poll::Pending;
            }
            let read = ready!(self.poll_read(cx))?;
            arrived += read;
            if read == 0 {
                return Poll::Ready(match self.records.is_mid_record() {
                    true => Err(io::ErrorKind::UnexpectedEof.into()),
                    false => Ok(None),
                });
            }
        };
        let message = match record {
            Record::Within(places) => Message::within(&self.input, places),
            Record::Gathered(record) => {
                self.gathered = record;
                (&self.gathered).into()
            }
        };
        let output = &mut self.output;
        Poll::Ready(Ok(Some(Arrived { message, output })))
    }

    fn has_more(&self) -> bool {
        self.has_paused
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut open = ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_ok();
        while open {
            let stream = &mut self.stream;
            let read = worker::with_input(worker::READ, |buffer| {
                let read = pin!(stream.read_buf(buffer)).poll(cx);
                buffer.clear();
                read
            });
            open = matches!(ready!(read), Ok(1..));
        }
        Poll::Ready(())
    }

    fn set_aside(&mut self) {
        if !self.is_aside {
            self.input = Bytes::copy_from_slice(&self.input[self.cut..]);
            self.cut = 0;
            self.is_aside = true;
        }
    }

    fn mid_message(&self) -> Option<usize> {
        let held = self.records.held();
        self.records.is_mid_record().then_some(held)
    }
}

fn invalid_data(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Fills `slices` with what comes behind the first `written` bytes of `output`; gives back how many it
/// filled.
fn unwritten<'a>(output: &'a Writer, written: usize, slices: &mut [IoSlice<'a>]) -> usize {
    let mut skip = written;
    let mut used = 0;
    for chunk in output.chunks() {
        if used == slices.len() {
            break;
        }
        let skipped = skip.min(chunk.len());
        skip -= skipped;
        if skipped < chunk.len() {
            slices[used] = IoSlice::new(&chunk[skipped..]);
            used += 1;
        }
    }
    used
}
