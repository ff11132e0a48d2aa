//! The daemon, from its command line to its end.
//!
//! The order is rpcbind's: the lock, the sockets, the background, another user, the state files, the word
//! that we are ready. What needs root comes before root is given up, and whoever started us hears that we
//! are there when the sockets are bound.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::daemon;
use oncrpc::netconfig::{NetworkConfig, PATH};
use oncrpc::netid::{Family, Protocol};
use oncrpc::record::RecordLimits;
use oncrpc_server::{Running, Server, ServerLimits, StartError};
use oncrpc_transport::Limits;
use oncrpc_transport::datagram::DatagramLimits;
use tokio::signal::unix::{SignalKind, signal};

use crate::binding::{self, Binding, CannotBind, Hosts, reason};
use crate::cli::Options;
use crate::forward::Forwarder;
use crate::group::Group;
use crate::interfaces::{Changes, Interfaces};
use crate::lock::Lock;
use crate::netconfig;
use crate::policy::Policy;
use crate::portmapper::Portmapper;
use crate::privilege::{self, Account};
use crate::request_log::RequestLog;
use crate::services::{self, ProgramNames, own_port};
use crate::state::StateDirectory;
use crate::{logging, notify, service};

/// Why the daemon does not start; what it prints then. Scripts know some of these lines.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("rpcbind: another rpcbind is already running. Aborting")]
    AlreadyRunning,
    #[error("Sorry. You are not superuser")]
    NotSuperuser,
    #[error("rpcbind: {}: {}", .path.display(), reason(.error))]
    File { path: PathBuf, error: io::Error },
    #[error("rpcbind: {0}")]
    CannotBind(#[from] CannotBind),
    #[error("rpcbind: no transport can be served")]
    NoTransport,
    #[error("rpcbind: {what}: {}", reason(.error))]
    System {
        what: &'static str,
        error: io::Error,
    },
    #[error("rpcbind: {0}")]
    Start(#[from] StartError),
}

// Where everything is unless the command line says otherwise, as Debian has it.
const LOCK: &str = "/run/rpcbind.lock";
const SOCKET: &str = "/run/rpcbind.sock";
const STATE_DIRECTORY: &str = "/run/rpcbind";

/// Time for calls at hand to be answered when the daemon ends.
const GRACE: Duration = Duration::from_secs(1);

/// What callers are granted.
///
/// 9,000 bytes are libtirpc's RPC_MAXDATASIZE, which rpcbind takes and gives at most over UDP, and takes at
/// most over TCP. Unix connections are never idle for too long: the kernel keeps one to us for ever.
const LIMITS: ServerLimits = {
    let connection = Limits {
        record: RecordLimits {
            record: 9000,
            fragments: 64,
        },
        in_flight: 64,
        unsent: 16 * 1024,
        mid_record: Duration::from_secs(10),
        write_stall: Duration::from_secs(5),
        idle: Some(Duration::from_secs(60)),
    };
    ServerLimits {
        connection,
        unix_connection: Limits {
            idle: None,
            ..connection
        },
        bytes: 32 << 20,
        datagram: DatagramLimits {
            receive: 9000,
            send: 9000,
            in_flight: 1024,
        },
        connections: 4096,
        reserved: 64,
        per_address: 64,
        // Whoever is on this host is not counted, so that a script that asks often is answered often.
        per_uid: usize::MAX,
    }
};

/// Serves until a signal ends it.
pub fn run(options: &Options) -> ExitCode {
    if options.abort && options.debug == 0 {
        eprintln!("-a (abort) specified without -d (debugging) -- ignored.");
    }
    logging::start(options.foreground, options.debug);
    match serve(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            if options.abort && options.debug > 0 {
                std::process::abort();
            }
            ExitCode::FAILURE
        }
    }
}

fn serve(options: &Options) -> Result<(), Failure> {
    let at = |path: &Option<PathBuf>, usual: &str| {
        let path = path.as_deref().unwrap_or(Path::new(usual));
        // The daemon leaves its directory.
        std::path::absolute(path).map_err(|error| failed_at(path, error))
    };
    let lock = at(&options.lock, LOCK)?;
    let socket = at(&options.socket, SOCKET)?;
    let state = StateDirectory::new(at(&options.state_directory, STATE_DIRECTORY)?);

    let lock = Lock::take(&lock).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Failure::AlreadyRunning,
        _ => failed_at(&lock, error),
    })?;
    if let Err(errno) = privilege::raise_descriptor_limit() {
        log::warn!("cannot raise the limit of open files: {errno}");
    }
    if !privilege::is_root() && !options.is_private() && !privilege::may_bind_any_port() {
        return Err(Failure::NotSuperuser);
    }
    let networks = networks()?;
    let bindings = bind(options, &networks, &socket)?;
    if !options.foreground {
        daemon(false, false).map_err(failed("daemon"))?;
    }
    let account = if privilege::is_root() {
        Some(Account::find(options.as_daemon).map_err(failed("getpwnam"))?)
    } else {
        None
    };
    if options.warm_start
        && let Err(error) = privilege::make_directory(state.path(), account)
    {
        log::error!("cannot make {}: {}", state.path().display(), reason(&error));
    }
    if let Some(account) = account {
        account.become_it().map_err(failed("setuid"))?;
    }
    let portmapper = portmapper(options, networks, state, &bindings);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("cannot start"))?;
    runtime.block_on(until_a_signal(&portmapper, bindings))?;
    portmapper.end();
    if let Err(error) = std::fs::remove_file(&socket) {
        log::debug!("cannot remove {}: {}", socket.display(), reason(&error));
    }
    drop(lock);
    Ok(())
}

