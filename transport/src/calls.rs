//! What the callers on a connection share with its driver.

use std::collections::HashSet;
use std::io;
use std::mem;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use oncrpc::auth::ClientAuth;
use oncrpc::call::carrier::Arguments;
use oncrpc::call::table::{Due, Ended, NewCall, Over, Refused};
use oncrpc::message::Message;
use oncrpc::{CallError, CallTable, Framing, ProcedureId, record};
use oncrpc_xdr::{Mark, Writer};
use tokio::sync::Notify;

use crate::{Limits, Link};

/// What callers and the driver share: the table, and the messages that are on their way from one to the
/// other.
#[derive(Debug)]
pub(crate) struct Calls {
    state: Mutex<State>,
    framing: Framing,
    /// Calls that may be in flight.
    most: usize,
    /// Bytes in the queue above which calls wait.
    unsent: usize,
    /// Whether the connection takes no more calls, for who asks without the lock.
    over: AtomicBool,
    /// Told when the driver has taken messages, when there is a place for a call that waits for one, and when the
    /// connection has ended.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    table: CallTable,
    /// Records that the driver has not taken yet. A datagram is written here, too.
    records: Writer,
    /// Datagrams that the driver has not taken yet.
    datagrams: Vec<Writer>,
    /// The calls that these are of.
    queued: Vec<u32>,
    /// Calls that wait for a place among those in flight.
    waiting: usize,
    driver: Option<Waker>,
    /// Who waited for the call that ended last: whoever makes one call after the other makes the next as well, and is not cloned for it.
    caller: Option<Waker>,
    /// Why the connection ended, if it has.
    ended: Option<Arc<io::Error>>,
    /// Why there are no more calls although those in flight may yet be answered.
    refused: Option<Arc<io::Error>>,
    /// Nobody can call any more.
    abandoned: bool,
}

/// Replies that arrived together: the buffer that they lie in, and where.
#[derive(Default)]
pub(crate) struct Replies {
    buffer: Bytes,
    places: Vec<Range<usize>>,
}

/// What expiring has come to.
pub(crate) struct Expired {
    /// Whether something was sent again.
    pub(crate) sent: bool,
    /// When something is due next, if [a reply is waited for](Calls::awaits_replies).
    pub(crate) next: Option<Instant>,
}

impl Replies {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }
}

impl Calls {
    /// Calls over messages in `framing`, as many of them at once as these limits allow.
    pub(crate) fn new(table: CallTable, framing: Framing, limits: &Limits) -> Self {
        let state = State {
            table,
            records: Writer::new(),
            datagrams: Vec::new(),
            queued: Vec::new(),
            waiting: 0,
            driver: None,
            caller: None,
            ended: None,
            refused: None,
            abandoned: false,
        };
        Self {
            state: Mutex::new(state),
            framing,
            most: limits.in_flight,
            unsent: limits.unsent,
            over: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    /// Nobody is woken under the lock, and no caller's waker is dropped: it may be the last that holds a task, which may hold calls.
    /// One that is not wanted any more is left to a variable from before the lock, which outlives it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is a place for one more call, and room for its message: of calls that are given up the places are free
    /// again, but not the room. Datagrams go out at once, or are lost.
    fn has_place(&self, state: &State) -> bool {
        let waits_for_room = self.framing == Framing::Record;
        state.table.len() < self.most && (!waits_for_room || self.has_room(state))
    }

    fn has_room(&self, state: &State) -> bool {
        state.queued_bytes() < self.unsent
    }

    /// Begins a call, unless as many are in flight or as much is unsent as may be: its message is in the queue, whole, when
    /// this returns its xid. Its time begins with the driver's next turn. Who has waited in line comes before those who still do.
    pub(crate) fn begin(
        &self,
        call: &NewCall<'_, impl Arguments>,
        caller: &Waker,
        has_waited: bool,
    ) -> Result<Option<u32>, CallError> {
        let _other;
        let mut state = self.lock();
        let is_first = has_waited || state.waiting == 0;
        let has_place = is_first && self.has_place(&state);
        // Nobody waits for a place where there are no more calls: that they are over is for `enqueue` to say.
        if !has_place && state.is_over().is_none() {
            return Ok(None);
        }
        let caller = match state.caller.take() {
            Some(known) if known.will_wake(caller) => known,
            other => {
                _other = other;
                caller.clone()
            }
        };
        let xid = state.enqueue(self.framing, |table, message| {
            table.begin(call, Some(caller), message)
        })?;
        state.queued.push(xid);
        wake_driver(state);
        Ok(Some(xid))
    }

    /// Has later calls wait for those that stand in line already, of which the caller is one as long as this is kept.
    pub(crate) fn stand_in_line(&self) -> InLine<'_> {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_add(1);
        InLine(self)
    }

    /// Waits until there is a place for one more call, or the connection has ended.
    pub(crate) async fn place(&self) {
        self.until(|state| self.has_place(state) || state.is_over().is_some())
            .await;
    }

    /// Puts the message of a call that nobody waits for in the queue.
    pub(crate) fn send(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        auth: &dyn ClientAuth,
    ) -> Result<(), CallError> {
        let mut state = self.lock();
        state.enqueue(self.framing, |table, message| {
            table.send(id, args, auth, message)
        })?;
        wake_driver(state);
        Ok(())
    }

    /// Waits until there is room for the message of a call that nobody waits for, or the connection has ended.
    pub(crate) async fn room(&self) {
        self.until(|state| self.has_room(state) || state.is_over().is_some())
            .await;
    }

    /// Waits until the connection takes no more calls.
    pub(crate) async fn ended(&self) {
        self.until(|state| state.is_over().is_some()).await;
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        loop {
            // What changes after this wakes it, so that nothing is missed between looking and waiting.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if condition(&self.lock()) {
                return;
            }
            changed.await;
        }
    }

