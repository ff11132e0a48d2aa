//! What is served, where and how: the builder.

use std::io;
use std::sync::Arc;

use oncrpc::auth::ServerAuth;
use oncrpc::{Service, Services};
use oncrpc_transport::datagram::DatagramLimits;
use oncrpc_transport::{LadderPool, Limits};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::accept::Connections;
use crate::listen::{Listen, Listener};
use crate::running::Running;

/// What a server grants its peers.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// What each TCP connection may hold, and how long it may take.
    pub connection: Limits,
    /// The same for Unix sockets, which by default may be idle for ever: a kernel keeps its connection to
    /// rpcbind from start to stop.
    pub unix_connection: Limits,
    /// What each UDP socket may hold.
    pub datagram: DatagramLimits,
    /// Connections at once, over all listeners. Default 4,096.
    pub connections: usize,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            connection: Limits::SERVER,
            unix_connection: Limits {
                idle: None,
                ..Limits::SERVER
            },
            datagram: DatagramLimits::SERVER,
            connections: 4096,
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
#[derive(Default)]
pub struct Server {
    services: Vec<Arc<dyn Service>>,
    auth: Option<Arc<dyn ServerAuth>>,
    listen: Vec<Listen>,
    limits: ServerLimits,
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
}

impl Server {
    /// A server that serves nothing, nowhere.
    pub fn new() -> Self {
        Self::default()
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

    /// Grants other limits than the default ones.
    #[must_use]
    pub fn limits(self, limits: ServerLimits) -> Self {
        Self { limits, ..self }
    }

    /// Binds every listener, registers with rpcbind if that is wanted, and serves from then on.
    pub async fn start(self) -> Result<Running, StartError> {
        let Self {
            services,
            auth,
            listen,
            limits,
        } = self;
        let mut services = Services::new(services);
        if let Some(auth) = auth {
            services = services.with_auth(auth);
        }
        let (listeners, bound): (Vec<_>, Vec<_>) = listen
            .into_iter()
            .map(|listen| {
                let at = listen.to_string();
                listen
                    .bind()
                    .map_err(|error| StartError::Listen { at, error })
            })
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .unzip();
        let ladders = Arc::new(LadderPool::new(Arc::new(services)));
        let gate = Arc::new(Semaphore::new(limits.connections));
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for listener in listeners {
            let connections = |limits| Connections {
                ladders: ladders.clone(),
                limits,
                gate: gate.clone(),
                stop: stopped.clone(),
            };
            match listener {
                Listener::Tcp(listener) => {
                    tasks.spawn(connections(limits.connection).accept_from(listener));
                }
                Listener::Unix(listener, file) => {
                    let accepting = connections(limits.unix_connection).accept_from(listener);
                    tasks.spawn(async move {
                        let _file = file;
                        accepting.await;
                    });
                }
                Listener::Udp(socket) => {
                    let (ladders, stop) = (ladders.clone(), stopped.clone());
                    let serving =
                        oncrpc_transport::datagram::serve(socket, ladders, limits.datagram, stop);
                    tasks.spawn(async move {
                        if let Err(error) = serving.await {
                            log::error!("a UDP socket failed: {error}");
                        }
                    });
                }
            }
        }
        Ok(Running::new(bound, stop, tasks))
    }
}
