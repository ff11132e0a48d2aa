//! The handle through which calls are made on a connection.

use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Weak};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::call::caller::DEFAULT_TIMEOUT;
use oncrpc::call::carrier::{Arguments, Carrier};
use oncrpc::{CallError, CallOptions, CallTable, Framing, ProcedureId};
use oncrpc_xdr::Writer;
use tokio::sync::Semaphore;

use crate::calls::{self, Calls};
use crate::{Driver, Limits, Link, clock};

/// A connection to a server: cheap to clone, shared by any number of tasks, replies in any order.
///
/// When the last clone is dropped the connection ends, as soon as what it has to write is written. Dropping
/// the future of a call forgets that call and nothing else: a message is given to the driver whole or not at
/// all.
#[derive(Clone, Debug)]
pub struct Connection {
    handle: Arc<Handle>,
    auth: Arc<dyn ClientAuth>,
    timeout: Duration,
}

#[derive(Debug)]
pub(crate) struct Handle {
    calls: Arc<Calls>,
    /// One for each call that may be in flight.
    permits: Semaphore,
    /// Bytes in the queue above which one-way calls wait.
    unsent: usize,
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
        let calls = Arc::new(Calls::new(table, link.framing()));
        let connection = Self::of(calls.clone(), &limits);
        let handle = Arc::downgrade(&connection.handle);
        let driver = Driver::new(link, limits).calling(calls, handle);
        (connection, driver)
    }

    /// A connection whose calls a driver of records takes up later.
    pub(crate) fn detached(limits: &Limits) -> (Self, Arc<Calls>) {
        let table = CallTable::new(random_xid());
        let calls = Arc::new(Calls::new(table, Framing::Record));
        (Self::of(calls.clone(), limits), calls)
    }

    fn of(calls: Arc<Calls>, limits: &Limits) -> Self {
        Self::with_handle(Arc::new(Handle {
            calls,
            permits: Semaphore::new(limits.in_flight),
            unsent: limits.unsent,
        }))
    }

    fn with_handle(handle: Arc<Handle>) -> Self {
        Self {
            handle,
            auth: Arc::new(AuthNone),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// The connection that a handle is of, if anybody can still call on it.
    pub(crate) fn upgrade(handle: &Weak<Handle>) -> Option<Self> {
        handle.upgrade().map(Self::with_handle)
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

    /// Whether the connection has ended; every new call fails from then on.
    ///
    /// Over datagrams it has ended, too, when nobody listens at the server's port any more, or when a call was sent
    /// again and nothing was heard of the server in all its time.
    pub fn is_ended(&self) -> bool {
        self.handle.calls.has_ended()
    }

    /// Waits until the connection has ended.
    pub async fn ended(&self) {
        self.handle.calls.ended().await;
    }
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
        let given = options.timeout_or(self.timeout);
        let (mut now, mut timeout) = (clock::now(), given);
        let permits = &self.handle.permits;
        let _permit = match permits.try_acquire() {
            Ok(permit) => permit,
            // INVARIANT: nobody closes the semaphore, so waiting ends with a permit or in time-out.
            Err(_) => match tokio::time::timeout(given, permits.acquire()).await {
                Ok(Ok(permit)) => {
                    let begun = std::mem::replace(&mut now, clock::now());
                    timeout = given.saturating_sub(now.saturating_duration_since(begun));
                    permit
                }
                Ok(Err(_)) | Err(_) => return Err(never_sent(given)),
            },
        };
        let auth = options.auth.as_ref().unwrap_or(&self.auth).clone();
        let calls = &*self.handle.calls;
        let write = |w: &mut Writer| args.write(w);
        let xid = calls.begin(id, write, calls::Caller { auth, now, timeout })?;
        let mut in_flight = InFlight {
            calls,
            xid: Some(xid),
        };
        let reply = poll_fn(|cx| calls.poll(xid, cx)).await;
        in_flight.xid = None;
        reply
    }

    /// It is ready when the message stands in the queue. While 4 MiB ([`Limits::unsent`]) of messages are there
    /// it waits, as long as the call is given.
    async fn carry_one_way(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let timeout = options.timeout_or(self.timeout);
        let room = self.handle.calls.room(self.handle.unsent);
        if tokio::time::timeout(timeout, room).await.is_err() {
            return Err(never_sent(timeout));
        }
        let auth = options.auth.as_ref().unwrap_or(&self.auth);
        let write = |w: &mut Writer| args.write(w);
        self.handle.calls.send(id, write, &**auth)
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
            self.calls.cancel(xid);
        }
    }
}
