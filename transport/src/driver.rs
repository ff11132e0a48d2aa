//! The one task that owns a link.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::message::{self, CALL, REPLY};
use oncrpc::peer::Peer;
use oncrpc::{Framing, Ladder, Step};
use tokio::sync::watch;

use crate::budget::{Budget, Taken};
use crate::calls::{Calls, Driven};
use crate::clock::Clock;
use crate::connection::Handle;
use crate::serving::Serving;
use crate::{Activity, LadderPool, Limits, Link};

/// Bytes of messages that one turn takes on before other tasks get theirs.
const TURN: usize = 256 * 1024;

/// Turns in a row before other tasks get theirs.
const TURNS: usize = 16;

/// Bytes that are written before other tasks get their turn: a short call may have a long reply, which is copied to the kernel.
const WRITTEN: usize = 64 * 1024;

/// Longest time that a connection whose last reply is written is kept for the peer to take note of it, so
/// that calls which were on their way meanwhile do not cost it replies.
const LINGER: Duration = Duration::from_millis(500);

/// The one task that owns a link: it takes what arrives to whom it is for, and writes what comes of it.
///
/// Connections are symmetric. Calls that arrive go up the ladder if this end serves, replies to the call
/// table if this end calls; the message's own type says which. All that one turn brings about is written
/// at its end, in one write if the link can.
#[derive(Debug)]
pub struct Driver<L> {
    link: L,
    limits: Limits,
    serving: Option<Serving>,
    calls: Option<Driven>,
    /// Who makes these calls, if this end was made to call.
    handle: Option<Weak<Handle>>,
    /// Nothing more is read: the peer has sent its last message, or one that ends the connection.
    read_ended: bool,
    /// What is held beyond this connection's share, and whether more may be.
    taken: Taken,
    may_take: bool,
    /// What ended it, where that was not the peer's good manners.
    ended: io::Result<()>,
    clock: Clock,
    /// Where whoever has to choose among connections reads of this one.
    activity: Option<Arc<Activity>>,
}

impl<L: Link> Driver<L> {
    /// A driver that neither serves nor calls yet.
    pub fn new(link: L, limits: Limits) -> Self {
        let clock = Clock::start();
        Self {
            link,
            limits,
            serving: None,
            calls: None,
            handle: None,
            read_ended: false,
            taken: Taken::default(),
            may_take: true,
            ended: Ok(()),
            clock,
            activity: None,
        }
    }

    /// Holds no more than its share of `budget`, or what is left of it.
    #[must_use]
    pub fn within(self, budget: Arc<Budget>) -> Self {
        Self {
            taken: Taken::of(budget),
            ..self
        }
    }

    /// Notes what the connection is used for.
    #[must_use]
    pub fn noting(self, activity: Arc<Activity>) -> Self {
        Self {
            activity: Some(activity),
            ..self
        }
    }

    /// Answers the calls that arrive, and makes those that handlers make of their callers. When `stop` turns
    /// true no more calls are answered but those at hand, and the connection ends.
    #[must_use]
    pub fn serving(
        self,
        ladders: Arc<LadderPool>,
        peer: Peer,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let serving = Serving::new(ladders, peer, stop, self.handle.clone(), self.limits);
        Self {
            serving: Some(serving),
            ..self
        }
    }

    /// Carries the calls of [`Connection`](crate::Connection)s.
    pub(crate) fn calling(self, calls: Arc<Calls>, handle: Weak<Handle>) -> Self {
        Self {
            calls: Some(Driven::new(calls)),
            handle: Some(handle),
            ..self
        }
    }

