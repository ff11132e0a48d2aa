//! Messages as records on a byte stream.

use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use oncrpc::Framing;
use oncrpc::record::{RecordLimits, RecordReader};
use oncrpc_xdr::Writer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::{Link, worker};

/// A byte stream that records travel on: a TCP or Unix socket, a pipe, a TLS session.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ByteStream for S {}

/// Most slices in one vectored write.
const MAX_SLICES: usize = 64;

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
    /// What was read and not yet cut into records.
    input: Bytes,
    /// Whether the memory of it is its own, and not the worker's.
    is_aside: bool,
    output: Writer,
    /// Bytes of the output that are written already.
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
            is_aside: false,
            output: Writer::new(),
            written: 0,
        }
    }
}

impl<S: ByteStream> Link for StreamLink<S> {
    fn framing(&self) -> Framing {
        Framing::Record
    }

    fn output(&mut self) -> &mut Writer {
        if self.output.is_empty() && self.output.capacity() == 0 {
            self.output = worker::take_writer();
        }
        &mut self.output
    }

    /// A record says itself where it ends.
    fn end_message(&mut self) {}

    fn unsent(&self) -> usize {
        self.output.len() - self.written
    }

    fn held(&self) -> usize {
        self.unsent() + self.records.held() + self.input.len()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.unsent() > 0 {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let used = unwritten(&self.output, self.written, &mut slices);
            let stream = Pin::new(&mut self.stream);
            match ready!(stream.poll_write_vectored(cx, &slices[..used]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        if self.written > 0 {
            self.written = 0;
            worker::give_writer(std::mem::take(&mut self.output));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            if !self.input.is_empty() {
                let record = self
                    .records
                    .next_record(&mut self.input)
                    .map_err(invalid_data)?;
                if record.is_some() {
                    return Poll::Ready(Ok(record));
                }
            }
            // Nothing but the rest of a record is kept between reads, not the buffer it came in.
            self.input = Bytes::new();
            self.is_aside = false;
            let (stream, most) = (&mut self.stream, self.read);
            self.input = ready!(worker::with_input(most, |buffer| {
                pin!(stream.read_buf(&mut (&mut *buffer).limit(most)))
                    .poll(cx)
                    .map_ok(|_| buffer.split().freeze())
            }))?;
            if self.input.is_empty() {
                return Poll::Ready(match self.records.is_mid_record() {
                    true => Err(io::ErrorKind::UnexpectedEof.into()),
                    false => Ok(None),
                });
            }
        }
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
            self.input = Bytes::copy_from_slice(&self.input);
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
