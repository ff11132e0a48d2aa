//! The one task that owns a link.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use oncrpc::message::{self, CALL, REPLY};
use oncrpc::peer::Peer;
use oncrpc::{Framing, Step};

use crate::budget::{Budget, Taken};
use crate::calls::{Calls, Driven, Replies};
use crate::clock::{self, Clock};
use crate::connection::Handle;
use crate::serving::Serving;
use crate::turn::{Batch, End, Next, Progress, Read, Room, Said};
use crate::{Activity, Arrived, LadderPool, Limits, Link, Stopped};

/// Bytes of messages that one turn takes on before other tasks get theirs.
const TURN: usize = 256 * 1024;

/// Replies that one turn takes to their callers: while the others' are taken to them, the peer has the next calls of these to answer,
/// instead of waiting for those of all. With 1,024 calls in flight it is a sixth more of them; fewer at a time cost more writes
/// than they save.
const REPLIES: usize = 512;

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
    limits: Arc<Limits>,
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
    /// The task that it runs in, as those know it who wake it without being asked each time.
    task: Waker,
    /// Where whoever has to choose among connections reads of this one.
    activity: Option<Arc<Activity>>,
}

impl<L: Link> Driver<L> {
    /// A driver that neither serves nor calls yet. What all connections of a server are granted is there once.
    pub fn new(link: L, limits: impl Into<Arc<Limits>>) -> Self {
        let clock = Clock::start();
        Self {
            link,
            limits: limits.into(),
            serving: None,
            calls: None,
            handle: None,
            read_ended: false,
            taken: Taken::default(),
            may_take: true,
            ended: Ok(()),
            clock,
            task: Waker::noop().clone(),
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

    /// Answers the calls that arrive, and makes those that handlers make of their callers. When `stop`
    /// ends no more calls are answered but those at hand, and the connection ends.
    #[must_use]
    pub fn serving(self, ladders: Arc<LadderPool>, peer: Peer, stop: Stopped) -> Self {
        let serving = Serving::new(
            ladders,
            peer,
            stop,
            self.handle.clone(),
            self.limits.clone(),
        );
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
        let ladders = driver.serving.as_ref().map(Serving::ladders).cloned();
        async move {
            let ended = loop {
                // Outside of tokio's budget, because the turn's length is the driver's own to limit.
                let turn = poll_fn(|cx| driver.poll(ladders.as_deref(), cx));
                match tokio::task::coop::unconstrained(turn).await {
                    Ok(Progress::Done) => break Ok(()),
                    // Others first, and who they are is asked of the kernel.
                    Ok(Progress::More) => tokio::task::yield_now().await,
                    Err(error) => break Err(error),
                }
            };
            if let Some(calls) = &driver.calls {
                calls.end(&ended);
            }
            if let Some(serving) = &driver.serving {
                if let Err(error) = &ended {
                    log::debug!("connection of {} ended: {error}", serving.peer());
                }
                if driver.read_ended {
                    let until = clock::now() + LINGER;
                    poll_fn(|cx| driver.poll_close(until, cx)).await;
                }
            }
            ended
        }
    }

    fn poll(
        &mut self,
        ladders: Option<&LadderPool>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Progress>> {
        self.begin_turn(cx);
        if self.serving.as_ref().is_some_and(Serving::is_to_stop) {
            // What has arrived by now, such as the first call on a connection that was just accepted, is at hand.
            self.read_turn(ladders, cx)?;
            if let Some(serving) = &mut self.serving {
                serving.stop();
            }
        }
        let mut written = 0;
        for _ in 0..TURNS {
            let read = self.read_turn(ladders, cx)?;
            let at_ease = self.is_at_ease();
            let collected = at_ease || self.collect(cx);
            let (bytes, flushed) = self.flush(cx)?;
            written += bytes;
            let next = if at_ease && flushed && read.end == End::Input {
                // As nearly always.
                self.clock.read(read.progress, None);
                Next::Wait
            } else {
                self.look_around(&read, collected, flushed, cx)
            };
            match next {
                Next::End => {
                    let ended = std::mem::replace(&mut self.ended, Ok(()));
                    return Poll::Ready(ended.map(|()| Progress::Done));
                }
                Next::Wait => {
                    return match self.poll_timers(cx) {
                        Poll::Pending if self.polls_on() => Poll::Ready(Ok(Progress::More)),
                        ended => ended.map(Err),
                    };
                }
                Next::Read if read.end == End::Turn || written >= WRITTEN => break,
                Next::Read => {}
            }
        }
        // There is more, but first what is due: a peer that never pauses keeps no call from its deadline.
        match self.poll_timers(cx) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Ready(Ok(Progress::More)),
        }
    }

    /// Whether there is nothing to wait for but the peer's next message: nobody calls from this end, no handler is at work, and
    /// nothing is held but what may be unsent.
    fn is_at_ease(&self) -> bool {
        let serving = self.serving.as_ref();
        self.calls.is_none()
            && serving.is_some_and(Serving::is_at_ease)
            && !self.read_ended
            && self.taken.is_nothing()
            && self.link.mid_message().is_none()
    }

    /// Takes what is to be sent besides the replies to what was read; gives back whether that was all.
    #[inline(never)]
    fn collect(&mut self, cx: &mut Context<'_>) -> bool {
        self.collect_answers(cx);
        self.collect_calls(cx)
    }

    /// Looks what there is to do when so much was read, collected and written.
    #[inline(never)]
    fn look_around(
        &mut self,
        read: &Read,
        collected: bool,
        flushed: bool,
        cx: &mut Context<'_>,
    ) -> Next {
        self.collect_refusals(cx);
        self.read_ended |= self.is_stopped();
        if flushed && collected && self.is_done() {
            return Next::End;
        }
        self.may_take = self.taken.hold(self.held(), cx);
        let room = self.room();
        self.note_reading(room, read.progress);
        match self.waits_for(room, read) && (collected || !flushed) {
            true => Next::Wait,
            false => Next::Read,
        }
    }

    /// Looks at the clock, once for all that the turn does; and makes itself known where it does not ask each time, if the
    /// task is another one than before.
    fn begin_turn(&mut self, cx: &Context<'_>) {
        self.clock.tick();
        if self.task.will_wake(cx.waker()) {
            return;
        }
        self.task.clone_from(cx.waker());
        self.clock.pass_to_another_task();
        if let Some(serving) = &mut self.serving {
            serving.register(&self.task);
        }
    }

    /// Ends the connection when the peer has taken note of it, or `until` has come.
    fn poll_close(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.begin_turn(cx);
        if self.link.poll_close(cx).is_ready() || self.clock.now >= until {
            return Poll::Ready(());
        }
        self.clock.poll_until(Some(until), cx)
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
            .is_none_or(|calls| calls.collect(cx, self.clock.now, &mut self.link))
    }

    /// Takes note of calls for which nobody listens.
    fn collect_refusals(&mut self, cx: &mut Context<'_>) {
        if let Some(calls) = &self.calls {
            while let Poll::Ready(quoted) = self.link.poll_refused(cx) {
                calls.refused(self.clock.now, &quoted);
            }
        }
    }

    /// Writes; gives back how many bytes, and whether that was everything.
    fn flush(&mut self, cx: &mut Context<'_>) -> io::Result<(usize, bool)> {
        let before = self.link.unsent();
        let (written, flushed) = match self.link.poll_flush(cx) {
            Poll::Ready(result) => result.map(|()| (before, true))?,
            Poll::Pending => (before - self.link.unsent(), false),
        };
        self.clock.wrote(written > 0, flushed);
        Ok((written, flushed))
    }

    /// Reads and handles messages until there are none, or enough for one turn.
    fn read_turn(
        &mut self,
        ladders: Option<&LadderPool>,
        cx: &mut Context<'_>,
    ) -> io::Result<Read> {
        let mut lent = ladders.map(LadderPool::lend);
        let mut batch = Batch {
            ladder: lent.as_deref_mut(),
            ..Batch::default()
        };
        if self.serving.as_ref().is_some_and(Serving::has_held) {
            self.answer_held(&mut batch);
        }
        let framing = self.link.framing();
        let end = loop {
            let room = self.room();
            if room == Room::None {
                break End::Room;
            }
            if batch.bytes >= TURN {
                break End::Turn;
            }
            let arrived = match self.link.poll_message(cx) {
                Poll::Pending => break End::Input,
                Poll::Ready(Ok(Some(arrived))) => arrived,
                Poll::Ready(Ok(None)) => {
                    self.end_reading(Ok(()));
                    continue;
                }
                Poll::Ready(Err(error)) => {
                    if let Err(error) = self.end_reading_for(error) {
                        if let Some(calls) = &self.calls {
                            self.complete(calls, batch.replies);
                        }
                        return Err(error);
                    }
                    continue;
                }
            };
            batch.bytes += arrived.message.len();
            let said = match (message::message_type(&arrived.message), &mut self.serving) {
                (Some(CALL), Some(serving)) if room == Room::Answers => {
                    answer(serving, arrived, framing, &mut batch)
                }
                (Some(CALL), Some(serving)) => {
                    serving.hold(arrived.message.to_bytes());
                    Said::Nothing
                }
                (Some(REPLY), _) if let Some(calls) = &self.calls => {
                    batch.good = true;
                    let replies = batch.replies.get_or_insert_default();
                    calls.gather(self.clock.now, arrived.message, replies);
                    if replies.len() >= REPLIES {
                        break End::Turn;
                    }
                    Said::Nothing
                }
                (Some(CALL | REPLY), _) => Said::nothing_for_another(),
                _ => Said::last_to_no_message(),
            };
            self.end_message(said, framing);
        };
        if batch.good {
            self.clock.greeted();
            if let Some(activity) = &self.activity {
                activity.good(self.clock.now);
            }
        }
        let end = match end {
            End::Input if self.link.has_more() => End::Turn,
            end => end,
        };
        let progress = batch.bytes > 0;
        if let Some(calls) = &self.calls {
            self.complete(calls, batch.replies);
        }
        Ok(Read { end, progress })
    }

    /// Whether another message may be read, and what becomes of it if it is a call.
    ///
    /// Where replies are waited for, more is read than may be answered: if each end waited for the other to
    /// read, both would wait for ever.
    fn room(&self) -> Room {
        if self.read_ended || !self.may_take {
            return Room::None;
        }
        match &self.serving {
            Some(serving) if serving.has_room(self.link.unsent()) => Room::Answers,
            Some(serving) if self.calls.is_some() && serving.may_hold() => Room::Calls,
            Some(_) => Room::None,
            None => Room::Answers,
        }
    }

    /// Whether nothing can be done until something happens, when reading has ended so.
    fn waits_for(&self, room: Room, read: &Read) -> bool {
        let held = self.serving.as_ref().is_some_and(Serving::has_held);
        let reads_on = room != Room::None && read.end != End::Input;
        !(reads_on || held && room == Room::Answers)
    }

    /// Whether it is too early to sleep, though nothing can be done until something happens.
    fn polls_on(&self) -> bool {
        self.limits.busy_poll.is_some_and(|time| {
            let calls = self.calls.as_ref();
            let awaits =
                self.serving.is_some() || calls.is_some_and(|calls| calls.awaits_replies());
            awaits && self.clock.stirred_within(time)
        })
    }

    /// Takes note of how far reading came.
    fn note_reading(&mut self, room: Room, progress: bool) {
        // Where we do not read it is not the peer that keeps the rest of its message back; but where there is no
        // more room for all connections, those who hold the most must not hold it for ever.
        let reads = room != Room::None;
        if !reads {
            self.link.set_aside();
        }
        let awaited = reads || !self.may_take;
        let mid_message = self.link.mid_message().filter(|_| awaited);
        self.clock.read(progress, mid_message);
    }

    /// Answers the calls that were read when there was no room for them, as far as there is room now.
    #[cold]
    fn answer_held(&mut self, batch: &mut Batch<'_>) {
        let framing = self.link.framing();
        while let Some(serving) = &mut self.serving
            && let Some(message) = serving.next_held(self.link.unsent())
        {
            batch.bytes += message.len();
            let arrived = Arrived {
                message: (&message).into(),
                output: self.link.output(),
            };
            let said = answer(serving, arrived, framing, batch);
            self.end_message(said, framing);
        }
    }

    /// Ends what was said to a message. A datagram says nothing of the next one.
    fn end_message(&mut self, said: Said, framing: Framing) {
        match said {
            Said::Reply => self.link.end_message(),
            Said::Last(reason) if framing == Framing::Record => self.end_reading(reason),
            Said::Last(_) => log::debug!("a datagram that is no message: dropped"),
            Said::Nothing => {}
        }
    }

    /// Reads no more where what the peer has sent is wrong, or stops in a message: what came before is answered. Gives back what
    /// is wrong with the link itself.
    #[cold]
    fn end_reading_for(&mut self, error: io::Error) -> io::Result<()> {
        match error.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                self.end_reading(Err(error));
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Reads no more, for a reason that leaves what was read before to be answered.
    #[cold]
    fn end_reading(&mut self, reason: io::Result<()>) {
        self.read_ended = true;
        if let Some(serving) = &self.serving {
            serving.peer_gone();
        }
        self.ended = reason;
    }

    /// Takes the replies of a batch to those who wait for them.
    fn complete(&self, calls: &Driven, replies: Option<Replies>) {
        if let Some(mut replies) = replies {
            calls.complete(self.clock.now, &mut replies);
        }
        if self.read_ended && self.serving.is_some() {
            // A handler that waits for a reply of its caller waits in vain.
            calls.end(&self.ended);
        }
    }

    /// Does what is due, and has the task woken when more is; ready if the connection is.
    #[inline]
    fn poll_timers(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        if self.calls.is_none() {
            self.note_busy(false);
            if self.clock.is_at_rest() {
                return Poll::Pending;
            }
        }
        self.poll_deadlines(cx)
    }

    /// Takes note of whether a call is in flight, which it is if a reply is waited for.
    fn note_busy(&mut self, waits_for_reply: bool) {
        let busy = waits_for_reply || self.serving.as_ref().is_some_and(Serving::is_busy);
        self.clock.busy(busy);
        if let Some(activity) = &self.activity {
            activity.busy(busy || self.link.unsent() > 0);
        }
    }

    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            let now = self.clock.now;
            // Datagrams may have to be sent again; on a stream nothing ever is.
            let calls = self.calls.as_ref();
            let expired = calls.map(|calls| calls.expire(now, &mut self.link));
            let (sent, call) =
                expired.map_or((false, None), |expired| (expired.sent, expired.next));
            if sent && let Err(error) = self.flush(cx) {
                return Poll::Ready(error);
            }
            self.note_busy(call.is_some());
            let next = match (self.clock.next_deadline(&self.limits), call) {
                (Some((at, why)), _) if at <= now => {
                    return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, why));
                }
                (Some((at, _)), Some(call)) => Some(at.min(call)),
                (Some((at, _)), None) => Some(at),
                (None, call) => call,
            };
            if self.clock.poll_until(next, cx).is_pending() {
                return Poll::Pending;
            }
            self.clock.tick();
        }
    }
}

/// Answers a call, or begins to.
#[inline(always)]
fn answer(
    serving: &mut Serving,
    arrived: Arrived<'_>,
    framing: Framing,
    batch: &mut Batch<'_>,
) -> Said {
    let len = arrived.message.len();
    let Some(ladder) = &mut batch.ladder else {
        return Said::Nothing;
    };
    let step = serving.answer(ladder, arrived, framing);
    let said = match step {
        Step::Close => return Said::Last(Ok(())),
        Step::Done => Said::Reply,
        Step::Silent => Said::Nothing,
        Step::Later(answer) => {
            serving.spawn(answer, len);
            Said::Nothing
        }
    };
    batch.good = true;
    said
}
