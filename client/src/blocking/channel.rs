//! The channel: a server's address, and the connection to it.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::call::caller::{Args, MAX_TIMEOUT, Results};
use oncrpc::call::table::{Due, NewCall};
use oncrpc::record::{self, RecordLimits};
use oncrpc::{
    CallError, CallOptions, CallTable, Caller, OneWay, Procedure, ProcedureId, RawCaller,
    Retransmit,
};
use oncrpc_xdr::{EncodeError, Reader, Wire, Writer};

use super::link::Link;
use crate::Endpoint;

/// A server, as a thread calls it.
///
/// It connects when it is first called, and again after its connection has ended. Clones share the connection;
/// calls of several threads are made one after the other. Over UDP a call is sent again until its reply comes or
/// its time is up, each time with the same xid.
#[derive(Clone, Debug)]
pub struct Channel {
    shared: Arc<Mutex<State>>,
    auth: Arc<dyn ClientAuth>,
    timeout: Duration,
}

#[derive(Debug)]
struct State {
    endpoint: Endpoint,
    link: Option<Link>,
    table: CallTable,
    limits: RecordLimits,
}

/// Time that a call is given unless told otherwise: what rpcgen's C stubs give theirs.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(25);

impl Channel {
    /// A channel to a server whose address is known.
    pub fn to(endpoint: Endpoint) -> Self {
        let table = CallTable::new((RandomState::new().hash_one(()) >> 32) as u32);
        let table = match endpoint {
            Endpoint::Udp(_) => table.with_retransmit(Retransmit::default()),
            _ => table,
        };
        let state = State {
            endpoint,
            link: None,
            table,
            limits: RecordLimits::CLIENT,
        };
        Self {
            shared: Arc::new(Mutex::new(state)),
            auth: Arc::new(AuthNone),
            timeout: DEFAULT_TIMEOUT,
        }
    }

    /// The same channel, whose calls are made in the name of `auth` unless they say otherwise. Default:
    /// AUTH_NONE.
    #[must_use]
    pub fn with_auth(self, auth: Arc<dyn ClientAuth>) -> Self {
        Self { auth, ..self }
    }

    /// The same channel, whose calls are given `timeout`, connecting included, unless they say otherwise.
    /// Default: 25 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Makes one call, whose arguments `encode` writes; gives back the body of its reply.
    pub fn exchange(
        &self,
        id: ProcedureId,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        options: &CallOptions,
    ) -> Result<Bytes, CallError> {
        let timeout = options.timeout.unwrap_or(self.timeout).min(MAX_TIMEOUT);
        let deadline = Instant::now() + timeout;
        let mut args = Writer::new();
        encode(&mut args)?;
        let auth = options.auth.as_ref().unwrap_or(&self.auth).clone();
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        let xid = state.begin(id, &args, auth, timeout, deadline)?;
        loop {
            let cx = Context::from_waker(Waker::noop());
            if let Poll::Ready(reply) = state.table.poll(xid, &cx) {
                return reply.map_err(|error| match error {
                    // Connecting took a part of the time.
                    CallError::TimedOut { sent, .. } => CallError::TimedOut {
                        after: timeout,
                        sent,
                    },
                    error => error,
                });
            }
            if let Err(error) = state.step(deadline) {
                // What follows would be out of step with what was lost.
                state.link = None;
                let lost = CallError::Disconnected(Arc::new(error));
                state.table.fail(xid, &lost);
            }
        }
    }
}

impl Channel {
    /// Sends one call that nobody waits for, whose arguments `encode` writes.
    fn send_encoded(
        &self,
        id: ProcedureId,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let timeout = options.timeout.unwrap_or(self.timeout).min(MAX_TIMEOUT);
        let deadline = Instant::now() + timeout;
        let mut args = Writer::new();
        encode(&mut args)?;
        let auth = options.auth.as_ref().unwrap_or(&self.auth).clone();
        let mut state = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let xid = state.begin(id, &args, auth, timeout, deadline)?;
        state.table.cancel(xid);
        Ok(())
    }
}