    /// Asks whether call `xid` has ended; if not, `cx` is woken when it has.
    #[inline]
    pub(crate) fn poll(&self, xid: u32, cx: &Context<'_>) -> Poll<Result<Bytes, Box<Ended>>> {
        let _other;
        let mut state = self.lock();
        let Some(Over { result, waiter }) = state.table.take(xid) else {
            _other = state.table.wait(xid, cx.waker());
            return Poll::Pending;
        };
        _other = mem::replace(&mut state.caller, waiter);
        self.made_room(&state);
        Poll::Ready(result)
    }

    /// Forgets call `xid`.
    pub(crate) fn cancel(&self, xid: u32) {
        let _caller;
        let mut state = self.lock();
        _caller = state.table.cancel(xid);
        self.made_room(&state);
        // Where calls are refused the driver ends with the last of them.
        if state.refused.is_some() && !state.table.awaits_replies() {
            wake_driver(state);
        }
    }

    /// Says that there is one call less.
    fn made_room(&self, state: &State) {
        if state.waiting > 0 {
            self.changed.notify_waiters();
        }
    }

    /// Says that nobody can call any more.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        wake_driver(state);
    }

    /// Whether the connection takes no more calls.
    pub(crate) fn has_ended(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Gives the driver the messages that wait for it, unless its link has as much to write as may be unsent, and
    /// remembers whom to wake for the next. Gives back whether the queue is empty then.
    ///
    /// The time of their calls begins `now`, whether they are taken or not.
    pub(crate) fn collect(&self, cx: &Context<'_>, now: Instant, link: &mut impl Link) -> bool {
        let mut state = self.lock();
        let state = &mut *state;
        match &mut state.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            driver => *driver = Some(cx.waker().clone()),
        }
        if state.is_queue_empty() {
            return true;
        }
        state.table.start(now);
        if link.unsent() >= self.unsent {
            return false;
        }
        // Whoever waits for room found at least this much here.
        let was_full = !self.has_room(state);
        if !state.records.is_empty() {
            link.send(&mut state.records);
        }
        for mut datagram in state.datagrams.drain(..) {
            link.send(&mut datagram);
        }
        state.queued.clear();
        if was_full {
            self.changed.notify_waiters();
        }
        true
    }

    /// Takes a reply that arrived at `now` to the call that it answers, when those are [completed](Self::complete) that lie in
    /// the same buffer: under one lock, and without a share of the buffer for each.
    pub(crate) fn gather(&self, now: Instant, reply: Message<'_>, replies: &mut Replies) {
        let (buffer, place) = reply.place();
        let gathered = &replies.buffer;
        if (gathered.as_ptr(), gathered.len()) != (buffer.as_ptr(), buffer.len()) {
            self.complete(now, replies);
            replies.buffer = buffer.clone();
        }
        replies.places.push(place);
    }

    /// Takes replies that were gathered to the calls that they answer.
    pub(crate) fn complete(&self, now: Instant, replies: &mut Replies) {
        if replies.places.is_empty() {
            return;
        }
        let mut woken = Vec::with_capacity(replies.places.len());
        let mut state = self.lock();
        for place in replies.places.drain(..) {
            let reply = Message::within(&replies.buffer, place);
            if let Some(answered) = state.table.reply(now, reply) {
                woken.push(answered);
            }
        }
        drop(state);
        woken.iter().for_each(|(_, caller)| caller.wake_by_ref());
        // Each is with its call when that is taken, unless another thread has been quicker: the next call is its own, too.
        let mut state = self.lock();
        let woken = woken.into_iter();
        let left: Vec<Waker> = woken
            .filter_map(|(xid, caller)| state.table.restore(xid, caller))
            .collect();
        drop(state);
        drop(left);
    }

    /// Takes note that nobody listened for the message of which `quoted` is the beginning.
    ///
    /// A call that is given up for that ends the connection for later calls: the program may be elsewhere by now.
    pub(crate) fn refused(&self, now: Instant, quoted: &[u8]) {
        let mut state = self.lock();
        // The driver, who asks, looks at its timers after this.
        let Refused::GivenUp(woken) = state.table.refused(now, quoted) else {
            return;
        };
        state.refused = Some(Arc::new(io::ErrorKind::ConnectionRefused.into()));
        self.tell_over(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Ends the calls whose time is up and sends again what is due.
    ///
    /// If nothing is heard of the server any more, the connection has ended for later calls. The driver ends with the last
    /// one, for which it is woken: it has looked [whether it may](Self::is_abandoned) before it asks for this.
    pub(crate) fn expire(&self, now: Instant, link: &mut impl Link) -> Expired {
        let mut state = self.lock();
        let mut woken = Vec::new();
        let (mut sent, mut expired) = (false, false);
        while let Some(due) = state.table.next_due(now) {
            match due {
                Due::Expired(waker) => {
                    woken.extend(waker);
                    expired = true;
                }
                Due::Resend(mut message) => {
                    link.send(&mut message);
                    sent = true;
                }
            }
        }
        let silent = state.table.is_silent() && state.refused.is_none();
        if silent {
            state.refused = Some(Arc::new(io::ErrorKind::TimedOut.into()));
        }
        let next = state.table.next_timer();
        if expired && state.is_over().is_some() {
            woken.extend(state.driver.take());
        }
        match silent {
            true => self.tell_over(state),
            false => drop(state),
        }
        woken.into_iter().for_each(Waker::wake);
        Expired { sent, next }
    }

    /// Whether a reply is waited for. One that has come and was not taken yet is not: nobody says when it is.
    pub(crate) fn awaits_replies(&self) -> bool {
        self.lock().table.awaits_replies()
    }

    /// Whether nobody can call any more, nor waits for a reply, nor has sent what is not taken yet.
    ///
    /// Where calls are refused, who still holds the connection calls on another: this one's socket is not kept for that.
    pub(crate) fn is_abandoned(&self) -> bool {
        let state = self.lock();
        let nobody_calls = state.abandoned || state.refused.is_some();
        nobody_calls && state.is_queue_empty() && !state.table.awaits_replies()
    }

    /// Ends every call in flight, and every later one, with the connection.
    pub(crate) fn end(&self, ended: &io::Result<()>) {
        let error = Arc::new(match ended {
            Ok(()) => io::Error::new(io::ErrorKind::UnexpectedEof, "the peer closed it"),
            // An io::Error cannot be cloned; what it says can.
            Err(error) => io::Error::new(error.kind(), error.to_string()),
        });
        let mut state = self.lock();
        if state.ended.is_some() {
            return;
        }
        // What the driver has not taken was never sent: it can be repeated without a doubt.
        let unsent: HashSet<u32> = state.queued.drain(..).collect();
        state.forget_queue();
        let mut woken = state.table.fail_all(|xid| match unsent.contains(&xid) {
            true => CallError::Connect(error.clone()),
            false => CallError::Disconnected(error.clone()),
        });
        state.ended = Some(error);
        woken.extend(state.caller.take());
        self.tell_over(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Says that the connection takes no more calls, which this state has in it already.
    fn tell_over(&self, state: MutexGuard<'_, State>) {
        // Before anybody else has the lock: who has seen it there is not to hear that it is not so.
        self.over.store(true, Ordering::Release);
        drop(state);
        self.changed.notify_waiters();
    }
}

/// A call that waits for a place among those in flight.
pub(crate) struct InLine<'a>(&'a Calls);

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting = state.waiting.saturating_sub(1);
    }
}

