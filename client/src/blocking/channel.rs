//! The channel: a server's address, and the connection to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::call::caller::DEFAULT_TIMEOUT;
use oncrpc::call::carrier::{Arguments, Carrier};
use oncrpc::record::RecordLimits;
use oncrpc::{CallError, CallOptions, ProcedureId, Retransmit};
use oncrpc_xdr::{EncodeError, Writer};

use super::connection::{Connection, Message};
use super::line::{Line, Terms};
use crate::Endpoint;

/// A server, as threads call it.
///
/// It connects when it is first called, and again after its connection has ended. Clones share the connection, on
/// which any number of threads call at the same time: replies come in any order, and each call ends by its own
/// deadline whatever the others wait for. Over UDP a call is sent again until its reply comes or its time is up,
/// each time with the same xid.
///
/// ```no_run
/// # use std::time::Duration;
/// # use std::sync::Arc;
/// # use oncrpc_client::{Endpoint, auth_sys};
/// # use oncrpc_client::blocking::Channel;
/// let channel = Channel::to(Endpoint::Tcp("192.0.2.1:2049".parse()?))
///     .with_auth(Arc::new(auth_sys()?))
///     .with_timeout(Duration::from_secs(5));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Channel {
    line: Arc<Line>,
    auth: Arc<dyn ClientAuth>,
    timeout: Duration,
}

impl Channel {
    /// A channel to a server whose address is known.
    pub fn to(endpoint: Endpoint) -> Self {
        Self {
            line: Arc::new(Line::new(endpoint, Terms::default())),
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

    /// A channel to the same server, on a connection of its own, that repeats datagrams by another policy than
    /// [`Retransmit::adaptive`].
    #[must_use]
    pub fn with_retransmit(self, retransmit: Retransmit) -> Self {
        let terms = Terms {
            retransmit,
            ..self.line.terms
        };
        self.on(terms)
    }

    /// A channel to the same server, on a connection of its own, that accepts replies of this many bytes, header
    /// included; a longer one ends the connection. Default: 64 MiB.
    ///
    /// This is for streams; a datagram has never more than 65,535.
    #[must_use]
    pub fn with_max_reply(self, bytes: u32) -> Self {
        let limits = RecordLimits {
            record: bytes,
            ..self.line.terms.limits
        };
        let terms = Terms {
            limits,
            ..self.line.terms
        };
        self.on(terms)
    }

    /// A channel to the same server, on a connection of its own, at which who waits looks again and again for as long as
    /// this before it sleeps: busy polling. Default: zero, it sleeps at once.
    ///
    /// To be woken takes longer than a server that is near needs for a short call, so that one call at a time is answered
    /// sooner. It costs a processor for as long as a reply is waited for, at most this long for each; where several
    /// threads wait it is one of them that looks. A hundred microseconds are plenty on a network of one's own; a reply that
    /// takes longer is waited for as ever.
    ///
    /// It is not what Linux calls `SO_BUSY_POLL`, by which the kernel asks a network card for packets.
    #[must_use]
    pub fn with_busy_poll(self, time: Duration) -> Self {
        let terms = Terms {
            busy_poll: time,
            ..self.line.terms
        };
        self.on(terms)
    }

    fn on(self, terms: Terms) -> Self {
        let line = Line::new(self.line.endpoint.clone(), terms);
        Self {
            line: Arc::new(line),
            ..self
        }
    }

    /// Makes one call, whose arguments `encode` writes; gives back the body of its reply.
    pub fn exchange(
        &self,
        id: ProcedureId,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        options: &CallOptions,
    ) -> Result<Bytes, CallError> {
        self.try_twice(id, encode, options, Connection::call)
    }

    /// Has a message carried; on a new connection, if the old one had ended before it was sent.
    fn try_twice<T>(
        &self,
        id: ProcedureId,
        encode: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
        options: &CallOptions,
        carry: impl Fn(&Connection, Message<'_>) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let timeout = options.timeout_or(self.timeout);
        let deadline = Instant::now() + timeout;
        let mut args = Writer::new();
        encode(&mut args)?;
        let auth = options.auth.as_ref().unwrap_or(&self.auth);
        let mut last = false;
        let result = loop {
            let connection = self.line.connection(deadline, timeout)?;
            let message = Message {
                id,
                args: &args,
                auth: auth.clone(),
                deadline,
            };
            match carry(&connection, message) {
                Err(CallError::Connect(_)) if !last && Instant::now() < deadline => last = true,
                result => break result,
            }
        };
        // Connecting took a part of the time.
        result.map_err(|error| error.in_all(timeout))
    }
}

impl Carrier for Channel {
    async fn carry(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<Bytes, CallError> {
        self.exchange(id, |w| args.write(w), options)
    }

    async fn carry_one_way(
        &self,
        id: ProcedureId,
        args: &impl Arguments,
        options: &CallOptions,
    ) -> Result<(), CallError> {
        self.try_twice(id, |w| args.write(w), options, Connection::send)
    }
}
