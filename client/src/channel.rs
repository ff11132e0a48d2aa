//! A way to a server that outlives its connections.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use oncrpc::auth::{AuthNone, ClientAuth};
use oncrpc::call::caller::{Args, Results};
use oncrpc::netid::{Family, Netid};
use oncrpc::{CallError, CallOptions, Caller, Procedure, ProcedureId, RawCaller, Retransmit};
use oncrpc_transport::connection::DEFAULT_TIMEOUT;
use oncrpc_transport::{Connection, Limits};
use tokio::time::{Instant, timeout_at};

use crate::connect::connect;
use crate::rpcbind::{Rpcbind, RpcbindAt};
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
    connection: Mutex<Option<Connection>>,
    /// Held while connecting, so that callers share one attempt.
    connecting: tokio::sync::Mutex<()>,
}

/// Where the server is, as far as that is known beforehand.
#[derive(Clone, Debug)]
enum Place {
    Endpoint(Endpoint),
    Port {
        target: Target,
        netid: Netid,
        port: u16,
    },
    Program {
        target: Target,
        netid: Netid,
        program: u32,
        version: u32,
        rpcbind: Option<RpcbindAt>,
    },
}

#[derive(Clone, Debug)]
struct Settings {
    auth: Arc<dyn ClientAuth>,
    timeout: Duration,
    limits: Limits,
    retransmit: Retransmit,
}

/// How a channel is put together; the last step says where the server is.
#[derive(Clone, Debug)]
#[must_use = "the channel is what `program`, `port` or `endpoint` gives back"]
pub struct Builder {
    target: Target,
    netid: Netid,
    rpcbind: Option<RpcbindAt>,
    settings: Settings,
}

impl Builder {
    /// Uses this transport. Default: `tcp`, or `local` for a Unix socket. `tcp6` and `udp6` use IPv6.
    pub fn netid(self, netid: Netid) -> Self {
        Self { netid, ..self }
    }

    /// Calls in the name of `auth`. Default: AUTH_NONE.
    pub fn auth(mut self, auth: Arc<dyn ClientAuth>) -> Self {
        self.settings.auth = auth;
        self
    }

    /// Gives each call this much time, connecting and every transmission included. Default: 25 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Grants the server other limits than [`Limits::CLIENT`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Repeats datagrams by another policy than the default one.
    pub fn retransmit(mut self, retransmit: Retransmit) -> Self {
        self.settings.retransmit = retransmit;
        self
    }

    /// Asks this rpcbind where programs are. Default: the one on the server's port 111, or on this host
    /// for the transport `local`.
    pub fn rpcbind(self, rpcbind: RpcbindAt) -> Self {
        Self {
            rpcbind: Some(rpcbind),
            ..self
        }
    }

    /// A channel to a program, at the address that rpcbind names when the channel connects.
    pub fn program(self, program: u32, version: u32) -> Channel {
        let Self {
            target,
            netid,
            rpcbind,
            settings,
        } = self;
        let place = match socket(&target) {
            Some(endpoint) => Place::Endpoint(endpoint),
            None => Place::Program {
                target,
                netid,
                program,
                version,
                rpcbind,
            },
        };
        Channel::new(place, settings)
    }

    /// A channel to a port, which rpcbind is not asked for. It means nothing for a Unix socket.
    pub fn port(self, port: u16) -> Channel {
        let Self {
            target,
            netid,
            settings,
            ..
        } = self;
        let place = match socket(&target) {
            Some(endpoint) => Place::Endpoint(endpoint),
            None => Place::Port {
                target,
                netid,
                port,
            },
        };
        Channel::new(place, settings)
    }
}

/// The Unix socket that a target is, if it is one.
fn socket(target: &Target) -> Option<Endpoint> {
    match target {
        Target::Unix(path) => Some(Endpoint::Unix(path.clone())),
        Target::Abstract(name) => Some(Endpoint::Abstract(name.clone())),
        Target::Host(_) | Target::Address(_) => None,
    }
}

impl Channel {
    /// Starts to put a channel together.
    pub fn builder(target: Target) -> Builder {
        let netid = match &target {
            Target::Host(_) | Target::Address(IpAddr::V4(_)) => Netid::Tcp,
            Target::Address(IpAddr::V6(_)) => Netid::Tcp6,
            Target::Unix(_) | Target::Abstract(_) => Netid::Local,
        };
        Builder {
            target,
            netid,
            rpcbind: None,
            settings: Settings::default(),
        }
    }

    /// A channel to a known address, with the defaults of everything.
    pub fn to(endpoint: Endpoint) -> Self {
        Self::new(Place::Endpoint(endpoint), Settings::default())
    }

    fn new(place: Place, settings: Settings) -> Self {
        let (connection, connecting) = (Mutex::default(), tokio::sync::Mutex::default());
        Self {
            inner: Arc::new(Inner {
                place,
                settings,
                connection,
                connecting,
            }),
        }
    }

    /// Connects now, so that an error shows now; otherwise the first call does.
    pub async fn connect(&self) -> Result<(), CallError> {
        let timeout = self.inner.settings.timeout;
        self.inner
            .connection(Instant::now() + timeout, timeout)
            .await
            .map(|_| ())
    }

