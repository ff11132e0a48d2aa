//! Messages as records on a byte stream.

use std::io::{self, IoSlice};
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{BufMut, Bytes};
use oncrpc::Framing;
use oncrpc::message::Message;
use oncrpc::record::{Record, RecordLimits, RecordReader};
use oncrpc_xdr::Writer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use crate::worker::{self, Buffers};
use crate::{Arrived, Link, heap};

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
    /// The worker's, while there is something in them.
    buffers: Option<Box<Buffers>>,
    /// How much of the input is cut into records.
    cut: usize,
    /// Bytes at the front of the output that are written already and not forgotten yet.
    written: usize,
    /// The record that was cut last, if it had to be put together.
    gathered: Bytes,
    /// Bytes that have arrived since a record was asked for.
    arrived: usize,
    /// Whether the last read left room: there is nothing more, unless it has come since.
    is_drained: bool,
    /// Whether the memory of the input is its own, and no more than it needs.
    is_aside: bool,
}

impl<S: ByteStream> StreamLink<S> {
    /// A stream at the start of a record.
    pub fn new(stream: S, limits: RecordLimits) -> Self {
        let records = RecordReader::new(limits);
        Self {
            stream,
            records,
            read: (limits.record as usize).clamp(LEAST_READ, worker::READ),
            buffers: None,
            cut: 0,
            written: 0,
            gathered: Bytes::new(),
            arrived: 0,
            is_drained: false,
            is_aside: false,
        }
    }

    /// Bytes of the input that are not cut into records.
    fn uncut(&self) -> usize {
        let buffers = self.buffers.as_ref();
        buffers.map_or(0, |buffers| buffers.input.len() - self.cut)
    }

    /// Forgets what is written of the output, unless for that more than twice as much would have to move.
    ///
    /// A peer may take replies for ever and never the last: no more is kept of what it has taken than of what it has not.
    #[cold]
    fn forget_written(&mut self) {
        if let Some(Buffers { output, .. }) = self.buffers.as_deref_mut()
            && self.written >= output.own_len() / 2
        {
            output.forget_first(self.written);
            self.written = 0;
        }
    }

    /// Gives the memory of the input back, and keeps what is not cut into records in its own: the rest may be long in coming.
    #[cold]
    fn keep_rest(&mut self) {
        if self.is_aside && self.uncut() > 0 {
            return;
        }
        if let Some(Buffers { input, .. }) = self.buffers.as_deref_mut() {
            let rest = Bytes::copy_from_slice(&input[self.cut..]);
            let whole = mem::replace(input, rest);
            if !self.is_aside {
                worker::give_back_input(whole);
            }
            self.cut = 0;
            self.is_aside = true;
        }
    }

    /// Reads once; gives back how many bytes there were, none at the end of the stream.
    ///
    /// Not inlined, so that what is done for each record is small.
    #[inline(never)]
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (stream, most) = (&mut self.stream, self.read);
        if mem::take(&mut self.is_drained) {
            // Nothing is made ready for what is most likely not there.
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut ReadBuf::new(&mut [])))?;
        }
        // What belongs to a long record in any case goes to where the record is.
        if self.records.held().min(self.records.missing()) >= most {
            let records = &mut self.records;
            heap::keep_free_memory();
            return records.read_on(|rest| pin!(stream.read_buf(rest)).poll(cx));
        }
        let buffers = self.buffers.get_or_insert_with(worker::lend);
        let read = buffers.read(most, |input| {
            pin!(stream.read_buf(&mut input.limit(most))).poll(cx)
        });
        self.cut = 0;
        self.is_aside = false;
        self.is_drained = matches!(read, Poll::Ready(Ok(read)) if read < most);
        read
    }
}

impl<S: ByteStream> Link for StreamLink<S> {
    fn framing(&self) -> Framing {
        Framing::Record
    }

    fn output(&mut self) -> &mut Writer {
        &mut self.buffers.get_or_insert_with(worker::lend).output
    }

