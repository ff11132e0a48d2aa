//! The handle through which calls are made on a connection.

use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::call::caller::{DEFAULT_TIMEOUT, after};
use oncrpc::call::carrier::{Arguments, Carrier};
use oncrpc::call::table::{Ended, NewCall};
use oncrpc::{CallError, CallOptions, CallTable, Framing, ProcedureId};
use tokio::sync::{Mutex, MutexGuard};

use crate::calls::{self, Calls};
use crate::{Driver, Limits, Link, clock};

/// A connection to a server: cheap to clone, shared by any number of tasks, replies in any order.
///
/// When the last clone is dropped the connection ends, as soon as what it has to write is written. Dropping
/// the future of a call forgets that call and nothing else: a message is given to the driver whole or not at
/// all.
///
/// Arguments and credentials are written straight to where the connection sends them from, one call's after the other's. So code
/// that writes them, an `Encode` or a [`ClientAuth`] made by hand, must not call on the same connection: it would wait for itself.
#[derive(Clone, Debug)]
pub struct Connection {
    terms: Arc<Terms>,
}

/// Whose calls these are, and how they are made.
#[derive(Clone, Debug)]
struct Terms {
    handle: Arc<Handle>,
    auth: Arc<dyn ClientAuth>,
    timeout: Duration,
}

#[derive(Debug)]
pub(crate) struct Handle {
    calls: Arc<Calls>,
    /// Held by the call that gets the next place, of those that wait for one; it goes round in the order in which they came.
    first: Mutex<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.calls.abandon();
    }
}

impl Connection {
    /// A connection over `link`, and the driver that has to run for it.
    ///
    /// Calls are repeated if the table says so, which is for links that lose messages.
    pub fn new<L: Link>(
        link: L,
        table: CallTable,
        limits: impl Into<Arc<Limits>>,
    ) -> (Self, Driver<L>) {
        let limits = limits.into();
        let calls = Arc::new(Calls::new(table, link.framing(), &limits));
        let connection = Self::of(calls.clone());
        let handle = Arc::downgrade(&connection.terms.handle);
        let driver = Driver::new(link, limits).calling(calls, handle);
        (connection, driver)
    }

    /// A connection whose calls a driver of records takes up later.
    pub(crate) fn detached(limits: &Limits) -> (Self, Arc<Calls>) {
        let table = CallTable::new(random_xid());
        let calls = Arc::new(Calls::new(table, Framing::Record, limits));
        (Self::of(calls.clone()), calls)
    }

    fn of(calls: Arc<Calls>) -> Self {
        Self::with_handle(Arc::new(Handle {
            calls,
            first: Mutex::new(()),
        }))
    }

    fn on(terms: Terms) -> Self {
        let terms = Arc::new(terms);
        Self { terms }
    }

    fn with_handle(handle: Arc<Handle>) -> Self {
        Self::on(Terms {
            handle,
            auth: Arc::new(AuthNone),
            timeout: DEFAULT_TIMEOUT,
        })
    }

    /// The connection that a handle is of, if anybody can still call on it.
    pub(crate) fn upgrade(handle: &Weak<Handle>) -> Option<Self> {
        handle.upgrade().map(Self::with_handle)
    }

    /// The same connection, whose calls are made in the name of `auth` unless they say otherwise.
    #[must_use]
    pub fn with_auth(self, auth: Arc<dyn ClientAuth>) -> Self {
        Self::on(Terms {
            auth,
            ..(*self.terms).clone()
        })
    }

    /// The same connection, whose calls are given `timeout` unless they say otherwise.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self::on(Terms {
            timeout,
            ..(*self.terms).clone()
        })
    }

    /// Whether the connection has ended; every new call fails from then on.
    ///
    /// Over datagrams it has ended, too, when nobody listens at the server's port any more, or when a call was sent
    /// again and nothing was heard of the server in all its time.
    pub fn is_ended(&self) -> bool {
        self.calls().has_ended()
    }

    /// Waits until the connection has ended.
    pub async fn ended(&self) {
        self.calls().ended().await;
    }

    /// Makes a call.
    ///
    /// For a call that is answered nobody looks at the clock but the driver, once for many; so one that fails says when its time
    /// is up, for who tries again. One that had to wait for its place takes the rest of its time for all of it, which
    /// [`CallError::in_all`] mends.
    pub fn make<'a, A: Arguments>(
        &'a self,
        call: &'a NewCall<'a, A>,
    ) -> impl Future<Output = Result<Bytes, Box<Ended>>> + Send {
        Carried {
            connection: self,
            call,
            stage: Stage::New,
        }
    }

    /// Waits in line for a place among the calls in flight, until it is time.
    async fn turn(&self, until: Instant) -> Option<Turn<'_>> {
        let turn = async {
            let in_line = self.calls().stand_in_line();
            let first = self.terms.handle.first.lock().await;
            self.calls().place().await;
            Turn {
                _in_line: in_line,
                _first: first,
            }
        };
        let until = tokio::time::Instant::from_std(until);
        tokio::time::timeout_at(until, turn).await.ok()
    }

    fn calls(&self) -> &Calls {
        &self.terms.handle.calls
    }
}