    /// The tries that a call has.
    fn tries(&self, options: &CallOptions) -> Tries<'_> {
        let timeout = options.timeout.unwrap_or(self.inner.settings.timeout);
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
    inner: &'a Inner,
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
        matches!(error, CallError::Connect(_)) && !std::mem::replace(&mut self.last, true)
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
        &self,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Connection, CallError> {
        if let Some(connection) = self.current() {
            return Ok(connection);
        }
        let connecting = async {
            let _alone = self.connecting.lock().await;
            match self.current() {
                Some(connection) => Ok(connection),
                None => self.make_connection().await,
            }
        };
        let out_of_time = |_| CallError::TimedOut {
            after: timeout,
            sent: 0,
        };
        timeout_at(deadline, connecting)
            .await
            .map_err(out_of_time)?
    }

    /// The connection, if it has not ended.
    fn current(&self) -> Option<Connection> {
        let connection = self
            .connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        connection
            .as_ref()
            .filter(|connection| !connection.is_ended())
            .cloned()
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
                    let connection = connection.with_auth(auth.clone()).with_timeout(*timeout);
                    let mut current = self
                        .connection
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner);
                    *current = Some(connection.clone());
                    return Ok(connection);
                }
                Ok(Err(refused)) => error = refused,
                Err(_) => {
                    error = CallError::Connect(Arc::new(io::ErrorKind::TimedOut.into()));
                }
            }
        }
        Err(error)
    }
}

/// What could not be connected to, and why.
fn connect_error(endpoint: &Endpoint, error: &io::Error) -> CallError {
    CallError::Connect(Arc::new(io::Error::new(
        error.kind(),
        format!("{endpoint}: {error}"),
    )))
}

fn no_address() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotFound,
        "the host has no address for this transport",
    )
}

impl Place {
    /// The same place once for each address of its host.
    async fn addresses(&self) -> Result<Vec<Self>, CallError> {
        let (Self::Port {
            target: Target::Host(name),
            netid,
            ..
        }
        | Self::Program {
            target: Target::Host(name),
            netid,
            ..
        }) = self
        else {
            return Ok(vec![self.clone()]);
        };
        let Some(family) = netid.transport().map(|transport| transport.family) else {
            return Err(CallError::Connect(Arc::new(unsupported(netid))));
        };
        if family == Family::Loopback {
            return Ok(vec![self.clone()]);
        }
        let found = tokio::net::lookup_host((name.as_str(), 0))
            .await
            .map_err(|error| {
                CallError::Connect(Arc::new(io::Error::new(
                    error.kind(),
                    format!("{name}: {error}"),
                )))
            })?;
        let addresses = found.filter(|address| address.is_ipv4() == (family == Family::Inet));
        Ok(addresses.map(|address| self.at(address.ip())).collect())
    }

    /// The same place at one address.
    fn at(&self, address: IpAddr) -> Self {
        let mut place = self.clone();
        if let Self::Port { target, .. } | Self::Program { target, .. } = &mut place {
            *target = Target::Address(address);
        }
        place
    }

    /// Where to connect to; asks rpcbind if need be.
    async fn endpoint(&self) -> Result<Endpoint, CallError> {
        match self {
            Self::Endpoint(endpoint) => Ok(endpoint.clone()),
            Self::Port {
                target: Target::Address(address),
                netid,
                port,
            } => inet(netid, (*address, *port).into())
                .ok_or_else(|| CallError::Connect(Arc::new(unsupported(netid)))),
            Self::Program {
                target,
                netid,
                program,
                version,
                rpcbind,
            } => {
                let asked = match target {
                    Target::Address(address) => Some(*address),
                    _ => None,
                };
                let at = match (rpcbind, asked) {
                    (Some(rpcbind), _) => rpcbind.clone(),
                    (None, Some(address)) => inet(netid, (address, Rpcbind::PORT).into())
                        .map(RpcbindAt::Endpoint)
                        .ok_or_else(|| CallError::Connect(Arc::new(unsupported(netid))))?,
                    (None, None) => RpcbindAt::ThisHost,
                };
                lookup(at, *program, *version, netid.clone(), asked).await
            }
            Self::Port { netid, .. } => Err(CallError::Connect(Arc::new(unsupported(netid)))),
        }
    }
}

/// Asks rpcbind where a program is. Boxed, because rpcbind is called through a channel, too.
fn lookup(
    at: RpcbindAt,
    program: u32,
    version: u32,
    netid: Netid,
    asked: Option<IpAddr>,
) -> Pin<Box<dyn Future<Output = Result<Endpoint, CallError>> + Send>> {
    Box::pin(async move {
        let rpcbind = Rpcbind::connect(&at).await?;
        rpcbind.lookup_from(program, version, &netid, asked).await
    })
}

/// An internet endpoint of a transport.
fn inet(netid: &Netid, address: SocketAddr) -> Option<Endpoint> {
    Endpoint::of(netid, &oncrpc::uaddr::Uaddr::Inet(address))
}

fn unsupported(netid: &Netid) -> io::Error {
    let message = format!("transport {netid} cannot be used here");
    io::Error::new(io::ErrorKind::Unsupported, message)
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auth: Arc::new(AuthNone),
            timeout: DEFAULT_TIMEOUT,
            limits: Limits::CLIENT,
            retransmit: Retransmit::default(),
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Channel").field(&self.inner.place).finish()
    }
}