impl State {
    /// Puts a message in the queue, whole or not at all: `write` writes it behind its record mark, if it has
    /// one, and gives back its xid.
    #[inline]
    fn enqueue(
        &mut self,
        framing: Framing,
        write: impl FnOnce(&mut CallTable, &mut Writer) -> Result<u32, CallError>,
    ) -> Result<u32, CallError> {
        if let Some(over) = self.is_over() {
            return Err(CallError::Connect(over.clone()));
        }
        let draft = Draft::of(&mut self.records);
        if framing == Framing::Record {
            record::begin(draft.records);
        }
        let xid = write(&mut self.table, draft.records)?;
        let (is_whole, allowed) = match framing {
            Framing::Record => {
                let finished = record::finish(draft.records, draft.start);
                (finished.is_ok(), i32::MAX as usize)
            }
            Framing::Datagram { max } => (draft.records.len() <= max, max),
        };
        if !is_whole {
            self.table.cancel(xid);
            let len = draft.records.len_since(draft.start);
            return Err(CallError::TooLarge { len, allowed });
        }
        draft.keep();
        if framing != Framing::Record {
            self.datagrams.push(mem::take(&mut self.records));
        }
        Ok(xid)
    }

    /// Why the connection takes no more calls, if it does not.
    fn is_over(&self) -> Option<&Arc<io::Error>> {
        self.refused.as_ref().or(self.ended.as_ref())
    }