/// Who holds this stands first in line for a place among the calls in flight.
pub(crate) struct Turn<'a> {
    _in_line: calls::InLine<'a>,
    _first: MutexGuard<'a, ()>,
}

/// An xid to begin with, which the connection before this one did not have.
pub fn random_xid() -> u32 {
    (RandomState::new().hash_one(()) >> 32) as u32
}

fn never_sent(after: Duration) -> CallError {
    CallError::TimedOut { after, sent: 0 }
}

impl Carrier for Connection {
    /// A call that the end of the connection kept from being sent fails with [`CallError::Connect`], one that may
    /// have arrived with [`CallError::Disconnected`].
    async fn carry(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<Bytes, CallError> {
        let call = NewCall {
            id,
            args,
            auth: options.auth.as_ref().unwrap_or(&self.terms.auth),
            timeout: options.timeout_or(self.terms.timeout),
        };
        let made = self.make(&call).await;
        made.map_err(|ended| ended.error.in_all(call.timeout))
    }

    /// It is ready when the message stands in the queue. While 4 MiB ([`Limits::unsent`]) of messages are there
    /// it waits, as long as the call is given.
    async fn carry_one_way(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let timeout = options.timeout_or(self.terms.timeout);
        let room = self.calls().room();
        if tokio::time::timeout(timeout, room).await.is_err() {
            return Err(never_sent(timeout));
        }
        let auth = options.auth.as_ref().unwrap_or(&self.terms.auth);
        self.calls().send(id, args, &**auth)
    }
}

/// A call: begun at the first poll, or when there is a place for it, and forgotten if it is dropped before its reply.
struct Carried<'a, A> {
    connection: &'a Connection,
    call: &'a NewCall<'a, A>,
    stage: Stage<'a>,
}

enum Stage<'a> {
    /// Not begun yet, or over.
    New,
    /// As many calls are in flight as may be. In a box, since it is seldom and takes more memory than all the rest.
    InLine(Box<Waiting<'a>>),
    InFlight(u32),
}

/// A call that waits in line for a place, and until when.
struct Waiting<'a> {
    until: Instant,
    turn: Pin<Box<dyn Future<Output = Option<Turn<'a>>> + Send + 'a>>,
}

impl<A: Arguments> Carried<'_, A> {
    /// Begins the call, if there is a place for it, which there is for who has waited for one.
    #[inline]
    fn begin(
        &mut self,
        cx: &Context<'_>,
        call: &NewCall<'_, A>,
        has_waited: bool,
    ) -> Result<bool, CallError> {
        let calls = self.connection.calls();
        let begun = calls.begin(call, cx.waker(), has_waited)?;
        if let Some(xid) = begun {
            self.stage = Stage::InFlight(xid);
        }
        Ok(begun.is_some())
    }

    #[cold]
    fn stand_in_line(&mut self, until: Instant) {
        let turn = Box::pin(self.connection.turn(until));
        self.stage = Stage::InLine(Box::new(Waiting { until, turn }));
    }

    /// Waits in line for a place, and begins the call when there is one.
    #[cold]
    fn poll_in_line(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, Box<Ended>>> {
        while let Stage::InLine(waiting) = &mut self.stage {
            let until = waiting.until;
            let begun = match ready!(waiting.turn.as_mut().poll(cx)) {
                Some(_turn) => {
                    let timeout = until.saturating_duration_since(clock::now());
                    let call = NewCall {
                        timeout,
                        ..*self.call
                    };
                    self.begin(cx, &call, true)
                }
                None => Err(never_sent(self.call.timeout)),
            };
            match begun {
                Ok(true) => {}
                Ok(false) => self.stand_in_line(until),
                Err(error) => {
                    let deadline = Some(until);
                    return Poll::Ready(Err(Ended { error, deadline }.into()));
                }
            }
        }
        Poll::Pending
    }
}

impl<A: Arguments> Future for Carried<'_, A> {
    type Output = Result<Bytes, Box<Ended>>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        match this.stage {
            Stage::InFlight(xid) => {
                let result = ready!(this.connection.calls().poll(xid, cx));
                this.stage = Stage::New;
                Poll::Ready(result)
            }
            Stage::New => match this.begin(cx, this.call, false) {
                Ok(true) => Poll::Pending,
                Ok(false) => {
                    this.stand_in_line(after(clock::now(), this.call.timeout));
                    this.poll_in_line(cx)
                }
                Err(error) => {
                    let deadline = None;
                    Poll::Ready(Err(Ended { error, deadline }.into()))
                }
            },
            Stage::InLine(_) => this.poll_in_line(cx),
        }
    }
}

impl<A> Drop for Carried<'_, A> {
    fn drop(&mut self) {
        if let Stage::InFlight(xid) = self.stage {
            self.connection.calls().cancel(xid);
        }
    }
}
