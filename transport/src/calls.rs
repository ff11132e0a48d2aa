//! What the callers on a connection share with its driver.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc::auth::ClientAuth;
use oncrpc::call::table::{Due, NewCall, Refused};
use oncrpc::{CallError, CallTable, Framing, ProcedureId, record};
use oncrpc_xdr::{EncodeError, Writer};
use tokio::sync::Notify;

use crate::Link;
use crate::connection::Turn;

/// What callers and the driver share: the table, and the messages that are on their way from one to the
/// other.
#[derive(Debug)]
pub(crate) struct Calls {
    state: Mutex<State>,
    framing: Framing,
    /// Calls that may be in flight.
    most: usize,
    /// Whether the connection takes no more calls, for who asks without the lock.
    over: AtomicBool,
    /// Told when the driver has taken messages, when there is a place for a call that waits for one, and when the
    /// connection has ended.
    changed: Notify,
}

#[derive(Debug)]
struct State {
    table: CallTable,
    /// Messages that the driver has not taken yet: one writer of records, or one for each datagram.
    queue: Vec<Writer>,
    /// The calls that these are of.
    queued: Vec<u32>,
    /// Calls that wait for a place among those in flight.
    waiting: usize,
    /// Where arguments are encoded before they are sealed.
    args: Writer,
    driver: Option<Waker>,
    /// Why the connection ended, if it has.
    ended: Option<Arc<io::Error>>,
    /// Why there are no more calls although those in flight may yet be answered.
    refused: Option<Arc<io::Error>>,
    /// Nobody can call any more.
    abandoned: bool,
}

/// Who calls, from when on, how long that may take, and who waits for it.
pub(crate) struct Caller<'a> {
    pub(crate) auth: &'a Arc<dyn ClientAuth>,
    pub(crate) now: Instant,
    pub(crate) timeout: Duration,
    pub(crate) waker: &'a Waker,
    /// The place that it has waited for, if it has.
    pub(crate) turn: Option<Turn<'a>>,
}

/// What expiring has come to.
pub(crate) struct Expired {
    /// Whether something was sent again.
    pub(crate) sent: bool,
    /// When something is due next, if [a reply is waited for](Calls::awaits_replies).
    pub(crate) next: Option<Instant>,
}

