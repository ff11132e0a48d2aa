//! The one task that owns a link.

use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use oncrpc::message::{self, CALL, REPLY};
use oncrpc::peer::Peer;
use oncrpc::{Framing, Ladder, Step};

use crate::budget::{Budget, Taken};
use crate::calls::{Calls, Driven, Replies};
use crate::clock::{self, Clock};
use crate::connection::Handle;
use crate::serving::Serving;
use crate::{Activity, Arrived, LadderPool, Limits, Link, Stopped};

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
        async move {
            let ended = loop {
                // Outside of tokio's budget, because the turn's length is the driver's own to limit.
                let turn = poll_fn(|cx| driver.poll(cx));
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

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Progress>> {
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
            let mut read = self.read_turn(cx)?;
            if read.end == End::Input && self.link.has_more() {
                read.end = End::Turn;
            }
            self.collect_answers(cx);
            let collected = self.collect_calls(cx);
            let (bytes, flushed) = self.flush(cx)?;
            written += bytes;
            self.collect_refusals(cx);
            self.read_ended |= self.is_stopped();
            if flushed && collected && self.is_done() {
                let ended = std::mem::replace(&mut self.ended, Ok(()));
                return Poll::Ready(ended.map(|()| Progress::Done));
            }
            self.may_take = self.taken.hold(self.held(), cx);
            let room = self.room();
            self.note_reading(room, read.progress);
            if self.waits_for(room, &read) && (collected || !flushed) {
                return match self.poll_timers(cx) {
                    Poll::Pending if self.polls_on() => Poll::Ready(Ok(Progress::More)),
                    ended => ended.map(Err),
                };
            }
            if read.end == End::Turn || written >= WRITTEN {
                break;
            }
        }
        // There is more, but first what is due: a peer that never pauses keeps no call from its deadline.
        match self.poll_timers(cx) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => Poll::Ready(Ok(Progress::More)),
        }
    }

    /// Ends the connection when the peer has taken note of it, or `until` has come.
    fn poll_close(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.clock.tick();
        if self.link.poll_close(cx).is_ready() || self.clock.now >= until {
            return Poll::Ready(());
        }
        self.clock.poll_until(until, cx)
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
    fn read_turn(&mut self, cx: &mut Context<'_>) -> io::Result<Read> {
        let mut batch = Batch::default();
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
                // What the peer has sent is wrong, or stops in a message: what came before is answered.
                Poll::Ready(Err(error))
                    if matches!(
                        error.kind(),
                        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
                    ) =>
                {
                    self.end_reading(Err(error));
                    continue;
                }
                Poll::Ready(Err(error)) => {
                    self.finish(batch);
                    return Err(error);
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
                    calls.gather(self.clock.now, arrived.message, &mut batch.replies);
                    Said::Nothing
                }
                // The other side's part is not played here; RFC 5531 has no answer to that.
                (Some(CALL | REPLY), _) => {
                    log::debug!("a message that is not for this end: dropped");
                    Said::Nothing
                }
                _ => Said::Last(Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "the peer sent what is neither a call nor a reply",
                ))),
            };
            self.end_message(said, framing);
        };
        if batch.good {
            self.clock.greeted();
            if let Some(activity) = &self.activity {
                activity.good(self.clock.now);
            }
        }
        let progress = batch.bytes > 0;
        self.finish(batch);
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
    fn answer_held(&mut self, batch: &mut Batch) {
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

    /// Reads no more, for a reason that leaves what was read before to be answered.
    fn end_reading(&mut self, reason: io::Result<()>) {
        self.read_ended = true;
        if let Some(serving) = &self.serving {
            serving.peer_gone();
        }
        self.ended = reason;
    }

    /// Ends a batch: the ladder goes back, replies go to whom they are for.
    fn finish(&self, mut batch: Batch) {
        if let (Some(ladder), Some(serving)) = (batch.ladder, &self.serving) {
            serving.give_ladder(ladder);
        }
        let Some(calls) = &self.calls else {
            return;
        };
        calls.complete(self.clock.now, &mut batch.replies);
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
            let calls = self.calls.as_ref();
            let expired = calls.map(|calls| calls.expire(now, &mut self.link));
            let (sent, call) =
                expired.map_or((false, None), |expired| (expired.sent, expired.next));
            if sent && let Err(error) = self.flush(cx) {
                return Poll::Ready(error);
            }
            let busy = self.serving.as_ref().is_some_and(Serving::is_busy) || call.is_some();
            self.clock.busy(busy);
            if let Some(activity) = &self.activity {
                activity.busy(busy || self.link.unsent() > 0);
            }
            let next = match (self.clock.next_deadline(&self.limits), call) {
                (Some((at, why)), _) if at <= now => {
                    return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, why));
                }
                (Some((at, _)), Some(call)) => at.min(call),
                (Some((at, _)), None) | (None, Some(at)) => at,
                (None, None) => return Poll::Pending,
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
    batch: &mut Batch,
) -> Said {
    let len = arrived.message.len();
    let ladder = batch.ladder.get_or_insert_with(|| serving.take_ladder());
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

/// How far a driver has come when it is not waiting.
enum Progress {
    /// Both sides are done.
    Done,
    /// It has had its turn, and has more to do.
    More,
}

/// Whether another message may be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// It may not.
    None,
    /// It may, but if it is a call, it is not answered yet.
    Calls,
    /// It may.
    Answers,
}

/// What was said to a message.
enum Said {
    /// Nothing, for now.
    Nothing,
    /// A reply stands in the output.
    Reply,
    /// Nothing, and on a stream nothing more is read.
    Last(io::Result<()>),
}

/// How far a turn of reading came.
struct Read {
    end: End,
    /// Whether there was a message.
    progress: bool,
}

/// What ended a turn of reading.
#[derive(PartialEq, Eq)]
enum End {
    /// There is nothing more, and the task is woken when there is.
    Input,
    /// There is no room for more.
    Room,
    /// There is more, for the next turn.
    Turn,
}

/// What is gathered over the messages of one turn.
#[derive(Default)]
struct Batch {
    /// How many bytes they have.
    bytes: usize,
    /// Whether one of them was a call or a reply as it should be.
    good: bool,
    ladder: Option<Ladder>,
    replies: Replies,
}
