//! Two ends of a path for datagrams, which loses, doubles, delays and damages them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::Framing;
use oncrpc_xdr::Writer;
use tokio::time::{Instant, Sleep, sleep_until};

use super::way::Way;
use super::{Dice, Stall};
use crate::datagram::MAX_DATAGRAM;
use crate::{Arrived, Link};

/// What happens to datagrams on their way in one direction: how often in a thousand, and how late they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Lost, in a thousand.
    pub drop: u32,
    /// Lost because nobody listens, of which the sender is told, in a thousand.
    pub refuse: u32,
    /// Doubled, in a thousand.
    pub duplicate: u32,
    /// Held back for 10 ms and once more the time on the way, in a thousand; so those behind overtake it.
    pub reorder: u32,
    /// Cut short, in a thousand.
    pub truncate: u32,
    /// One bit turned, in a thousand: what a checksum would have found.
    pub flip: u32,
    /// Time on the way.
    pub delay: Duration,
    /// More time on the way, at most; so one may overtake another.
    pub jitter: Duration,
    /// Bytes a second that the way carries; what is too much for it waits.
    pub rate: Option<u32>,
    /// A time in which nothing arrives.
    pub stall: Option<Stall>,
}

/// One end of a path for datagrams in memory.
#[derive(Debug)]
pub struct MemoryLink {
    current: Writer,
    /// The datagram that arrived last.
    arrived: Bytes,
    inbox: Arc<Mutex<Inbox>>,
    peer: Arc<Mutex<Inbox>>,
    /// When the next datagram arrives.
    timer: Pin<Box<Sleep>>,
}

/// What is on its way to one end.
#[derive(Debug)]
struct Inbox {
    faults: Faults,
    dice: Dice,
    way: Way,
    /// By the time of arrival; what is sent at the same time arrives in order.
    arriving: BinaryHeap<Reverse<(Instant, u64, Bytes)>>,
    /// What this end has sent and nobody listened for.
    refused: VecDeque<Bytes>,
    sent: u64,
    reader: Option<Waker>,
    /// Links that are the other end.
    senders: usize,
}

impl Inbox {
    fn new(faults: Faults, seed: u64) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            faults,
            dice: Dice::new(seed),
            way: Way::new(faults.rate, faults.stall),
            arriving: BinaryHeap::new(),
            refused: VecDeque::new(),
            sent: 0,
            reader: None,
            senders: 0,
        }))
    }

    /// Puts a datagram on its way, or what becomes of it; gives back whether nobody listens for it.
    fn dispatch(&mut self, datagram: &Bytes) -> bool {
        let faults = self.faults;
        let copies = 1 + usize::from(self.dice.happens(faults.duplicate));
        let mut refused = false;
        for _ in 0..copies {
            if self.dice.happens(faults.drop) {
                continue;
            }
            if self.dice.happens(faults.refuse) {
                refused = true;
                continue;
            }
            let datagram = self.damaged(datagram.clone());
            let more = self.dice.below(faults.jitter.as_micros() as u64 + 1);
            let mut delay = faults.delay + Duration::from_micros(more);
            if self.dice.happens(faults.reorder) {
                delay += HELD_BACK + faults.delay;
            }
            let at = self.way.arrival(datagram.len(), delay);
            self.sent += 1;
            self.arriving.push(Reverse((at, self.sent, datagram)));
            self.wake();
        }
        refused
    }

    /// What is left of a datagram.
    fn damaged(&mut self, mut datagram: Bytes) -> Bytes {
        if self.dice.happens(self.faults.truncate) {
            let len = self.dice.below(datagram.len() as u64 + 1);
            datagram.truncate(len as usize);
        }
        if self.dice.happens(self.faults.flip) && !datagram.is_empty() {
            let mut bytes = datagram.to_vec();
            let bit = self.dice.below(bytes.len() as u64 * 8);
            bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
            datagram = bytes.into();
        }
        datagram
    }

    fn wake(&mut self) {
        self.reader.take().into_iter().for_each(Waker::wake);
    }
}

/// Two ends of a path: what the one receives suffers `to_one`, what the other receives `to_other`, as `seed` has
/// it.
pub fn datagrams(to_one: Faults, to_other: Faults, seed: u64) -> (MemoryLink, MemoryLink) {
    let one = Inbox::new(to_one, seed.wrapping_add(1 << 63));
    let other = Inbox::new(to_other, seed);
    let end = MemoryLink::new(one.clone(), other.clone());
    (end, MemoryLink::new(other, one))
}

fn lock(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryLink {
    fn new(inbox: Arc<Mutex<Inbox>>, peer: Arc<Mutex<Inbox>>) -> Self {
        lock(&peer).senders += 1;
        Self {
            current: Writer::new(),
            arrived: Bytes::new(),
            inbox,
            peer,
            timer: Box::pin(sleep_until(Instant::now())),
        }
    }

    /// The same end once more, for who takes this one's place, such as a server that is started anew at the same
    /// address. The peer sees the end of the path when the last of them is dropped.
    #[must_use]
    pub fn again(&self) -> Self {
        Self::new(self.inbox.clone(), self.peer.clone())
    }
}

impl Link for MemoryLink {
    fn framing(&self) -> Framing {
        Framing::Datagram { max: MAX_DATAGRAM }
    }

    fn output(&mut self) -> &mut Writer {
        &mut self.current
    }

    fn end_message(&mut self) {
        let datagram = std::mem::take(&mut self.current).into_bytes();
        let refused = lock(&self.peer).dispatch(&datagram);
        if refused {
            let mut inbox = lock(&self.inbox);
            inbox.refused.push_back(datagram);
            inbox.wake();
        }
    }

    fn unsent(&self) -> usize {
        0
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Arrived<'_>>>> {
        self.arrived = loop {
            let next = {
                let mut inbox = lock(&self.inbox);
                inbox.reader = Some(cx.waker().clone());
                match inbox.arriving.peek() {
                    Some(Reverse((at, _, _))) if *at <= Instant::now() => {
                        match inbox.arriving.pop() {
                            Some(Reverse((_, _, message))) => break message,
                            None => return Poll::Ready(Ok(None)),
                        }
                    }
                    Some(Reverse((at, _, _))) => *at,
                    None if inbox.senders == 0 => return Poll::Ready(Ok(None)),
                    None => return Poll::Pending,
                }
            };
            self.timer.as_mut().reset(next);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        };
        Poll::Ready(Ok(Some(Arrived {
            message: (&self.arrived).into(),
            output: &mut self.current,
        })))
    }

    fn has_more(&self) -> bool {
        false
    }

    fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let mut inbox = lock(&self.inbox);
        inbox.reader = Some(cx.waker().clone());
        inbox.refused.pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn mid_message(&self) -> Option<usize> {
        None
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        let mut peer = lock(&self.peer);
        peer.senders -= 1;
        if peer.senders == 0 {
            peer.wake();
        }
    }
}

/// Time that is enough for others to overtake.
const HELD_BACK: Duration = Duration::from_millis(10);