impl State {
    /// Connects if need be, and sends the call.
    fn begin(
        &mut self,
        id: ProcedureId,
        args: &Writer,
        auth: Arc<dyn ClientAuth>,
        timeout: Duration,
        deadline: Instant,
    ) -> Result<u32, CallError> {
        let left = || deadline.saturating_duration_since(Instant::now());
        let link = match self.link.take().filter(|link| !link.has_ended()) {
            Some(link) => self.link.insert(link),
            None => {
                let connected = Link::connect(&self.endpoint, left(), self.limits);
                let link = connected.map_err(|error| match left().is_zero() {
                    true => CallError::TimedOut {
                        after: timeout,
                        sent: 0,
                    },
                    false => CallError::Connect(Arc::new(error)),
                })?;
                self.link.insert(link)
            }
        };
        let call = NewCall {
            id,
            args,
            auth,
            timeout: left(),
        };
        let mut message = Writer::new();
        let record = link.is_stream().then(|| record::begin(&mut message));
        let xid = self.table.begin(Instant::now(), call, &mut message)?;
        let whole = record.map_or(Ok(()), |start| record::finish(&mut message, start));
        let len = message.len();
        if whole.is_err() {
            self.table.cancel(xid);
            let allowed = i32::MAX as usize;
            return Err(CallError::TooLarge { len, allowed });
        }
        if let Err(error) = link.send(message, deadline) {
            self.table.cancel(xid);
            if error.raw_os_error() == Some(nix::errno::Errno::EMSGSIZE as i32) {
                let allowed = MAX_DATAGRAM;
                return Err(CallError::TooLarge { len, allowed });
            }
            // A part of it may have arrived.
            self.link = None;
            return Err(CallError::Disconnected(Arc::new(error)));
        }
        Ok(xid)
    }

    /// Takes what arrives next, or does what is due first.
    fn step(&mut self, deadline: Instant) -> std::io::Result<()> {
        let now = Instant::now();
        let until = self.table.next_timer().unwrap_or(deadline);
        if until <= now {
            if let (Some(Due::Resend(message)), Some(link)) =
                (self.table.next_due(now), &mut self.link)
            {
                link.send(message, deadline)?;
            }
            return Ok(());
        }
        let Some(link) = &mut self.link else {
            return Err(std::io::ErrorKind::NotConnected.into());
        };
        if let Some(message) = link.receive(until)? {
            self.table.reply(Instant::now(), &message);
        }
        Ok(())
    }
}

impl Caller for Channel {
    async fn call<P: Procedure>(
        &self,
        args: &Args<P>,
        options: &CallOptions,
    ) -> Result<Results<P>, CallError> {
        let encode = |w: &mut Writer| <P::Args as Wire>::encode(args, w);
        let body = self.exchange(P::INFO.id(), encode, options)?;
        // Bytes behind the results are ignored, as libtirpc does.
        Ok(<P::Results as Wire>::decode(&mut Reader::of(&body))?)
    }
}

impl OneWay for Channel {
    async fn send<P: Procedure>(
        &self,
        args: &Args<P>,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        let encode = |w: &mut Writer| <P::Args as Wire>::encode(args, w);
        self.send_encoded(P::INFO.id(), encode, options)
    }
}

impl RawCaller for Channel {
    fn call_raw(
        &self,
        id: ProcedureId,
        args: Bytes,
        options: CallOptions,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send>> {
        let channel = self.clone();
        Box::pin(async move {
            let encode = |w: &mut Writer| {
                w.raw_shared(&args);
                Ok(())
            };
            channel.exchange(id, encode, &options)
        })
    }

    fn send_raw(
        &self,
        id: ProcedureId,
        args: Bytes,
        options: CallOptions,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>> {
        let channel = self.clone();
        Box::pin(async move {
            let encode = |w: &mut Writer| {
                w.raw_shared(&args);
                Ok(())
            };
            channel.send_encoded(id, encode, &options)
        })
    }
}

/// Most bytes that a UDP datagram carries over IPv4.
const MAX_DATAGRAM: usize = 65_507;
