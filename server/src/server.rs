//! What is served, where and how: the builder.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use oncrpc::auth::ServerAuth;
use oncrpc::uaddr::Uaddr;
use oncrpc::{Service, Services};
use oncrpc_client::{Mapping, Policy, RegisterError, RpcbindAt};
use oncrpc_transport::datagram::{Admission, DatagramLimits};
use oncrpc_transport::{Budget, LadderPool, Limits, Stop};
use oncrpc_xdr::XdrString;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use crate::accept::Connections;
use crate::gate::Gate;
use crate::intercept::{self, Intercept};
use crate::listen::{Bound, Listen, Listener};
use crate::observe::{self, Observer};
use crate::registered::{self, Register};
use crate::renewal::RENEW_EVERY;
use crate::running::Running;
use crate::threads::{self, Datagrams};

/// What a server grants its peers.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// What each TCP connection may hold, and how long it may take.
    pub connection: Limits,
    /// The same for Unix sockets, which by default may be idle for ever: a kernel keeps its connection to
    /// rpcbind from start to stop.
    pub unix_connection: Limits,
    /// Bytes that all connections together hold, in and out: parts of records, calls at hand, unsent replies.
    /// Default 64 MiB.
    ///
    /// Half of it is dealt out, an equal share to each of [`connections`](Self::connections), and nobody who keeps to
    /// that waits for others. The rest is for whoever needs more; when it is used up, connections over their
    /// share are not read for as long, and those that have been in the middle of a record for
    /// [`Limits::mid_record`] are ended.
    pub bytes: usize,
    /// What each UDP socket may hold.
    pub datagram: DatagramLimits,
    /// Connections at once, over all listeners. Default 4,096.
    ///
    /// Whoever comes when there is no place gets that of a connection that nobody uses
    /// ([`evict_after`](Self::evict_after)). When all are in use it waits in the kernel's backlog until one is not:
    /// the listener accepts no more.
    pub connections: usize,
    /// When there is no place for one more, connections without a call in flight whose peer has sent no good
    /// record for this time are ended: first those whose peer never sent one. For a peer from elsewhere none of
    /// this host's is. `None` ends nobody's. Default 10 s.
    pub evict_after: Option<Duration>,
    /// How many of these only peers on this host get, by a Unix socket or loopback, so that a crowd from
    /// elsewhere never keeps the host's own programs out; at most half of them all. Default 64.
    ///
    /// It is by a listener of their own that they get there: on a listener where a peer from elsewhere waits
    /// for its place, they wait behind it.
    pub reserved: usize,
    /// Connections at once of one address from elsewhere; an IPv6 address stands for its /64. One more is
    /// accepted and closed at once, so that nobody waits behind it. Loopback is not counted: it is everybody on
    /// this host. Default 256.
    pub per_address: usize,
    /// Connections at once of one user by Unix sockets; one more is closed at once. Default 1,024.
    pub per_uid: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connection: Limits::SERVER,
            unix_connection: Limits {
                idle: None,
                ..Limits::SERVER
            },
            bytes: 64 << 20,
            datagram: DatagramLimits::SERVER,
            connections: 4096,
            evict_after: Some(Duration::from_secs(10)),
            reserved: 64,
            per_address: 256,
            per_uid: 1024,
        }
    }
}

/// A server that has not been started.
///
/// ```no_run
/// # async fn example(hello: std::sync::Arc<dyn oncrpc::Service>) -> Result<(), Box<dyn std::error::Error>> {
/// use oncrpc_server::{Listen, Server};
///
/// let running = Server::new()
///     .service(hello)
///     .listen(Listen::Tcp("[::1]:0".parse()?))
///     .listen(Listen::Udp("[::1]:0".parse()?))
///     .start()
///     .await?;
/// println!("{:?}", running.bound());
/// # Ok(())
/// # }
/// ```
pub struct Server {
    services: Vec<Arc<dyn Service>>,
    auth: Option<Arc<dyn ServerAuth>>,
    intercepts: Vec<Arc<dyn Intercept>>,
    observers: Vec<Arc<dyn Observer>>,
    listen: Vec<Listen>,
    limits: ServerLimits,
    datagram_threads: usize,
    register: Option<Register>,
    renew_every: Option<Duration>,
}

