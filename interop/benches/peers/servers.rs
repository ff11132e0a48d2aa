//! The servers that are measured, each in a host of its own, started when the first row asks for it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use oncrpc_interop::{Daemon, Host, Ready, Which, ours};

use super::registrations;

/// Where servers of hello.x and the bare ones listen.
pub(crate) const PORT: u16 = 2900;

/// A server, and how many processors it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Peer {
    /// A few lines of C that answer whatever is asked, over TCP.
    BareTcp,
    /// The same over UDP.
    BareUdp,
    /// The same over a Unix socket.
    BareUnix,
    /// hello.x on libtirpc.
    Libtirpc,
    /// hello.x on our server library.
    Ours,
    /// rpcbind with so many registrations.
    Rpcbind(Which, u32),
}

/// A server that runs.
pub(crate) struct Served {
    /// Where it runs.
    pub(crate) host: Host,
    /// They run as long as they are kept.
    _daemons: Vec<Daemon>,
}

/// All that run.
pub(crate) struct Servers {
    running: HashMap<Peer, Rc<Served>>,
    rpcping: PathBuf,
}

impl Peer {
    /// As the table has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BareTcp | Self::BareUdp | Self::BareUnix => "bare",
            Self::Libtirpc => "libtirpc",
            Self::Rpcbind(Which::Theirs, _) => "rpcbind",
            Self::Ours | Self::Rpcbind(Which::Ours, _) => "ours",
        }
    }
}

impl Servers {
    pub(crate) fn new() -> Self {
        // Built by all processors, before what is measured has but one.
        let _ = Which::Ours.rpcbind();
        let _ = ours("ONCRPC_HELLO_SERVER", "oncrpc-hello", "hello-server");
        Self {
            running: HashMap::new(),
            rpcping: ours("ONCRPC_RPCPING", "oncrpc-portmapper", "rpcping"),
        }
    }

    /// What makes the load.
    pub(crate) fn rpcping(&self) -> &Path {
        &self.rpcping
    }

    /// The server, started if it does not run yet.
    pub(crate) fn get(&mut self, peer: Peer) -> Rc<Served> {
        if let Some(served) = self.running.get(&peer) {
            return Rc::clone(served);
        }
        // What we start has its processor from its first moment, and makes no more threads than that can run.
        run_on(&[SERVER]);
        let served = Rc::new(self.start(peer));
        run_on(&ALL);
        self.running.insert(peer, Rc::clone(&served));
        served
    }

    fn start(&self, peer: Peer) -> Served {
        const NETIDS: [&str; 3] = ["tcp", "udp", "local"];
        let port = PORT.to_string();
        match peer {
            Peer::BareTcp => bare("bare_stream", &port),
            Peer::BareUdp => bare("bare_datagram", &port),
            Peer::BareUnix => bare("bare_stream", "/run/hello.sock"),
            Peer::Libtirpc => Served::start(|host| {
                let rpcbind = host.rpcbind(Which::Ours, &[]);
                vec![rpcbind, host.c_hello_server(PORT, &NETIDS)]
            }),
            Peer::Ours => Served::start(|host| {
                let rpcbind = host.rpcbind(Which::Ours, &[]);
                vec![rpcbind, host.our_hello_server(PORT, &NETIDS)]
            }),
            Peer::Rpcbind(which, count) => {
                let served = Served::start(|host| vec![host.rpcbind(which, &[])]);
                registrations::make(&served.host, &self.rpcping, count);
                registrations::write_questions(&served.host, count);
                served
            }
        }
    }
}

impl Served {
    fn start(start: impl FnOnce(&Host) -> Vec<Daemon>) -> Self {
        let host = Host::new();
        let daemons = start(&host);
        registrations::write_blob(&host);
        Self {
            host,
            _daemons: daemons,
        }
    }
}

fn bare(program: &str, listen: &str) -> Served {
    Served::start(|host| {
        let mut command = host.command(0, c_program(program));
        command.arg(listen);
        vec![host.start(command, Ready::Line)]
    })
}

/// A program of `benches/c`, made if it is older than its source.
fn c_program(name: &str) -> PathBuf {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/c");
    let out_is = format!("OUT={}", out.display());
    let made = Command::new("make")
        .args(["--silent", "-C", sources, &out_is])
        .status();
    assert!(made.expect("make runs").success());
    out.join(name)
}

/// Has us, and what we start from now on, run on these processors alone.
fn run_on(processors: &[usize]) {
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(*processor).expect("there are as many processors");
    }
    sched_setaffinity(Pid::from_raw(0), &set).expect("we may choose ours");
}

/// The processor of the servers.
pub(crate) const SERVER: usize = 0;

/// Those that there are: servers have the first, or the first two, and the load the last two.
const ALL: [usize; 4] = [0, 1, 2, 3];