    /// Carries messages until the connection ends, and says why it did: `Ok` if both sides are done.
    ///
    /// The future is small: what it works on is in a box, because a future that is handed on is laid out once for each
    /// hand, and there are thousands of connections that do nothing.
    pub fn run(self) -> impl Future<Output = io::Result<()>> + Send {
        let mut driver = Box::new(self);
        async move {
            // Outside of tokio's budget, because the turn's length is the driver's own to limit.
            let driven = poll_fn(|cx| driver.poll(cx));
            let ended = tokio::task::coop::unconstrained(driven).await;
            if let Some(calls) = &driver.calls {
                calls.end(&ended);
            }
            if driver.serving.is_some() && driver.read_ended {
                let closed = poll_fn(|cx| driver.link.poll_close(cx));
                let _ = tokio::time::timeout(LINGER, closed).await;
            }
            ended
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.clock.tick();
        let serving = self.serving.as_mut();
        if serving.is_some_and(|serving| serving.poll_stop(cx)) {
            // What has arrived by now, such as the first call on a connection that was just accepted, is at hand.
            self.read_turn(cx)?;
            if let Some(serving) = &mut self.serving {
                serving.stop();
            }
        }
        let mut written = 0;
        for _ in 0..TURNS {
            self.collect_answers(cx);
            let collected = self.collect_calls(cx);
            let unsent = self.link.unsent();
            let flushed = self.flush(cx)?;
            written += unsent - self.link.unsent();
            self.collect_refusals(cx);
            if flushed && !collected {
                continue;
            }
            self.read_ended |= self.is_stopped();
            if flushed && self.is_done() {
                return Poll::Ready(std::mem::replace(&mut self.ended, Ok(())));
            }
            self.may_take = self.taken.hold(self.held(), cx);
            match self.read_turn(cx)? {
                Turn::Idle => return self.poll_timers(cx).map(Err),
                Turn::Read if written < WRITTEN => {}
                Turn::Read | Turn::Full => break,
            }
        }
        // There is more, but others first.
        cx.waker().wake_by_ref();
        self.flush(cx)?;
        Poll::Pending
    }

    /// Bytes that are held for the peer.
    fn held(&self) -> usize {
        self.link.held() + self.serving.as_ref().map_or(0, Serving::held)
    }

    /// Whether the end was wanted, and no handler can be waiting for a reply that would have to be read.
    fn is_stopped(&self) -> bool {
        let called_back = self.calls.is_some();
        self.serving
            .as_ref()
            .is_some_and(|serving| serving.is_stopping() && !(called_back && serving.is_busy()))
    }

    /// Whether nothing can come any more that would be answered.
    fn is_done(&self) -> bool {
        let serving = self.serving.as_ref().is_some_and(Serving::is_busy);
        match &self.calls {
            // Replies can only come from where we read; without callers nobody waits for them.
            Some(calls) => (self.read_ended || calls.is_abandoned()) && !serving,
            None => self.read_ended && !serving,
        }
    }

    /// Takes the replies of handlers that had to wait.
    fn collect_answers(&mut self, cx: &mut Context<'_>) {
        let serving = self.serving.as_mut();
        if serving.is_some_and(|serving| serving.collect(cx, &mut self.link)) {
            self.end_reading(Ok(()));
        }
    }

    /// Takes the messages of calls that were begun, and has the task woken by the next; gives back whether it
    /// took all.
    fn collect_calls(&mut self, cx: &Context<'_>) -> bool {
        if let (None, Some(serving)) = (&self.calls, &self.serving) {
            self.calls = serving.attach();
        }
        self.calls
            .as_ref()
            .is_none_or(|calls| calls.collect(cx, &mut self.link, self.limits.unsent))
    }

    /// Takes note of calls for which nobody listens.
    fn collect_refusals(&mut self, cx: &mut Context<'_>) {
        if let Some(calls) = &self.calls {
            while let Poll::Ready(quoted) = self.link.poll_refused(cx) {
                calls.refused(self.clock.now, &quoted);
            }
        }
    }

    /// Writes; gives back whether everything is written.
    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        let before = self.link.unsent();
        let flushed = match self.link.poll_flush(cx) {
            Poll::Ready(result) => result.map(|()| true)?,
            Poll::Pending => false,
        };
        self.clock.wrote(before != self.link.unsent(), flushed);
        Ok(flushed)
    }

    /// Reads and handles messages until there are none, or enough for one turn.
    fn read_turn(&mut self, cx: &mut Context<'_>) -> io::Result<Turn> {
        let mut batch = Batch::default();
        let mut turn = Turn::Idle;
        while let Some(message) = self.next_held() {
            turn = Turn::Read;
            self.answer(&message, &mut batch);
        }
        while self.may_read() {
            if batch.bytes >= TURN {
                turn = Turn::Full;
                break;
            }
            match self.link.poll_message(cx) {
                Poll::Pending => break,
                // What the peer has sent is wrong, or stops in a message: what came before is answered.
                Poll::Ready(Err(error))
                    if matches!(
                        error.kind(),
                        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                    ) =>
                {
                    self.end_reading(Err(error));
                    turn = Turn::Read;
                }
                Poll::Ready(Err(error)) => {
                    self.finish(batch);
                    return Err(error);
                }
                Poll::Ready(Ok(None)) => {
                    self.end_reading(Ok(()));
                    turn = Turn::Read;
                }
                Poll::Ready(Ok(Some(message))) => {
                    turn = Turn::Read;
                    batch.bytes += message.len();
                    self.handle(message, &mut batch);
                }
            }
        }
        // Where we do not read it is not the peer that keeps the rest of its message back; but where there is no
        // more room for all connections, those who hold the most must not hold it for ever.
        let reads = self.may_read();
        if !reads {
            self.link.set_aside();
        }
        let awaited = reads || !self.may_take;
        let mid_message = self.link.mid_message().filter(|_| awaited);
        self.clock.read(!matches!(turn, Turn::Idle), mid_message);
        if batch.good {
            self.clock.greeted();
            if let Some(activity) = &self.activity {
                activity.good(self.clock.now);
            }
        }
        self.finish(batch);
        Ok(turn)
    }