    fn queued_bytes(&self) -> usize {
        let datagrams: usize = self.datagrams.iter().map(Writer::len).sum();
        self.records.len() + datagrams
    }

    fn is_queue_empty(&self) -> bool {
        self.records.is_empty() && self.datagrams.is_empty()
    }

    /// Forgets what is in it, and gives its memory back.
    fn forget_queue(&mut self) {
        self.records = Writer::new();
        self.datagrams = Vec::new();
    }
}

/// A message that is being written in the queue: it is taken back unless it is kept, even if arguments panic that are
/// encoded, because others write behind it.
struct Draft<'a> {
    records: &'a mut Writer,
    start: Mark,
}

impl<'a> Draft<'a> {
    #[inline]
    fn of(records: &'a mut Writer) -> Self {
        let start = records.mark();
        Self { records, start }
    }

    #[inline]
    fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        self.records.truncate(self.start);
    }
}

/// Wakes the driver, if nobody has since it last looked, for whoever has changed this state.
fn wake_driver(mut state: MutexGuard<'_, State>) {
    let driver = state.driver.take();
    drop(state);
    if let Some(driver) = driver {
        driver.wake();
    }
}

/// The driver's hold on what it shares with callers: however the driver ends, their calls end with it.
#[derive(Debug)]
pub(crate) struct Driven(Arc<Calls>);

impl Driven {
    pub(crate) fn new(calls: Arc<Calls>) -> Self {
        Self(calls)
    }
}

impl std::ops::Deref for Driven {
    type Target = Calls;