/// Why a server could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A place to listen at could not be had.
    #[error("cannot listen at {at}: {error}")]
    Listen {
        /// The place.
        at: String,
        /// Why not.
        error: io::Error,
    },
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// A service could not be registered.
    #[error("cannot register: {0}")]
    Register(#[from] RegisterError),
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Server {
    /// A server that serves nothing, nowhere.
    pub fn new() -> Self {
        Self {
            services: Vec::new(),
            auth: None,
            intercepts: Vec::new(),
            observers: Vec::new(),
            listen: Vec::new(),
            limits: ServerLimits::default(),
            datagram_threads: 1,
            register: None,
            renew_every: Some(RENEW_EVERY),
        }
    }

    /// Serves one more version of a program.
    #[must_use]
    pub fn service(mut self, service: Arc<dyn Service>) -> Self {
        self.services.push(service);
        self
    }

    /// Listens at one more place.
    #[must_use]
    pub fn listen(mut self, listen: Listen) -> Self {
        self.listen.push(listen);
        self
    }

    /// Judges credentials by `auth` instead of [`StandardAuth`](oncrpc::auth::StandardAuth).
    #[must_use]
    pub fn auth(self, auth: Arc<dyn ServerAuth>) -> Self {
        Self {
            auth: Some(auth),
            ..self
        }
    }

    /// Has each call of every service looked at before, by this and those that were given before it, in the order
    /// in which they were given. [`Access`](crate::Access) is one. Without any, everybody may call.
    #[must_use]
    pub fn intercept(mut self, intercept: impl Intercept) -> Self {
        self.intercepts.push(Arc::new(intercept));
        self
    }

    /// Has `observer` hear of each call of every service.
    #[must_use]
    pub fn observe(mut self, observer: impl Observer) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Grants other limits than the default ones.
    #[must_use]
    pub fn limits(self, limits: ServerLimits) -> Self {
        Self { limits, ..self }
    }

    /// Has datagrams answered by so many threads: by a task of the runtime that the server is started in, which is all that
    /// there is by default, and by threads of the server's own.
    ///
    /// It is for servers whom so many ask over UDP that one core is not enough; connections are dealt out to the threads of a
    /// runtime that has several without it. Each thread has a socket of its own at the address ([`Listen::Udp`]), and the
    /// kernel deals out who calls: one caller is answered by one thread. A socket that was handed over is shared by all of
    /// them, which costs the kernel more for each call. Handlers are polled in the thread that received their call, in a
    /// runtime of its own, and end with the server.
    #[must_use]
    pub fn datagram_threads(self, threads: usize) -> Self {
        Self {
            datagram_threads: threads,
            ..self
        }
    }

    /// Registers every version with this rpcbind, at every listener, while the server runs. Without this
    /// nothing is registered, and clients have to know the port.
    ///
    /// An rpcbind that was restarted, or comes late, is told again: see [`renew_every`](Self::renew_every).
    #[must_use]
    pub fn register(self, policy: Policy, rpcbind: RpcbindAt) -> Self {
        Self {
            register: Some(registered::register(policy, rpcbind)),
            ..self
        }
    }

    /// Registers again after this time, and again and again, each time up to a fifth sooner or later; `None` is
    /// never. Default 60 s, which is as long as a service may be missing from an rpcbind that was restarted.
    ///
    /// rpcbind changes nothing where it knows an address already. With [`Policy::BestEffort`] this is also how a
    /// server that was started before rpcbind comes to be registered. What an administrator deletes from rpcbind
    /// comes back.
    #[must_use]
    pub fn renew_every(self, every: Option<Duration>) -> Self {
        Self {
            renew_every: every,
            ..self
        }
    }

    /// Binds every listener, registers with rpcbind if that is wanted, and serves from then on.
    pub async fn start(self) -> Result<Running, StartError> {
        let Self {
            services,
            auth,
            intercepts,
            observers,
            listen,
            limits,
            datagram_threads,
            register,
            renew_every,
        } = self;
        // The last to be asked is next to the service.
        let behind_all = |service| {
            intercepts
                .iter()
                .rev()
                .cloned()
                .fold(service, intercept::behind)
        };
        // Observers stand before all of these: they see what is refused, too.
        let seen_by_all = |service| observers.iter().cloned().fold(service, observe::observed);
        let services = services.into_iter().map(behind_all).map(seen_by_all);
        let mut services = Services::new(services);
        if let Some(auth) = auth {
            services = services.with_auth(auth);
        }
        let (listeners, bound): (Vec<_>, Vec<_>) = listen
            .into_iter()
            .map(|listen| {
                let at = listen.to_string();
                listen
                    .bind(datagram_threads)
                    .map_err(|error| StartError::Listen { at, error })
            })
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .unzip();
        let bound: Vec<Bound> = bound.into_iter().flatten().collect();
        let mappings = mappings(&services, &bound);
        let ladders = Arc::new(LadderPool::new(Arc::new(services)));
        let gate = Gate::new(limits);
        let budget = Arc::new(Budget::new(limits.bytes, limits.connections));
        let stop = Stop::new();
        let mut tasks = JoinSet::new();
        let (mut datagrams, mut admissions) = (Vec::new(), Vec::new());
        for listener in listeners {
            let connections = |limits| Connections {
                ladders: ladders.clone(),
                limits: Arc::new(limits),
                gate: gate.clone(),
                budget: budget.clone(),
                stop: stop.subscribe(),
            };
            match listener {
                Listener::Tcp(listener, whose) => {
                    tasks.spawn(connections(limits.connection).accept_from(listener, whose));
                }
                Listener::Unix(listener, whose, file) => {
                    let connections = connections(limits.unix_connection);
                    tasks.spawn(async move {
                        let _file = file;
                        connections.accept_from(listener, whose).await;
                    });
                }
                Listener::TcpStream(stream) => {
                    tasks.spawn(connections(limits.connection).serve_only::<TcpListener>(stream));
                }
                Listener::UnixStream(stream) => {
                    let connections = connections(limits.unix_connection);
                    tasks.spawn(connections.serve_only::<UnixListener>(stream));
                }
                Listener::Udp(sockets) => {
                    let ladders = ladders.clone();
                    let now = tokio::time::Instant::now().into_std();
                    let admission = Arc::new(Admission::new(limits.datagram, now));
                    admissions.push(admission.clone());
                    datagrams.push(Datagrams {
                        sockets,
                        admission,
                        ladders,
                    });
                }
            }
        }
        // The first of the threads is the runtime's own.
        for datagrams in &datagrams {
            let serving = datagrams.serve(0, stop.subscribe());
            tasks.spawn(serving.map_err(StartError::Thread)?);
        }
        // No socket goes without one.
        let sockets = datagrams.iter().map(|datagrams| datagrams.sockets.len());
        let threads = sockets.max().map_or(1, |most| most.max(datagram_threads));
        for thread in 1..threads {
            let answering = threads::start(thread, &datagrams, &stop);
            tasks.spawn(answering.map_err(StartError::Thread)?);
        }
        let registered = match register {
            Some(register) => Some(register(mappings).await?),
            None => None,
        };
        if let (Some(registered), Some(every)) = (&registered, renew_every) {
            registered.renew(every, stop.subscribe());
        }
        let door = gate.door(admissions);
        Ok(Running::new(bound, door, registered, stop, tasks))
    }
}

/// Every version at every place that a stranger can be told of: an abstract name is no universal address.
fn mappings(services: &Services, bound: &[Bound]) -> Vec<Mapping> {
    let told = |bound: &&Bound| match &bound.uaddr {
        Uaddr::Inet(_) => true,
        Uaddr::Local(path) => path.as_bytes().starts_with(b"/"),
    };
    let versions = services.versions();
    versions
        .flat_map(|(program, version)| {
            bound.iter().filter(told).map(move |bound| Mapping {
                program,
                version,
                netid: bound.netid.clone(),
                uaddr: bound.uaddr.to_string().into(),
                owner: XdrString::new(),
            })
        })
        .collect()
}
