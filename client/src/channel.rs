//! A way to a server that outlives its connections.

use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::call::caller::{Args, MAX_TIMEOUT, Results};
use oncrpc::{CallError, CallOptions, Caller, Procedure, ProcedureId, RawCaller};
use oncrpc_transport::Connection;
use tokio::time::{Instant, timeout_at};

use crate::attempt::Attempt;
use crate::builder::{Builder, Settings};
use crate::connect::connect;
use crate::place::Place;
use crate::{Endpoint, Target};

/// Time that connecting to one address may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A way to a server: cheap to clone, called through by any number of tasks at once.
///
/// It connects when it is first called, and again when it is called after its connection has ended. A call
/// that was sent when the connection was lost is not repeated; it fails with
/// [`CallError::Disconnected`], because the server may have executed it.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use oncrpc::netid::Netid;
/// use oncrpc::proto::portmap::pmapprog::{self, v2};
/// use oncrpc_client::Channel;
///
/// let channel = Channel::builder("server.example".parse()?)
///     .netid(Netid::Tcp)
///     .program(pmapprog::PROGRAM, v2::VERSION);
/// for program in v2::Client::new(channel).dump().await? {
///     println!("{program:?}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Channel {
    inner: Arc<Inner>,
}

struct Inner {
    place: Place,
    settings: Settings,
    state: Mutex<State>,
}

/// How far the channel is.
#[derive(Default)]
enum State {
    #[default]
    Idle,
    /// Weak, because an attempt lasts as long as somebody waits for it.
    Connecting(Weak<Attempt>),
    Connected(Connection),
}

impl Channel {
    /// Starts to put a channel together.
    pub fn builder(target: Target) -> Builder {
        Builder::new(target)
    }

    /// A channel to a known address, with the defaults of everything.
    pub fn to(endpoint: Endpoint) -> Self {
        Self::new(Place::Endpoint(endpoint), Settings::default())
    }

    pub(crate) fn new(place: Place, settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                place,
                settings,
                state: Mutex::default(),
            }),
        }
    }

    /// Connects now, so that an error shows now; otherwise the first call does.
    pub async fn connect(&self) -> Result<(), CallError> {
        let timeout = self.inner.settings.timeout.min(MAX_TIMEOUT);
        self.inner
            .connection(Instant::now() + timeout, timeout)
            .await
            .map(|_| ())
    }

    /// The tries that a call has.
    fn tries(&self, options: &CallOptions) -> Tries<'_> {
        let timeout = options
            .timeout
            .unwrap_or(self.inner.settings.timeout)
            .min(MAX_TIMEOUT);
        let deadline = Instant::now() + timeout;
        Tries {
            inner: &self.inner,
            options: options.clone(),
            timeout,
            deadline,
            last: false,
        }
    }
}

/// The tries that a call has: a second one, if the connection had ended before the first could be sent.
struct Tries<'a> {
    inner: &'a Arc<Inner>,
    options: CallOptions,
    timeout: Duration,
    deadline: Instant,
    last: bool,
}

impl Tries<'_> {
    /// A connection for the next try, and how to call on it.
    async fn next(&mut self) -> Result<(Connection, &CallOptions), CallError> {
        let connection = self.inner.connection(self.deadline, self.timeout).await?;
        self.options.timeout = Some(self.deadline.saturating_duration_since(Instant::now()));
        Ok((connection, &self.options))
    }

    /// Whether a call that failed is worth the other try.
    fn another(&mut self, error: &CallError) -> bool {
        let in_time = Instant::now() < self.deadline;
        let unsent = matches!(error, CallError::Connect(_));
        in_time && unsent && !std::mem::replace(&mut self.last, true)
    }

    /// The error as the caller sees it, who knows nothing of tries.
    fn whole(&self, error: CallError) -> CallError {
        match error {
            CallError::TimedOut { sent, .. } => CallError::TimedOut {
                after: self.timeout,
                sent,
            },
            error => error,
        }
    }
}

impl Caller for Channel {
    async fn call<P: Procedure>(
        &self,
        args: &Args<P>,
        options: &CallOptions,
    ) -> Result<Results<P>, CallError> {
        let mut tries = self.tries(options);
        loop {
            let (connection, options) = tries.next().await?;
            match connection.call::<P>(args, options).await {
                Err(error) if tries.another(&error) => {}
                result => return result.map_err(|error| tries.whole(error)),
            }
        }
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
            let mut tries = channel.tries(&options);
            loop {
                let (connection, options) = tries.next().await?;
                match connection.call_raw(id, args.clone(), options.clone()).await {
                    Err(error) if tries.another(&error) => {}
                    result => return result.map_err(|error| tries.whole(error)),
                }
            }
        })
    }
}

impl Inner {
    /// The connection, made if there is none.
    async fn connection(
        self: &Arc<Self>,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Connection, CallError> {
        let attempt = match self.current() {
            Ok(connection) => return Ok(connection),
            Err(attempt) => attempt,
        };
        let out_of_time = |_| CallError::TimedOut {
            after: timeout,
            sent: 0,
        };
        timeout_at(deadline, attempt.outcome())
            .await
            .map_err(out_of_time)?
    }

    /// The connection, if it has not ended; otherwise the attempt to make one, started if there is none.
    fn current(self: &Arc<Self>) -> Result<Connection, Arc<Attempt>> {
        let mut state = self.state();
        match &*state {
            State::Connected(connection) if !connection.is_ended() => {
                return Ok(connection.clone());
            }
            State::Connecting(attempt) if let Some(attempt) = attempt.upgrade() => {
                return Err(attempt);
            }
            _ => {}
        }
        let inner = self.clone();
        let attempt = Arc::new(Attempt::start(async move {
            let connected = inner.make_connection().await;
            *inner.state() = match &connected {
                Ok(connection) => State::Connected(connection.clone()),
                Err(_) => State::Idle,
            };
            connected
        }));
        *state = State::Connecting(Arc::downgrade(&attempt));
        Err(attempt)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects to the first of the server's addresses that takes it.
    async fn make_connection(&self) -> Result<Connection, CallError> {
        let Settings {
            auth,
            timeout,
            limits,
            retransmit,
        } = &self.settings;
        let mut error = CallError::Connect(Arc::new(no_address()));
        for place in self.place.addresses().await? {
            let connected = async {
                let endpoint = place.endpoint().await?;
                let connection = connect(&endpoint, *limits, *retransmit).await;
                connection.map_err(|error| connect_error(&endpoint, &error))
            };
            match tokio::time::timeout(CONNECT_TIMEOUT, connected).await {
                Ok(Ok(connection)) => {
                    return Ok(connection.with_auth(auth.clone()).with_timeout(*timeout));
                }
                Ok(Err(refused)) => error = refused,
                Err(_) => error = connect_error(&place, &no_answer()),
            }
        }
        Err(error)
    }
}

/// What could not be connected to, and why.
fn connect_error(what: &impl fmt::Display, error: &io::Error) -> CallError {
    CallError::Connect(Arc::new(io::Error::new(
        error.kind(),
        format!("{what}: {error}"),
    )))
}

fn no_answer() -> io::Error {
    let message = format!("no answer within {CONNECT_TIMEOUT:?}");
    io::Error::new(io::ErrorKind::TimedOut, message)
}

fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "the host has no address for this transport",
    )
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.inner.place).finish()
    }
}