fn networks() -> Result<Vec<NetworkConfig>, Failure> {
    let path = Path::new(PATH);
    let (networks, bad) = netconfig::read(path).map_err(|error| failed_at(path, error))?;
    for line in bad {
        log::warn!("{} line {}: {}", path.display(), line.line, line.reason);
    }
    Ok(networks)
}

fn bind(
    options: &Options,
    networks: &[NetworkConfig],
    socket: &Path,
) -> Result<Vec<Binding>, Failure> {
    let table = std::fs::read(services::SERVICES_PATH).unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let hosts = Hosts::look_up(&options.hosts);
    let mut bindings = Vec::new();
    for network in netconfig::served(networks) {
        let (netid, family) = (&network.netid, network.transport.family);
        let port = |protocol| options.port.unwrap_or_else(|| own_port(&table, protocol));
        bindings.extend(match (family, network.transport.protocol) {
            (Family::Loopback, _) => binding::local(netid, socket, !options.is_private()),
            (_, Some(Protocol::Tcp)) => binding::tcp(netid, family, port(Protocol::Tcp)),
            (_, Some(Protocol::Udp)) => binding::udp(netid, family, port(Protocol::Udp), &hosts)?,
            (_, None) => None,
        });
    }
    if bindings.is_empty() {
        return Err(Failure::NoTransport);
    }
    Ok(bindings)
}

fn portmapper(
    options: &Options,
    networks: Vec<NetworkConfig>,
    state: StateDirectory,
    bindings: &[Binding],
) -> Arc<Portmapper> {
    let policy = Policy {
        insecure: options.insecure,
    };
    let names = ProgramNames::read(Path::new(services::RPC_PATH));
    let log = RequestLog::new(options.log, names);
    let mut portmapper = Portmapper::new(policy, networks, state, log);
    if options.remote_calls {
        portmapper = portmapper.forwarding(Forwarder::new());
    }
    for binding in bindings {
        portmapper.announce(&binding.netid, &binding.uaddr);
    }
    portmapper.start(options.warm_start);
    Arc::new(portmapper)
}

async fn until_a_signal(
    portmapper: &Arc<Portmapper>,
    bindings: Vec<Binding>,
) -> Result<(), Failure> {
    let listen = |kind| signal(kind).map_err(failed("cannot listen to signals"));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut quit = listen(SignalKind::quit())?;
    // As long as somebody listens to them these do nothing.
    let _ignored = [
        listen(SignalKind::hangup())?,
        listen(SignalKind::user_defined1())?,
        listen(SignalKind::user_defined2())?,
    ];
    let running = start(portmapper, bindings).await?;
    if let Some(notify_socket) = std::env::var_os("NOTIFY_SOCKET")
        && let Err(error) = notify::ready(&notify_socket)
    {
        log::warn!("cannot tell {}: {error}", notify_socket.display());
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = quit.recv() => {}
    }
    if !running.shutdown(GRACE).await {
        log::warn!("calls at hand were given up");
    }
    Ok(())
}

async fn start(portmapper: &Arc<Portmapper>, bindings: Vec<Binding>) -> Result<Running, Failure> {
    follow_interfaces(portmapper.interfaces(), &bindings)?;
    let mut server = Server::new().limits(LIMITS);
    for service in service::services(portmapper) {
        server = server.service(service);
    }
    for socket in bindings.into_iter().flat_map(|binding| binding.sockets) {
        server = server.listen(socket);
    }
    Ok(server.start().await?)
}

/// Joins the group of rpcbinds on every interface, also on those that come later.
fn follow_interfaces(interfaces: &Interfaces, bindings: &[Binding]) -> Result<(), Failure> {
    let sockets = bindings.iter().flat_map(|binding| &binding.sockets);
    let group = Group::of(sockets).map_err(failed("cannot share a socket"))?;
    let changes = Changes::open();
    if changes.is_ok() {
        interfaces.changed();
    }
    group.join(&interfaces.list());
    match changes {
        Ok(changes) => drop(tokio::spawn(group.follow(interfaces.clone(), changes))),
        Err(error) => log::warn!("changes of interfaces are not heard of: {}", reason(&error)),
    }
    Ok(())
}

fn failed_at(path: &Path, error: io::Error) -> Failure {
    let path = path.to_owned();
    Failure::File { path, error }
}

fn failed<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Failure {
    move |error| Failure::System {
        what,
        error: error.into(),
    }
}
