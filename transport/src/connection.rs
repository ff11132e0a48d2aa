//! The handle through which calls are made on a connection.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::call::caller::{Args, MAX_TIMEOUT, Results};
use oncrpc::call::table::{Due, NewCall, Refused};
use oncrpc::{
    CallError, CallOptions, CallTable, Caller, Framing, Procedure, ProcedureId, RawCaller, record,
};
use oncrpc_xdr::{EncodeError, Reader, Wire, Writer};
use tokio::sync::Semaphore;

use crate::{Driver, Limits, Link, clock};

/// Time that a call is given unless told otherwise: what rpcgen's C stubs give theirs.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(25);

/// A connection to a server: cheap to clone, shared by any number of tasks, replies in any order.
///
/// When the last clone is dropped the connection ends. Dropping the future of a call forgets that call
/// and nothing else: a message is given to the driver whole or not at all.
#[derive(Clone, Debug)]
pub struct Connection {
    handle: Arc<Handle>,
    auth: Arc<dyn ClientAuth>,
    timeout: Duration,
}

#[derive(Debug)]
struct Handle {
    calls: Arc<Calls>,
    /// One for each call that may be in flight.
    permits: Semaphore,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.calls.lock();
        state.abandoned = true;
        let driver = state.driver.take();
        drop(state);
        driver.into_iter().for_each(Waker::wake);
    }
}

impl Connection {
    /// A connection over `link`, and the driver that has to run for it.
    ///
    /// Calls are repeated if the table says so, which is for links that lose messages.
    pub fn new<L: Link>(link: L, table: CallTable, limits: Limits) -> (Self, Driver<L>) {
        let calls = Arc::new(Calls::new(table, link.framing()));
        let driver = Driver::new(link, limits).calling(calls.clone());
        let handle = Handle {
            calls,
            permits: Semaphore::new(limits.in_flight),
        };
        let auth = Arc::new(AuthNone);
        (
            Self {
                handle: Arc::new(handle),
                auth,
                timeout: DEFAULT_TIMEOUT,
            },
            driver,
        )
    }

    /// The same connection, whose calls are made in the name of `auth` unless they say otherwise.
    #[must_use]
    pub fn with_auth(self, auth: Arc<dyn ClientAuth>) -> Self {
        Self { auth, ..self }
    }

    /// The same connection, whose calls are given `timeout` unless they say otherwise.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Whether the connection has ended; every new call fails from then on. Datagrams have no connection: theirs
    /// ends with the first call that fails because nobody listens at the server's port.
    pub fn is_ended(&self) -> bool {
        let state = self.handle.calls.lock();
        state.ended.is_some() || state.refused
    }

    /// Makes one call, whose arguments `encode` writes; gives back the body of its reply.
    ///
    /// [`Caller`] and [`RawCaller`] are made of this. A call that the end of the connection kept from being
    /// sent fails with [`CallError::Connect`], one that may have arrived with [`CallError::Disconnected`].
    pub async fn exchange(
        &self,
        id: ProcedureId,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        options: &CallOptions,
    ) -> Result<Bytes, CallError> {
        let timeout = options.timeout.unwrap_or(self.timeout).min(MAX_TIMEOUT);
        let deadline = clock::now() + timeout;
        let permits = &self.handle.permits;
        let _permit = match permits.try_acquire() {
            Ok(permit) => permit,
            // INVARIANT: nobody closes the semaphore, so waiting ends with a permit or in time-out.
            Err(_) => match tokio::time::timeout(timeout, permits.acquire()).await {
                Ok(Ok(permit)) => permit,
                Ok(Err(_)) | Err(_) => {
                    return Err(CallError::TimedOut {
                        after: timeout,
                        sent: 0,
                    });
                }
            },
        };
        let auth = options.auth.as_ref().unwrap_or(&self.auth).clone();
        let calls = &*self.handle.calls;
        let xid = calls.begin(id, encode, auth, deadline)?;
        let mut in_flight = InFlight {
            calls,
            xid: Some(xid),
        };
        let reply = poll_fn(|cx| calls.lock().table.poll(xid, cx)).await;
        in_flight.xid = None;
        reply
    }
}

impl Caller for Connection {
    async fn call<P: Procedure>(
        &self,
        args: &Args<P>,
        options: &CallOptions,
    ) -> Result<Results<P>, CallError> {
        let encode = |w: &mut Writer| <P::Args as Wire>::encode(args, w);
        let body = self.exchange(P::INFO.id(), encode, options).await?;
        // Bytes behind the results are ignored, as libtirpc does.
        Ok(<P::Results as Wire>::decode(&mut Reader::of(&body))?)
    }
}

impl RawCaller for Connection {
    fn call_raw(
        &self,
        id: ProcedureId,
        args: Bytes,
        options: CallOptions,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send>> {
        let connection = self.clone();
        Box::pin(async move {
            let encode = |w: &mut Writer| {
                w.raw_shared(&args);
                Ok(())
            };
            connection.exchange(id, encode, &options).await
        })
    }
}

/// A call that its future waits for; forgotten if that is dropped before the reply.
struct InFlight<'a> {
    calls: &'a Calls,
    xid: Option<u32>,
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        if let Some(xid) = self.xid {
            self.calls.lock().table.cancel(xid);
        }
    }
}

