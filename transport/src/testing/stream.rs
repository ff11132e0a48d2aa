//! A byte stream that comes late, in small pieces, damaged, and ends where nobody expects it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::way::Way;
use super::{Dice, Stall};

/// How a stream ends too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As if the peer had ended it: FIN.
    Close,
    /// By an error: RST.
    Reset,
}

/// Where a stream ends too early, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Bytes that arrive before.
    pub after: usize,
    /// How it ends.
    pub end: End,
}

/// Bytes of a stream that get lost, so that it goes on behind them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Bytes that arrive before.
    pub after: usize,
    /// Bytes that do not.
    pub len: usize,
}

/// What happens to what is read from a stream.
///
/// A stream loses nothing and keeps its order; it hides what is lost or overtaken on the way by coming late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFaults {
    /// Most bytes that are read at once, and that are written at once.
    pub piece: usize,
    /// Bytes that travel together.
    pub segment: usize,
    /// Segments that get lost and are sent again, in a thousand.
    pub lose: u32,
    /// Time until a segment that got lost is sent again; twice as long each time.
    pub again: Duration,
    /// Time on the way.
    pub delay: Duration,
    /// More time on the way, at most.
    pub jitter: Duration,
    /// Bytes a second that the way carries.
    pub rate: Option<u32>,
    /// A time in which nothing arrives.
    pub stall: Option<Stall>,
    /// The bit that is turned, counted from the beginning of the stream.
    pub flip: Option<usize>,
    /// Bytes that get lost for good.
    pub gap: Option<Gap>,
    /// Where it ends too early.
    pub cut: Option<Cut>,
}

impl Default for StreamFaults {
    /// None, in segments of 64 KiB.
    fn default() -> Self {
        Self {
            piece: usize::MAX,
            segment: 1 << 16,
            lose: 0,
            again: Duration::from_millis(200),
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            rate: None,
            stall: None,
            flip: None,
            gap: None,
            cut: None,
        }
    }
}

/// A byte stream between a test and the one that it is over: what is read from it suffers.
#[derive(Debug)]
pub struct FaultyStream<S> {
    inner: S,
    faults: StreamFaults,
    dice: Dice,
    way: Way,
    /// Where segments are read into.
    segment: Box<[u8]>,
    /// What is on its way, and when it arrives; an empty one is the end.
    arriving: VecDeque<(Instant, Bytes)>,
    /// Bytes of it.
    underway: usize,
    /// Bytes that were sent so far.
    sent: usize,
    /// When what was sent last arrives: nothing behind it comes before.
    last: Instant,
    ended: bool,
    timer: Pin<Box<Sleep>>,
}

impl<S> FaultyStream<S> {
    /// Lets what is read from `inner` suffer `faults`, as `seed` has it.
    pub fn new(inner: S, faults: StreamFaults, seed: u64) -> Self {
        let now = Instant::now();
        Self {
            inner,
            faults,
            dice: Dice::new(seed),
            way: Way::new(faults.rate, faults.stall),
            segment: vec![0; faults.segment.clamp(1, UNDERWAY)].into(),
            arriving: VecDeque::new(),
            underway: 0,
            sent: 0,
            last: now,
            ended: false,
            timer: Box::pin(sleep_until(now)),
        }
    }

    /// Puts a segment of so many bytes on its way; an empty one is the end.
    fn dispatch(&mut self, len: usize) {
        let faults = self.faults;
        let mut delay = faults.delay;
        delay += Duration::from_micros(self.dice.below(faults.jitter.as_micros() as u64 + 1));
        let mut again = faults.again;
        while self.dice.happens(faults.lose.min(999)) {
            delay += again;
            again *= 2;
        }
        self.last = self.way.arrival(len, delay).max(self.last);
        let damaged = self.damaged(&self.segment[..len]);
        if !damaged.is_empty() || len == 0 {
            self.underway += damaged.len();
            self.arriving.push_back((self.last, damaged));
        }
        self.sent += len;
    }

    /// What is left of a segment.
    fn damaged(&self, segment: &[u8]) -> Bytes {
        let mut bytes = segment.to_vec();
        if let Some(bit) = self.faults.flip
            && let Some(at) = (bit / 8).checked_sub(self.sent)
            && let Some(byte) = bytes.get_mut(at)
        {
            *byte ^= 1 << (bit % 8);
        }
        if let Some(Gap { after, len }) = self.faults.gap {
            let within = |at: usize| at.clamp(self.sent, self.sent + segment.len()) - self.sent;
            bytes.drain(within(after)..within(after + len));
        }
        bytes.into()
    }
}

impl<S: AsyncRead + Unpin> FaultyStream<S> {
    /// Puts what there is to read on its way, as much as a way holds.
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.ended && self.underway < UNDERWAY {
            let left = self.faults.cut.map(|cut| cut.after - self.sent);
            let most = self.segment.len().min(left.unwrap_or(usize::MAX));
            let mut read = ReadBuf::new(&mut self.segment[..most]);
            if most > 0 {
                ready!(Pin::new(&mut self.inner).poll_read(cx, &mut read))?;
            }
            let len = read.filled().len();
            self.ended = len == 0;
            self.dispatch(len);
        }
        Poll::Ready(Ok(()))
    }

    /// What an end is to who reads.
    fn end(&self) -> io::Result<()> {
        match self.faults.cut {
            Some(cut) if cut.after == self.sent && cut.end == End::Reset => {
                Err(io::ErrorKind::ConnectionReset.into())
            }
            _ => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for FaultyStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Poll::Ready(Err(error)) = this.poll_sent(cx) {
            return Poll::Ready(Err(error));
        }
        let Some((at, segment)) = this.arriving.front_mut() else {
            return Poll::Pending;
        };
        if *at > Instant::now() {
            this.timer.as_mut().reset(*at);
            ready!(this.timer.as_mut().poll(cx));
        }
        if segment.is_empty() {
            return Poll::Ready(this.end());
        }
        let len = segment.len().min(this.faults.piece).min(buf.remaining());
        buf.put_slice(&segment[..len]);
        segment.advance(len);
        this.underway -= len;
        if segment.is_empty() {
            this.arriving.pop_front();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FaultyStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let most = self.faults.piece.min(buf.len());
        Pin::new(&mut self.inner).poll_write(cx, &buf[..most])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// Bytes that a way holds: more are not taken from who sends.
const UNDERWAY: usize = 1 << 16;
