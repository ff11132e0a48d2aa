//! Two ends of a path for datagrams, which loses, doubles, delays and damages them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
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

use super::Dice;
use crate::Link;
use crate::datagram::MAX_DATAGRAM;

/// What happens to datagrams on their way: how often in a thousand, and how late they come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Lost, in a thousand.
    pub drop: u32,
    /// Doubled, in a thousand.
    pub duplicate: u32,
    /// Cut short, in a thousand.
    pub truncate: u32,
    /// One bit turned, in a thousand: what a checksum would have found.
    pub flip: u32,
    /// Time on the way.
    pub delay: Duration,
    /// More time on the way, at most; so one may overtake another.
    pub jitter: Duration,
}

/// One end of a path for datagrams in memory.
#[derive(Debug)]
pub struct MemoryLink {
    current: Writer,
    inbox: Arc<Mutex<Inbox>>,
    peer: Arc<Mutex<Inbox>>,
    faults: Faults,
    dice: Dice,
    /// When the next datagram arrives.
    timer: Pin<Box<Sleep>>,
}

/// What is on its way to one end.
#[derive(Debug, Default)]
struct Inbox {
    /// By the time of arrival; what is sent at the same time arrives in order.
    arriving: BinaryHeap<Reverse<(Instant, u64, Bytes)>>,
    sent: u64,
    reader: Option<Waker>,
    ended: bool,
}

/// Two ends of a path; `faults` happen in both directions, as `seed` has it.
pub fn datagrams(faults: Faults, seed: u64) -> (MemoryLink, MemoryLink) {
    let [one, other] = [(); 2].map(|()| Arc::new(Mutex::new(Inbox::default())));
    let end = |inbox: &Arc<Mutex<Inbox>>, peer: &Arc<Mutex<Inbox>>, seed| MemoryLink {
        current: Writer::new(),
        inbox: inbox.clone(),
        peer: peer.clone(),
        faults,
        dice: Dice::new(seed),
        timer: Box::pin(sleep_until(Instant::now())),
    };
    (
        end(&one, &other, seed),
        end(&other, &one, seed.wrapping_add(1 << 63)),
    )
}

fn lock(inbox: &Mutex<Inbox>) -> MutexGuard<'_, Inbox> {
    inbox.lock().unwrap_or_else(PoisonError::into_inner)
}

impl MemoryLink {
    /// Puts a datagram on its way, or what becomes of it.
    fn dispatch(&mut self, datagram: &Bytes) {
        let Faults {
            drop,
            duplicate,
            truncate,
            flip,
            delay,
            jitter,
        } = self.faults;
        let copies = 1 + usize::from(self.dice.happens(duplicate));
        for _ in 0..copies {
            if self.dice.happens(drop) {
                continue;
            }
            let mut datagram = datagram.clone();
            if self.dice.happens(truncate) {
                let len = self.dice.below(datagram.len() as u64 + 1);
                datagram.truncate(len as usize);
            }
            if self.dice.happens(flip) && !datagram.is_empty() {
                let mut bytes = datagram.to_vec();
                let bit = self.dice.below(bytes.len() as u64 * 8);
                bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
                datagram = bytes.into();
            }
            let more = self.dice.below(jitter.as_micros() as u64 + 1);
            let at = Instant::now() + delay + Duration::from_micros(more);
            let mut inbox = lock(&self.peer);
            inbox.sent += 1;
            let number = inbox.sent;
            inbox.arriving.push(Reverse((at, number, datagram)));
            inbox.reader.take().into_iter().for_each(Waker::wake);
        }
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
        self.dispatch(&datagram);
    }

    fn unsent(&self) -> usize {
        0
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            let next = {
                let mut inbox = lock(&self.inbox);
                inbox.reader = Some(cx.waker().clone());
                match inbox.arriving.peek() {
                    Some(Reverse((at, _, _))) if *at <= Instant::now() => {
                        let arrived = inbox.arriving.pop();
                        return Poll::Ready(Ok(arrived.map(|Reverse((_, _, message))| message)));
                    }
                    Some(Reverse((at, _, _))) => *at,
                    None if inbox.ended => return Poll::Ready(Ok(None)),
                    None => return Poll::Pending,
                }
            };
            self.timer.as_mut().reset(next);
            if self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    fn is_mid_message(&self) -> bool {
        false
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        let mut peer = lock(&self.peer);
        peer.ended = true;
        peer.reader.take().into_iter().for_each(Waker::wake);
    }
}