/// What callers and the driver share: the table, and the messages that are on their way from one to the
/// other.
#[derive(Debug)]
pub(crate) struct Calls {
    state: Mutex<State>,
    framing: Framing,
}

#[derive(Debug)]
struct State {
    table: CallTable,
    /// Messages that the driver has not taken yet: one writer of records, or one for each datagram.
    queue: Vec<Writer>,
    /// The calls that these are of.
    queued: Vec<u32>,
    /// Where arguments are encoded before they are sealed.
    args: Writer,
    driver: Option<Waker>,
    /// Why the connection ended, if it has.
    ended: Option<Arc<io::Error>>,
    /// Nobody listens at the peer's port; calls in flight may still be repeated, but there will be no more.
    refused: bool,
    /// Nobody can call any more.
    abandoned: bool,
}

impl Calls {
    fn new(table: CallTable, framing: Framing) -> Self {
        let state = State {
            table,
            queue: Vec::new(),
            queued: Vec::new(),
            args: Writer::new(),
            driver: None,
            ended: None,
            refused: false,
            abandoned: false,
        };
        Self {
            state: Mutex::new(state),
            framing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call: its message is in the queue, whole, when this returns its xid.
    fn begin(
        &self,
        id: ProcedureId,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        auth: Arc<dyn ClientAuth>,
        deadline: Instant,
    ) -> Result<u32, CallError> {
        let now = clock::now();
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(ended) = &state.ended {
            return Err(CallError::Connect(ended.clone()));
        }
        if state.refused {
            let refused = io::ErrorKind::ConnectionRefused.into();
            return Err(CallError::Connect(Arc::new(refused)));
        }
        state.args.clear();
        encode(&mut state.args)?;
        let timeout = deadline.saturating_duration_since(now);
        let call = NewCall {
            id,
            args: &state.args,
            auth,
            timeout,
        };
        let xid = match self.framing {
            Framing::Record => {
                if state.queue.is_empty() {
                    state.queue.push(Writer::new());
                }
                let queue = &mut state.queue[0];
                let start = record::begin(queue);
                let begun = state.table.begin(now, call, queue);
                begun
                    .and_then(|xid| match record::finish(queue, start) {
                        Ok(()) => Ok(xid),
                        Err(_) => {
                            state.table.cancel(xid);
                            let len = queue.len_since(start);
                            Err(CallError::TooLarge {
                                len,
                                allowed: i32::MAX as usize,
                            })
                        }
                    })
                    .inspect_err(|_| queue.truncate(start))?
            }
            Framing::Datagram { max } => {
                let mut message = Writer::new();
                let xid = state.table.begin(now, call, &mut message)?;
                if message.len() > max {
                    state.table.cancel(xid);
                    return Err(CallError::TooLarge {
                        len: message.len(),
                        allowed: max,
                    });
                }
                state.queue.push(message);
                xid
            }
        };
        state.queued.push(xid);
        if let Some(driver) = state.driver.take() {
            driver.wake();
        }
        Ok(xid)
    }

    /// Gives the driver the messages that wait for it, and remembers whom to wake for the next.
    pub(crate) fn collect(&self, cx: &mut Context<'_>, link: &mut impl Link) {
        let mut state = self.lock();
        for message in &mut state.queue {
            if !message.is_empty() {
                link.send(message);
            }
        }
        if matches!(self.framing, Framing::Datagram { .. }) {
            state.queue.clear();
        }
        state.queued.clear();
        match &mut state.driver {
            Some(driver) => driver.clone_from(cx.waker()),
            driver => *driver = Some(cx.waker().clone()),
        }
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
    pub(crate) fn refused(&self, now: Instant, quoted: &[u8]) {
        let mut state = self.lock();
        let woken = match state.table.refused(now, quoted) {
            // The driver, who asks, looks at its timers after this.
            Refused::Noted | Refused::Hastened(_) => None,
            Refused::GivenUp(waker) => {
                state.refused = true;
                waker
            }
        };
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Ends the calls whose time is up and sends again what is due; gives back whether it sent anything.
    pub(crate) fn expire(&self, now: Instant, link: &mut impl Link) -> bool {
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
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        sent
    }

    /// When [`expire`](Self::expire) has something to do next.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.lock().table.next_timer()
    }

    /// Whether a reply is waited for.
    pub(crate) fn in_flight(&self) -> bool {
        !self.lock().table.is_empty()
    }

    /// Whether nobody can call any more, nor waits for a reply.
    pub(crate) fn is_abandoned(&self) -> bool {
        let state = self.lock();
        state.abandoned && state.table.is_empty()
    }

    /// Ends every call in flight, and every later one, with the connection.
    pub(crate) fn end(&self, ended: &io::Result<()>) {
        let error = Arc::new(match ended {
            Ok(()) => io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed it"),
            // An io::Error cannot be cloned; what it says can.
            Err(error) => io::Error::new(error.kind(), error.to_string()),
        });
        let mut state = self.lock();
        // What the driver has not taken was never sent: it can be repeated without a doubt.
        let queued = std::mem::take(&mut state.queued);
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
        drop(state);
        woken.into_iter().for_each(Waker::wake);
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
        if self.lock().ended.is_none() {
            let dropped = "the task that drove the connection was ended";
            self.end(&Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                dropped,
            )));
        }
    }
}