    /// A record says itself where it ends.
    fn end_message(&mut self) {}

    fn unsent(&self) -> usize {
        let buffers = self.buffers.as_ref();
        buffers.map_or(0, |buffers| buffers.output.len() - self.written)
    }

    fn held(&self) -> usize {
        self.unsent() + self.records.held() + self.uncut()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever was lent it is done with it.
        if !self.gathered.is_empty() {
            self.gathered = Bytes::new();
        }
        while let Some(Buffers { output, .. }) = self.buffers.as_deref()
            && output.len() > self.written
        {
            let stream = Pin::new(&mut self.stream);
            let written = match output.as_slice() {
                Some(whole) => stream.poll_write(cx, &whole[self.written..]),
                None => {
                    let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                    let used = unwritten(output, self.written, &mut slices);
                    stream.poll_write_vectored(cx, &slices[..used])
                }
            };
            if written.is_pending() && self.uncut() == 0 {
                self.keep_rest();
            }
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
            if self.unsent() > 0 {
                self.forget_written();
            }
        }
        self.written = 0;
        if self.uncut() == 0 {
            self.cut = 0;
            self.is_aside = false;
            self.buffers.take().into_iter().for_each(worker::give_back);
        } else if let Some(buffers) = &mut self.buffers {
            buffers.output.clear();
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Arrived<'_>>>> {
        self.arrived = 0;
        let record = loop {
            let Buffers { input, .. } = &**self.buffers.get_or_insert_with(worker::lend);
            let record = self.records.next_in(input, &mut self.cut);
            if let Some(record) = record.map_err(invalid_data)? {
                break record;
            }
            if self.has_more() {
                return Poll::Pending;
            }
            match ready!(self.poll_read(cx))? {
                0 if self.records.is_mid_record() => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                0 => return Poll::Ready(Ok(None)),
                read => self.arrived += read,
            }
        };
        let Buffers { input, output } = &mut **self.buffers.get_or_insert_with(worker::lend);
        let message = match record {
            Record::Within(places) => Message::within(input, places),
            Record::Gathered(record) => {
                self.gathered = record;
                (&self.gathered).into()
            }
        };
        Poll::Ready(Ok(Some(Arrived { message, output })))
    }

    fn has_more(&self) -> bool {
        self.arrived >= AT_ONCE
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut open = ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_ok();
        while open {
            let stream = &mut self.stream;
            let mut buffers = worker::lend();
            let read = buffers.read(worker::READ, |input| pin!(stream.read_buf(input)).poll(cx));
            worker::give_back(buffers);
            open = matches!(ready!(read), Ok(1..));
        }
        Poll::Ready(())
    }

    fn set_aside(&mut self) {
        self.keep_rest();
        // Nor is memory kept in which no output stands.
        if let Some(Buffers { output, .. }) = self.buffers.as_deref_mut()
            && output.is_empty()
        {
            *output = Writer::new();
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_is_not_read_keeps_its_next_calls_and_no_other_memory() {
        let (ours, mut theirs) = duplex(1 << 20);
        let mut link = StreamLink::new(ours, crate::Limits::SERVER.record);
        let records = [[0x80, 0, 0, 4, 1, 2, 3, 4]; 3];
        theirs.write_all(records.as_flattened()).await.unwrap();
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        assert!(matches!(link.poll_message(cx), Poll::Ready(Ok(Some(_)))));
        link.output().raw(&[0; 100_000]);
        assert!(matches!(link.poll_flush(cx), Poll::Ready(Ok(()))));
        link.set_aside();
        let kept = link.buffers.as_deref().unwrap();
        assert_eq!((kept.input.len(), kept.output.capacity()), (16, 0));
        for _ in 0..2 {
            assert!(matches!(link.poll_message(cx), Poll::Ready(Ok(Some(_)))));
        }
        assert!(link.poll_message(cx).is_pending());
    }
}