impl Calls {
    /// Calls over messages in `framing`, `most` of them in flight at once.
    pub(crate) fn new(table: CallTable, framing: Framing, most: usize) -> Self {
        let state = State {
            table,
            queue: Vec::new(),
            queued: Vec::new(),
            waiting: 0,
            args: Writer::new(),
            driver: None,
            ended: None,
            refused: None,
            abandoned: false,
        };
        Self {
            state: Mutex::new(state),
            framing,
            most,
            over: AtomicBool::new(false),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call, unless as many are in flight as may be: its message is in the queue, whole, when this returns
    /// its xid, and `caller`'s waker is woken when it has ended.
    pub(crate) fn begin(
        &self,
        id: ProcedureId,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        caller: Caller<'_>,
    ) -> Result<Option<u32>, CallError> {
        let Caller {
            auth,
            now,
            timeout,
            waker,
            turn,
        } = caller;
        // Locked after the turn was taken, and so given back before it: leaving the line takes the lock, too.
        let mut state = self.lock();
        let is_first = turn.is_some() || state.waiting == 0;
        let has_place = is_first && state.table.len() < self.most;
        // Nobody waits for a place where there are no more calls: that they are over is for `enqueue` to say.
        if !has_place && state.is_over().is_none() {
            return Ok(None);
        }
        let xid = state.enqueue(self.framing, encode, |table, args, message| {
            let call = NewCall {
                id,
                args,
                auth,
                timeout,
                waiter: Some(waker.clone()),
            };
            table.begin(now, call, message)
        })?;
        state.queued.push(xid);
        state.wake_driver();
        Ok(Some(xid))
    }

    /// Has later calls wait for those that stand in line already, of which the caller is one as long as this is kept.
    pub(crate) fn stand_in_line(&self) -> InLine<'_> {
        let mut state = self.lock();
        state.waiting = state.waiting.saturating_add(1);
        InLine(self)
    }

    /// Waits until less calls are in flight than may be, or the connection has ended.
    pub(crate) async fn place(&self) {
        let most = self.most;
        self.until(|state| state.table.len() < most || state.is_over().is_some())
            .await;
    }

    /// Puts the message of a call that nobody waits for in the queue.
    pub(crate) fn send(
        &self,
        id: ProcedureId,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        auth: &dyn ClientAuth,
    ) -> Result<(), CallError> {
        let mut state = self.lock();
        state.enqueue(self.framing, encode, |table, args, message| {
            table.send(id, args, auth, message)
        })?;
        state.wake_driver();
        Ok(())
    }

    /// Waits until less than `most` bytes are in the queue, or the connection has ended.
    pub(crate) async fn room(&self, most: usize) {
        self.until(|state| state.queued_bytes() < most || state.is_over().is_some())
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
    pub(crate) fn poll(&self, xid: u32, cx: &Context<'_>) -> Poll<Result<Bytes, CallError>> {
        let mut state = self.lock();
        let polled = state.table.poll(xid, cx);
        if polled.is_ready() {
            self.made_room(&state);
        }
        polled
    }

    /// Forgets call `xid`.
    pub(crate) fn cancel(&self, xid: u32) {
        let mut state = self.lock();
        state.table.cancel(xid);
        self.made_room(&state);
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
        state.wake_driver();
    }

    /// Whether the connection takes no more calls.
    pub(crate) fn has_ended(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Gives the driver the messages that wait for it, unless its link has `most` bytes to write already, and
    /// remembers whom to wake for the next. Gives back whether the queue is empty then.
    pub(crate) fn collect(&self, cx: &Context<'_>, link: &mut impl Link, most: usize) -> bool {
        let mut state = self.lock();
        let state = &mut *state;
        match &mut state.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            driver => *driver = Some(cx.waker().clone()),
        }
        if state.is_queue_empty() {
            return true;
        }
        if link.unsent() >= most {
            return false;
        }
        // Whoever waits for room found at least this much here.
        let was_full = state.queued_bytes() >= most;
        for message in &mut state.queue {
            if !message.is_empty() {
                link.send(message);
            }
        }
        if matches!(self.framing, Framing::Datagram { .. }) {
            state.queue.clear();
        }
        state.queued.clear();
        if was_full {
            self.changed.notify_waiters();
        }
        true
    }

    /// Takes replies that arrived at `now` to the calls that they answer.
    pub(crate) fn complete(&self, now: Instant, replies: &[Bytes]) {
        let mut state = self.lock();
        let woken: Vec<Waker> = replies
            .iter()
            .filter_map(|reply| state.table.reply(now, reply))
            .collect();
        drop(state);
        woken.into_iter().for_each(Waker::wake);
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
    /// If nothing is heard of the server any more, the connection has ended for later calls.
    pub(crate) fn expire(&self, now: Instant, link: &mut impl Link) -> Expired {
        let mut state = self.lock();
        let mut woken = Vec::new();
        let mut sent = false;
        while let Some(due) = state.table.next_due(now) {
            match due {
                Due::Expired(waker) => woken.extend(waker),
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
        match silent {
            true => self.tell_over(state),
            false => drop(state),
        }
        woken.into_iter().for_each(Waker::wake);
        Expired { sent, next }
    }

    /// Whether a reply is waited for. One that has come and was not taken yet is not: nobody says when it is.
    pub(crate) fn awaits_replies(&self) -> bool {
        self.lock().table.next_timer().is_some()
    }

    /// Whether nobody can call any more, nor waits for a reply, nor has sent what is not taken yet.
    pub(crate) fn is_abandoned(&self) -> bool {
        let state = self.lock();
        state.abandoned && state.table.is_empty() && state.is_queue_empty()
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
        let queued = std::mem::take(&mut state.queued);
        state.queue.clear();
        let unsent = CallError::Connect(error.clone());
        let mut woken: Vec<Waker> = queued
            .into_iter()
            .filter_map(|xid| state.table.fail(xid, &unsent))
            .collect();
        woken.extend(
            state
                .table
                .fail_all(&CallError::Disconnected(error.clone())),
        );
        state.ended = Some(error);
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
    fn enqueue(
        &mut self,
        framing: Framing,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        write: impl FnOnce(&mut CallTable, &Writer, &mut Writer) -> Result<u32, CallError>,
    ) -> Result<u32, CallError> {
        if let Some(over) = self.is_over() {
            return Err(CallError::Connect(over.clone()));
        }
        self.args.clear();
        encode(&mut self.args)?;
        match framing {
            Framing::Record => {
                if self.queue.is_empty() {
                    self.queue.push(Writer::new());
                }
                let queue = &mut self.queue[0];
                let start = record::begin(queue);
                let written = write(&mut self.table, &self.args, queue);
                written
                    .and_then(|xid| match record::finish(queue, start) {
                        Ok(()) => Ok(xid),
                        Err(_) => {
                            self.table.cancel(xid);
                            let (len, allowed) = (queue.len_since(start), i32::MAX as usize);
                            Err(CallError::TooLarge { len, allowed })
                        }
                    })
                    .inspect_err(|_| queue.truncate(start))
            }
            Framing::Datagram { max } => {
                let mut message = Writer::new();
                let xid = write(&mut self.table, &self.args, &mut message)?;
                if message.len() > max {
                    self.table.cancel(xid);
                    let (len, allowed) = (message.len(), max);
                    return Err(CallError::TooLarge { len, allowed });
                }
                self.queue.push(message);
                Ok(xid)
            }
        }
    }

    /// Why the connection takes no more calls, if it does not.
    fn is_over(&self) -> Option<&Arc<io::Error>> {
        self.ended.as_ref().or(self.refused.as_ref())
    }

    fn queued_bytes(&self) -> usize {
        self.queue.iter().map(Writer::len).sum()
    }

    fn is_queue_empty(&self) -> bool {
        self.queue.iter().all(Writer::is_empty)
    }

    fn wake_driver(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
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