    fn deref(&self) -> &Calls {
        &self.0
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        let dropped = "the task that drove the connection was ended";
        let aborted = io::Error::new(io::ErrorKind::ConnectionAborted, dropped);
        self.end(&Err(aborted));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use oncrpc::auth::AuthNone;

    use super::*;
    use crate::woken::Woken;

    const ID: ProcedureId = ProcedureId {
        program: 0x2000_0001,
        version: 1,
        procedure: 1,
    };

    fn call<'a>(args: &'a Bytes, auth: &'a Arc<dyn ClientAuth>) -> NewCall<'a, Bytes> {
        NewCall {
            id: ID,
            args,
            auth,
            timeout: Duration::from_secs(1),
        }
    }

    /// Brings a call its reply, as the driver does.
    fn answer(calls: &Calls, xid: u32) {
        let reply = [xid, 1, 0, 0, 0, 0].map(u32::to_be_bytes);
        let reply = Bytes::copy_from_slice(reply.as_flattened());
        let mut replies = Replies::default();
        calls.gather(Instant::now(), (&reply).into(), &mut replies);
        calls.complete(Instant::now(), &mut replies);
    }

    #[test]
    fn what_no_datagram_holds_leaves_nothing_in_the_queue() {
        let framing = Framing::Datagram { max: 100 };
        let calls = Calls::new(CallTable::new(1), framing, &Limits::CLIENT);
        let args = Bytes::from(vec![7; 100]);
        let auth: Arc<dyn ClientAuth> = Arc::new(AuthNone);
        let too_large = |error| matches!(error, CallError::TooLarge { len: 140, .. });
        assert!(
            calls
                .begin(&call(&args, &auth), Waker::noop(), false)
                .is_err_and(too_large)
        );
        assert!(calls.send(ID, &args, &*auth).is_err_and(too_large));
        let state = calls.lock();
        assert!(state.is_queue_empty() && state.queued.is_empty() && state.table.is_empty());
    }

    #[test]
    fn what_nobody_takes_is_bounded_however_many_calls_are_given_up() {
        let limits = Limits {
            unsent: 1_000,
            ..Limits::CLIENT
        };
        let calls = Calls::new(CallTable::new(1), Framing::Record, &limits);
        let args = Bytes::from(vec![7; 100]);
        let auth: Arc<dyn ClientAuth> = Arc::new(AuthNone);
        let begin = |has_waited| {
            calls
                .begin(&call(&args, &auth), Waker::noop(), has_waited)
                .unwrap()
        };
        // A call is 144 bytes long with its record mark.
        for _ in 0..7 {
            calls.cancel(begin(false).unwrap());
        }
        assert_eq!((begin(false), begin(true)), (None, None));
        assert_eq!(calls.lock().queued_bytes(), 7 * 144);
    }

    #[test]
    fn who_calls_again_is_neither_cloned_nor_kept_longer_than_the_next_caller() {
        let calls = Calls::new(CallTable::new(1), Framing::Record, &Limits::CLIENT);
        let (args, auth) = (Bytes::new(), Arc::new(AuthNone) as Arc<dyn ClientAuth>);
        let [one, other] = [(); 2].map(|()| Arc::new(Woken::default()));
        let begin = |caller: &Arc<Woken>| {
            let caller = Waker::from(caller.clone());
            calls.begin(&call(&args, &auth), &caller, false).unwrap()
        };
        let held = || (Arc::strong_count(&one), Arc::strong_count(&other));
        for calls_made in 1..4 {
            let xid = begin(&one).unwrap();
            assert_eq!(held(), (2, 1));
            answer(&calls, xid);
            assert_eq!(one.count(), calls_made);
            let polled = calls.poll(xid, &Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Ok(_))));
            assert_eq!(held(), (2, 1));
        }
        let xid = begin(&other).unwrap();
        assert_eq!(held(), (1, 2));
        calls.cancel(xid);
        assert_eq!(held(), (1, 1));
    }

    #[test]
    fn the_end_of_a_connection_lets_go_of_who_called_last() {
        let calls = Calls::new(CallTable::new(1), Framing::Record, &Limits::CLIENT);
        let woken = Arc::new(Woken::default());
        calls.lock().caller = Some(Waker::from(woken.clone()));
        calls.end(&Ok(()));
        assert_eq!(Arc::strong_count(&woken), 1);
    }

    #[test]
    fn nor_does_it_keep_who_takes_a_reply_of_before() {
        let calls = Calls::new(CallTable::new(1), Framing::Record, &Limits::CLIENT);
        let (args, auth) = (Bytes::new(), Arc::new(AuthNone) as Arc<dyn ClientAuth>);
        let woken = Arc::new(Woken::default());
        let begun = calls.begin(&call(&args, &auth), &woken.clone().into(), false);
        let xid = begun.unwrap().unwrap();
        answer(&calls, xid);
        calls.end(&Ok(()));
        let polled = calls.poll(xid, &Context::from_waker(Waker::noop()));
        assert!(matches!(polled, Poll::Ready(Ok(_))));
        assert_eq!(Arc::strong_count(&woken), 1);
    }

    #[test]
    fn the_driver_hears_that_the_last_call_was_given_up_where_no_more_are_taken() {
        let calls = Calls::new(CallTable::new(1), Framing::Record, &Limits::CLIENT);
        let (args, auth) = (Bytes::new(), Arc::new(AuthNone) as Arc<dyn ClientAuth>);
        let [one, last] = [(); 2].map(|()| {
            let begun = calls.begin(&call(&args, &auth), Waker::noop(), false);
            begun.unwrap().unwrap()
        });
        let driver = Arc::new(Woken::default());
        let mut state = calls.lock();
        state.forget_queue();
        state.driver = Some(Waker::from(driver.clone()));
        state.refused = Some(Arc::new(io::ErrorKind::ConnectionRefused.into()));
        drop(state);
        calls.cancel(one);
        assert!(driver.count() == 0 && !calls.is_abandoned());
        calls.cancel(last);
        assert!(driver.count() == 1 && calls.is_abandoned());
    }
}
