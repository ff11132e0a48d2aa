//! What is called, and by whom.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc_xdr::Wire;

use crate::auth::ClientAuth;
use crate::call::error::CallError;

/// The three numbers that name a procedure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ProcedureId {
    /// The program.
    pub program: u32,
    /// Its version.
    pub version: u32,
    /// The procedure's number within the version.
    pub procedure: u32,
}

impl fmt::Display for ProcedureId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "program {} version {} procedure {}",
            self.program, self.version, self.procedure
        )
    }
}

/// What is known of a procedure without its types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcedureInfo {
    /// The program.
    pub program: u32,
    /// Its version.
    pub version: u32,
    /// The procedure's number within the version.
    pub number: u32,
    /// Its name in the .x file.
    pub name: &'static str,
}

impl ProcedureInfo {
    /// The three numbers alone.
    pub const fn id(&self) -> ProcedureId {
        ProcedureId {
            program: self.program,
            version: self.version,
            procedure: self.number,
        }
    }
}

impl From<ProcedureInfo> for ProcedureId {
    fn from(info: ProcedureInfo) -> Self {
        info.id()
    }
}

/// A procedure, as a type: its numbers, and the shapes of its arguments and results.
pub trait Procedure: 'static {
    /// Numbers and name.
    const INFO: ProcedureInfo;
    /// What the call carries.
    type Args: Wire<Value: Send + Sync + 'static>;
    /// What the reply carries.
    type Results: Wire<Value: Send + Sync + 'static>;
}

/// The arguments of procedure `P` as Rust holds them.
pub type Args<P> = <<P as Procedure>::Args as Wire>::Value;
/// The results of procedure `P` as Rust holds them.
pub type Results<P> = <<P as Procedure>::Results as Wire>::Value;

/// Something that procedures can be called through: a channel, a connection, a test's double.
pub trait Caller: Clone + Send + Sync {
    /// Calls `P` and waits for its results.
    ///
    /// Dropping the future forgets the call; the server may still execute it.
    fn call<P: Procedure>(
        &self,
        args: &Args<P>,
        options: &CallOptions,
    ) -> impl Future<Output = Result<Results<P>, CallError>> + Send;
}

/// A [`Caller`] that can also make calls without waiting for a reply: one-way calls, known as batched ones.
///
/// They are for procedures that the server does not answer (a [`Reject::Silent`](crate::Reject::Silent) where ours
/// is the server): each is sent as soon as it can be, and all that stand together leave in one write. Whether any
/// has arrived shows when a later call is answered, since a stream keeps their order. If the server answers one
/// after all, that reply is dropped.
pub trait OneWay: Caller {
    /// Sends a call of `P`; ready when it stands in the connection's output, which waits for room there if
    /// the server does not keep up, for no longer than the call's timeout. Over datagrams it is sent once.
    fn send<P: Procedure>(
        &self,
        args: &Args<P>,
        options: &CallOptions,
    ) -> impl Future<Output = Result<(), CallError>> + Send;
}

/// A [`Caller`] without types: for proxies, and for calls that are put together at run time.
pub trait RawCaller: Send + Sync {
    /// Calls procedure `id` with arguments that are encoded already; gives back the results as they came.
    fn call_raw(
        &self,
        id: ProcedureId,
        args: Bytes,
        options: CallOptions,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send>>;

    /// Sends a call as [`OneWay::send`] does.
    fn send_raw(
        &self,
        id: ProcedureId,
        args: Bytes,
        options: CallOptions,
    ) -> Pin<Box<dyn Future<Output = Result<(), CallError>> + Send>>;
}

/// Time that a call is given unless told otherwise: what rpcgen's C stubs give theirs.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(25);

/// Longest time that a call is given: a year. What is longer is taken for this, so that no deadline lies
/// beyond what a clock can say.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(365 * 24 * 3600);

/// The time when so much of it has passed, at most [`MAX_TIMEOUT`].
pub fn after(now: Instant, time: Duration) -> Instant {
    now.checked_add(time.min(MAX_TIMEOUT)).unwrap_or(now)
}

/// How one call is made, where it differs from what the channel does.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct CallOptions {
    /// Time for the whole call, connecting and every transmission included; `None` is the channel's own.
    pub timeout: Option<Duration>,
    /// Who calls; `None` is whom the channel was made for.
    pub auth: Option<Arc<dyn ClientAuth>>,
}

impl CallOptions {
    /// Limits the whole call to `timeout`. Over a stream, calls that are given the same time and begin one soon after the other end
    /// together, each by up to 1/256 of it later.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self
        }
    }

    /// Calls in the name of `auth`.
    #[must_use]
    pub fn auth(self, auth: Arc<dyn ClientAuth>) -> Self {
        Self {
            auth: Some(auth),
            ..self
        }
    }

    /// The time that the whole call has, of a channel that gives each call `usual`: never more than [`MAX_TIMEOUT`].
    pub fn timeout_or(&self, usual: Duration) -> Duration {
        self.timeout.unwrap_or(usual).min(MAX_TIMEOUT)
    }
}
