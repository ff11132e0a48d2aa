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
use oncrpc::netid::Netid;
use oncrpc::record::RecordLimits;
use oncrpc_server::{Listen, Running, Server, ServerLimits, StartError};
use oncrpc_transport::Limits;
use oncrpc_transport::datagram::DatagramLimits;
use oncrpc_xdr::XdrString;
use tokio::signal::unix::{SignalKind, signal};

use crate::binding::{self, CannotBind, reason};
use crate::cli::Options;
use crate::forward::Forwarder;
use crate::group::Group;
use crate::hosts_access::HostsAccess;
use crate::interfaces::{Changes, Interfaces};
use crate::lock::Lock;
use crate::netconfig;
use crate::notify::ServiceManager;
use crate::passed::{self, Passed};
use crate::plan::{self, Addresses, At, NotAllowed, Place, Wanted};
use crate::policy::Policy;
use crate::portmapper::Portmapper;
use crate::privilege::{self, Account};
use crate::request_log::RequestLog;
use crate::services::{self, ProgramNames, own_port};
use crate::state::StateDirectory;
use crate::{logging, service};

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
    #[error("rpcbind: {0}")]
    NotAllowed(#[from] NotAllowed),
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
    let passed = passed::sockets().map_err(failed("LISTEN_FDS"))?;
    let may_bind = options.is_private() || privilege::may_bind_any_port();
    if !privilege::is_root() && !may_bind && passed.is_empty() {
        return Err(Failure::NotSuperuser);
    }
    let networks = networks()?;
    let bound = bind(places(options, &networks, &socket, passed)?)?;
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
    let portmapper = portmapper(options, networks, state, &bound.announced);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("cannot start"))?;
    runtime.block_on(until_a_signal(&portmapper, bound.sockets))?;
    portmapper.end();
    if let Some(socket) = bound.file
        && let Err(error) = std::fs::remove_file(&socket)
    {
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

/// Where to listen.
fn places(
    options: &Options,
    networks: &[NetworkConfig],
    socket: &Path,
    passed: Vec<Passed>,
) -> Result<Vec<Place>, Failure> {
    let table = std::fs::read(services::SERVICES_PATH).unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let addresses = match &options.bind[..] {
        [] => binding::look_up(&options.hosts),
        named => Addresses::Both(named.to_vec()),
    };
    let wanted = Wanted {
        addresses,
        socket: socket.to_owned(),
        and_abstract: !options.is_private(),
        missing: options.bind_missing,
    };
    let port = |protocol| options.port.unwrap_or_else(|| own_port(&table, protocol));
    if !passed.is_empty() && !options.hosts.is_empty() {
        log::warn!("-h is for sockets of our own; the service manager has passed others");
    }
    Ok(plan::places(&wanted, networks, port, passed)?)
}

/// What came of the places.
struct Bound {
    sockets: Vec<Listen>,
    /// Where we are found.
    announced: Vec<(Netid, XdrString)>,
    /// The Unix socket's file, which is removed at the end unless somebody else has made it.
    file: Option<PathBuf>,
}

fn bind(places: Vec<Place>) -> Result<Bound, Failure> {
    let (mut sockets, mut tellings, mut file) = (Vec::new(), Vec::new(), None);
    for place in places {
        let telling = place.telling();
        let path = match &place.at {
            At::Path(path) => Some(path.clone()),
            _ => None,
        };
        if let Some(socket) = binding::bind(place)? {
            sockets.push(socket);
            tellings.extend(telling);
            file = file.or(path);
        }
    }
    if sockets.is_empty() {
        return Err(Failure::NoTransport);
    }
    let announced = plan::announced(tellings);
    Ok(Bound {
        sockets,
        announced,
        file,
    })
}

fn portmapper(
    options: &Options,
    networks: Vec<NetworkConfig>,
    state: StateDirectory,
    announced: &[(Netid, XdrString)],
) -> Arc<Portmapper> {
    let policy = Policy {
        insecure: options.insecure,
    };
    let names = ProgramNames::read(Path::new(services::RPC_PATH));
    let log = RequestLog::new(options.log, names);
    let mut portmapper = Portmapper::new(policy, networks, state, log)
        .with_hosts_access(HostsAccess::of_this_host());
    if options.remote_calls {
        portmapper = portmapper.forwarding(Forwarder::new());
    }
    for (netid, uaddr) in announced {
        portmapper.announce(netid, uaddr);
    }
    portmapper.start(options.warm_start);
    Arc::new(portmapper)
}

async fn until_a_signal(portmapper: &Arc<Portmapper>, sockets: Vec<Listen>) -> Result<(), Failure> {
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
    let running = start(portmapper, sockets).await?;
    let manager = ServiceManager::from_environment().unwrap_or_else(|error| {
        log::warn!("NOTIFY_SOCKET: {error}");
        None
    });
    if let Some(manager) = &manager {
        manager.ready();
    }
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = quit.recv() => {}
        () = keep_alive(manager.as_ref()) => {}
    }
    if let Some(manager) = &manager {
        manager.stopping();
    }
    if !running.shutdown(GRACE).await {
        log::warn!("calls at hand were given up");
    }
    Ok(())
}

/// Tells the service manager that we are not stuck, for ever. It is the loop that answers calls which says so.
async fn keep_alive(manager: Option<&ServiceManager>) {
    let Some((manager, interval)) = manager.and_then(|m| Some((m, m.interval()?))) else {
        return std::future::pending().await;
    };
    let mut interval = tokio::time::interval(interval);
    loop {
        interval.tick().await;
        manager.alive();
    }
}

async fn start(portmapper: &Arc<Portmapper>, sockets: Vec<Listen>) -> Result<Running, Failure> {
    follow_interfaces(portmapper.interfaces(), &sockets)?;
    let mut server = Server::new().limits(LIMITS);
    for service in service::services(portmapper) {
        server = server.service(service);
    }
    for socket in sockets {
        server = server.listen(socket);
    }
    Ok(server.start().await?)
}

/// Joins the group of rpcbinds on every interface, also on those that come later.
fn follow_interfaces(interfaces: &Interfaces, sockets: &[Listen]) -> Result<(), Failure> {
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