    /// Whether another message may be read.
    ///
    /// Where replies are waited for, more is read than may be answered: if each end waited for the other to
    /// read, both would wait for ever.
    fn may_read(&self) -> bool {
        let awaits_replies = self.calls.is_some();
        let may_serve = self.serving.as_ref().is_none_or(|serving| {
            let unsent = self.link.unsent();
            serving.has_room(unsent) || awaits_replies && serving.may_hold()
        });
        !self.read_ended && may_serve && self.may_take
    }

    /// The next call that was read when there was no room for it, if there is room now.
    fn next_held(&mut self) -> Option<Bytes> {
        let unsent = self.link.unsent();
        self.serving.as_mut()?.next_held(unsent)
    }

    /// Takes one message to whom it is for.
    fn handle(&mut self, message: Bytes, batch: &mut Batch) {
        match (message::message_type(&message), &mut self.serving) {
            (Some(CALL), Some(serving)) => {
                if serving.has_room(self.link.unsent()) {
                    self.answer(&message, batch);
                } else {
                    serving.hold(message);
                }
            }
            (Some(REPLY), _) if self.calls.is_some() => {
                batch.good = true;
                batch.replies.push(message);
            }
            // The other side's part is not played here; RFC 5531 has no answer to that.
            (Some(CALL | REPLY), _) => log::debug!("a message that is not for this end: dropped"),
            // A datagram may come from anybody, and says nothing of the next one.
            _ if self.link.framing() != Framing::Record => {
                log::debug!("neither a call nor a reply: dropped");
            }
            _ => self.end_reading(Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the peer sent what is neither a call nor a reply",
            ))),
        }
    }

    /// Answers a call, or begins to.
    fn answer(&mut self, message: &Bytes, batch: &mut Batch) {
        let Some(serving) = &mut self.serving else {
            return;
        };
        let ladder = batch.ladder.get_or_insert_with(|| serving.take_ladder());
        let step = serving.answer(ladder, message, &mut self.link);
        batch.good |= !matches!(step, Step::Close);
        match step {
            Step::Done => self.link.end_message(),
            Step::Close if self.link.framing() == Framing::Record => self.end_reading(Ok(())),
            // A datagram says nothing of the next one.
            Step::Silent | Step::Close => {}
            Step::Later(answer) => serving.spawn(answer, message.len()),
        }
    }

    /// Reads no more, for a reason that leaves what was read before to be answered.
    fn end_reading(&mut self, reason: io::Result<()>) {
        self.read_ended = true;
        if let Some(serving) = &self.serving {
            serving.peer_gone();
        }
        self.ended = reason;
    }

    /// Ends a batch: the ladder goes back, replies go to whom they are for.
    fn finish(&self, batch: Batch) {
        if let (Some(ladder), Some(serving)) = (batch.ladder, &self.serving) {
            serving.give_ladder(ladder);
        }
        let Some(calls) = &self.calls else {
            return;
        };
        if !batch.replies.is_empty() {
            calls.complete(self.clock.now, &batch.replies);
        }
        if self.read_ended && self.serving.is_some() {
            // A handler that waits for a reply of its caller waits in vain.
            calls.end(&self.ended);
        }
    }

    /// Does what is due, and has the task woken when more is; ready if the connection is.
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let now = self.clock.now;
            // Datagrams may have to be sent again; on a stream nothing ever is.
            let resent = self
                .calls
                .as_ref()
                .is_some_and(|calls| calls.expire(now, &mut self.link));
            if resent && let Err(error) = self.flush(cx) {
                return Poll::Ready(error);
            }
            let busy = self.serving.as_ref().is_some_and(Serving::is_busy)
                || self.calls.as_ref().is_some_and(|calls| calls.in_flight());
            self.clock.busy(busy);
            if let Some(activity) = &self.activity {
                activity.busy(busy || self.link.unsent() > 0);
            }
            let (connection, why) = self.clock.next_deadline(&self.limits);
            if connection.is_some_and(|at| at <= now) {
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, why));
            }
            let call = self.calls.as_ref().and_then(|calls| calls.next_timer());
            let Some(next) = connection.into_iter().chain(call).min() else {
                return Poll::Pending;
            };
            if self.clock.poll_until(next, cx).is_pending() {
                return Poll::Pending;
            }
            self.clock.tick();
        }
    }
}

/// How far a turn of reading came.
enum Turn {
    /// There was nothing to read.
    Idle,
    /// Everything there was is handled.
    Read,
    /// There is more, for the next turn.
    Full,
}

/// What is gathered over the messages of one turn.
#[derive(Default)]
struct Batch {
    bytes: usize,
    /// Whether one of them was a call or a reply as it should be.
    good: bool,
    ladder: Option<Ladder>,
    replies: Vec<Bytes>,
}
