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
use oncrpc_server::{Listen, Running, Server, ServerLimits, StartError};
use oncrpc_xdr::XdrString;
use tokio::signal::unix::{SignalKind, signal};

use crate::binding::{self, CannotBind, reason};
use crate::cli::Options;
use crate::group::Group;
use crate::hosts_access::HostsAccess;
use crate::interfaces::{Changes, Interfaces};
use crate::limits;
use crate::lock::Lock;
use crate::netconfig;
use crate::notify::{ServiceManager, keep_alive};
use crate::passed::{self, Passed};
use crate::plan::{self, At, NotAllowed, Place, Wanted};
use crate::portmapper::Portmapper;
use crate::privilege::{self, Account};
use crate::request_log::RequestLog;
use crate::sandbox::{self, Enforced, Needs};
use crate::services::{self, ProgramNames, own_port};
use crate::settings::{BadSetting, Settings};
use crate::state::StateDirectory;
use crate::status::desk::Desk;
use crate::{logging, service, status};

/// Why the daemon does not start; scripts know some of these lines.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("another rpcbind is already running. Aborting")]
    AlreadyRunning,
    #[error("Sorry. You are not superuser")]
    NotSuperuser,
    #[error("{}: {}", .path.display(), reason(.error))]
    File { path: PathBuf, error: io::Error },
    #[error("{0}")]
    CannotBind(#[from] CannotBind),
    #[error("{0}")]
    NotAllowed(#[from] NotAllowed),
    #[error("no transport can be served")]
    NoTransport,
    #[error("{what}: {}", reason(.error))]
    System {
        what: &'static str,
        error: io::Error,
    },
    #[error("{0}")]
    Settings(#[from] BadSetting),
    #[error("{0}")]
    Start(#[from] StartError),
}

impl Failure {
    /// The line that rpcbind prints: all but one have its name in front.
    pub(crate) fn on_stderr(&self) -> String {
        match self {
            Self::NotSuperuser => self.to_string(),
            _ => format!("rpcbind: {self}"),
        }
    }
}

/// Time for calls at hand to be answered when the daemon ends.
const GRACE: Duration = Duration::from_secs(1);

/// A daemon that has everything that whoever starts it is told of.
struct Prepared {
    settings: Settings,
    /// Who we are to be, if we can choose.
    account: Option<Account>,
    lock: Lock,
    networks: Vec<NetworkConfig>,
    bound: Bound,
    desk: Desk,
}

/// Serves until a signal ends it.
pub fn run(options: &Options) -> ExitCode {
    if options.abort && options.debug == 0 {
        eprintln!("-a (abort) specified without -d (debugging) -- ignored.");
    }
    logging::start(options.foreground, options.debug);
    let served = match prepare(options) {
        Ok(prepared) => serve(prepared, options).inspect_err(|failure| log::error!("{failure}")),
        Err(failure) => {
            eprintln!("{}", failure.on_stderr());
            Err(failure)
        }
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if options.abort && options.debug > 0 => std::process::abort(),
        Err(_) => ExitCode::FAILURE,
    }
}

/// What is done while whoever starts us still listens.
fn prepare(options: &Options) -> Result<Prepared, Failure> {
    let settings = Settings::read(options)?;
    let lock = &settings.lock.value;
    let lock = Lock::take(lock).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Failure::AlreadyRunning,
        _ => failed_at(lock, error),
    })?;
    if let Err(errno) = privilege::raise_descriptor_limit() {
        log::warn!("cannot raise the limit of open files: {errno}");
    }
    let passed = passed()?;
    may_start(options, &passed)?;
    let account = account(&settings)?;
    let networks = networks()?;
    let places = places(&settings, &networks, passed)?;
    let bound = bind(places, settings.strict.value, settings.udp_threads.value)?;
    let state_dir = &settings.state_dir.value;
    if settings.warm_start.value
        && let Err(error) = privilege::make_directory(state_dir, account.as_ref())
    {
        log::error!("cannot make {}: {}", state_dir.display(), reason(&error));
    }
    let mut desk = Desk::new(&bound.sockets);
    if let Some(path) = &settings.metrics.value {
        let opened = desk.open_metrics(path);
        opened.map_err(|error| CannotBind::file(path, &error))?;
    }
    Ok(Prepared {
        settings,
        account,
        lock,
        networks,
        bound,
        desk,
    })
}

/// What is done in the background, if that is where we go; from here on there is the log alone.
fn serve(prepared: Prepared, options: &Options) -> Result<(), Failure> {
    let Prepared {
        settings,
        account,
        lock,
        networks,
        bound,
        mut desk,
    } = prepared;
    if !options.foreground {
        daemon(false, false).map_err(failed("daemon"))?;
    }
    match account {
        Some(account) => account.become_it().map_err(failed("setuid"))?,
        None => privilege::never_more().map_err(failed("prctl"))?,
    }
    desk.open_status(&status::path(&settings.state_dir.value));
    let portmapper = portmapper(&settings, networks, &bound.announced);
    let limits = limits(&settings);
    if settings.sandbox.value {
        enter_sandbox(&settings, bound.file.as_deref());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("cannot start"))?;
    let granted = (limits, settings.udp_threads.value);
    runtime.block_on(until_a_signal(&portmapper, bound.sockets, granted, desk))?;
    portmapper.end();
    if let Some(socket) = bound.file
        && let Err(error) = std::fs::remove_file(&socket)
    {
        log::debug!("cannot remove {}: {}", socket.display(), reason(&error));
    }
    drop(lock);
    Ok(())
}

/// The sockets that a service manager has passed.
pub(crate) fn passed() -> Result<Vec<Passed>, Failure> {
    passed::sockets().map_err(failed("LISTEN_FDS"))
}

/// Whether this user may start a portmapper, in rpcbind's words. An instance of one's own needs no root, and
/// neither does the host's where everything is passed to it.
pub(crate) fn may_start(options: &Options, passed: &[Passed]) -> Result<(), Failure> {
    let without_root = options.is_private() || !passed.is_empty() || privilege::may_bind_any_port();
    if privilege::is_root() || without_root {
        Ok(())
    } else {
        Err(Failure::NotSuperuser)
    }
}

/// The account to serve as, if we can choose.
pub(crate) fn account(settings: &Settings) -> Result<Option<Account>, Failure> {
    if !privilege::is_root() {
        return Ok(None);
    }
    let account = Account::find(settings.user.value.as_deref());
    account
        .map(Some)
        .map_err(failed("cannot become another user"))
}

/// The transports of this host.
pub(crate) fn networks() -> Result<Vec<NetworkConfig>, Failure> {
    let path = Path::new(PATH);
    let (networks, bad) = netconfig::read(path).map_err(|error| failed_at(path, error))?;
    for line in bad {
        log::warn!("{} line {}: {}", path.display(), line.line, line.reason);
    }
    Ok(networks)
}

/// Where to listen.
pub(crate) fn places(
    settings: &Settings,
    networks: &[NetworkConfig],
    passed: Vec<Passed>,
) -> Result<Vec<Place>, Failure> {
    let table = std::fs::read(services::SERVICES_PATH).unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    let hosts = &settings.udp_addresses.value;
    let addresses = match &settings.bind.value[..] {
        [] => binding::look_up(hosts),
        named => binding::named(named)?,
    };
    let wanted = Wanted {
        addresses,
        socket: settings.socket.value.clone(),
        and_abstract: settings.abstract_socket.value,
        missing: settings.bind_missing.value,
    };
    let port = |protocol| {
        settings
            .port
            .value
            .unwrap_or_else(|| own_port(&table, protocol))
    };
    if !passed.is_empty() && !hosts.is_empty() {
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

fn bind(places: Vec<Place>, strict: bool, udp_threads: usize) -> Result<Bound, Failure> {
    let (mut sockets, mut tellings, mut file) = (Vec::new(), Vec::new(), None);
    for place in places {
        log::debug!("to listen on {place} ({})", place.why);
        let telling = place.telling();
        let path = match &place.at {
            At::Path(path) => Some(path.clone()),
            _ => None,
        };
        if let Some(socket) = binding::bind(place, strict, udp_threads)? {
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
    settings: &Settings,
    networks: Vec<NetworkConfig>,
    announced: &[(Netid, XdrString)],
) -> Arc<Portmapper> {
    let state = StateDirectory::new(&settings.state_dir.value);
    let names = ProgramNames::read(Path::new(services::RPC_PATH));
    let log = RequestLog::new(settings.log_requests.value, names);
    let mut portmapper = Portmapper::new(settings.policy(), networks, state, log);
    if settings.hosts_access.value {
        portmapper = portmapper.with_hosts_access(HostsAccess::of_this_host());
    }
    if let Some(forwarder) = settings.forwarder() {
        portmapper = portmapper.forwarding(forwarder);
    }
    for (netid, uaddr) in announced {
        portmapper.announce(netid, uaddr);
    }
    portmapper.start(settings.warm_start.value);
    Arc::new(portmapper)
}

/// What callers are granted, as far as there are descriptors for it.
fn limits(settings: &Settings) -> ServerLimits {
    let granted = limits::of(settings);
    let connections = match privilege::free_descriptors() {
        Ok(free) => limits::places(granted.connections, free),
        Err(errno) => {
            log::warn!("cannot read the limit of open files: {errno}");
            granted.connections
        }
    };
    if connections < granted.connections {
        log::info!("descriptors for {connections} connections only");
    }
    ServerLimits {
        connections,
        ..granted
    }
}

/// Gives up what is not needed from here on; a daemon that cannot is as good as rpcbind still.
fn enter_sandbox(settings: &Settings, socket: Option<&Path>) {
    let asked = if settings.hosts_access.value {
        HostsAccess::of_this_host().directories()
    } else {
        Vec::new()
    };
    let state = &settings.state_dir.value;
    let notify_socket = std::env::var_os("NOTIFY_SOCKET").unwrap_or_default();
    let mut needs = Needs {
        abstract_peers: notify_socket.as_encoded_bytes().starts_with(b"@"),
        ..Needs::of(state, &settings.lock.value, socket, asked)
    };
    needs.remove.extend(settings.metrics.value.clone());
    match sandbox::enter(&needs) {
        Ok(Enforced::Fully) => log::debug!("Landlock holds"),
        Ok(Enforced::Partly) => log::debug!("Landlock holds as far as this kernel knows it"),
        Ok(Enforced::NotAtAll) => log::debug!("this kernel has no Landlock"),
        Err(error) => log::warn!("cannot enter the sandbox: {error}"),
    }
}

async fn until_a_signal(
    portmapper: &Arc<Portmapper>,
    sockets: Vec<Listen>,
    granted: (ServerLimits, usize),
    desk: Desk,
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
    let running = start(portmapper, sockets, granted).await?;
    let _staffed = desk.staff(portmapper, running.door()).await?;
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

async fn start(
    portmapper: &Arc<Portmapper>,
    sockets: Vec<Listen>,
    (limits, udp_threads): (ServerLimits, usize),
) -> Result<Running, Failure> {
    follow_interfaces(portmapper.interfaces(), &sockets)?;
    let mut server = Server::new().limits(limits).datagram_threads(udp_threads);
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

pub(crate) fn failed_at(path: &Path, error: io::Error) -> Failure {
    let path = path.to_owned();
    Failure::File { path, error }
}

fn failed<E: Into<io::Error>>(what: &'static str) -> impl FnOnce(E) -> Failure {
    move |error| Failure::System {
        what,
        error: error.into(),
    }
}
