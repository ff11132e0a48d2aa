//! The servers that are measured, each in a host of its own, started when the first row asks for it.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::rc::Rc;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;
use oncrpc_interop::{Daemon, Host, Ready, Reply, Which, call};

use super::programs::{Programs, c_program};
use super::registrations;

/// Where servers of hello.x and the bare ones listen.
pub(crate) const PORT: u16 = 2900;

/// Connections that sit beside those that are measured.
pub(crate) const IDLE: usize = 4_000;

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Peer {
    pub(crate) program: Program,
    /// How many processors it has.
    pub(crate) processors: usize,
    /// How many connections, each of which has sent one call, sit beside those that are measured.
    pub(crate) idle: usize,
}

/// What serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Program {
    /// A few lines of C that answer whatever is asked with these results, over TCP.
    BareTcp(Results),
    /// The same over UDP.
    BareUdp,
    /// The same over a Unix socket.
    BareUnix(Results),
    /// hello.x on libtirpc.
    Libtirpc,
    /// Null calls on ntirpc.
    Ntirpc,
    /// Null calls on tonic, which is gRPC.
    Tonic,
    /// hello.x on our server library.
    Ours,
    /// The same by busy polling, over TCP alone.
    OursPolling,
    /// rpcbind with so many registrations.
    Rpcbind(Which, u32),
}

/// What a bare server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Results {
    /// Nothing.
    None,
    /// A megabyte.
    Blob,
    /// A list of 10,000 registrations.
    Dump,
}

/// A server that runs.
pub(crate) struct Served {
    /// Where it runs.
    pub(crate) host: Host,
    /// They run as long as they are kept; the last of them is what is measured.
    daemons: Vec<Daemon>,
    /// Resident memory that one more idle connection took, in KiB.
    pub(crate) memory_per_idle: f64,
    _idle: Vec<TcpStream>,
}

/// All that run.
#[derive(Default)]
pub(crate) struct Servers {
    running: HashMap<Peer, Rc<Served>>,
}

impl Program {
    /// On one processor, with nobody beside.
    pub(crate) fn alone(self) -> Peer {
        Peer {
            program: self,
            processors: 1,
            idle: 0,
        }
    }

    /// On two processors.
    pub(crate) fn on_two(self) -> Peer {
        Peer {
            processors: 2,
            ..self.alone()
        }
    }

    /// Beside idle connections.
    pub(crate) fn crowded(self) -> Peer {
        Peer {
            idle: IDLE,
            ..self.alone()
        }
    }

    /// As the table has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BareTcp(_) | Self::BareUdp | Self::BareUnix(_) => "bare",
            Self::Libtirpc => "libtirpc",
            Self::Ntirpc => "ntirpc",
            Self::Tonic => "tonic",
            Self::Rpcbind(Which::Theirs, _) => "rpcbind",
            Self::Ours | Self::OursPolling | Self::Rpcbind(Which::Ours, _) => "ours",
        }
    }
}

impl Servers {
    /// The server, started if it does not run yet.
    pub(crate) fn get(&mut self, peer: Peer, programs: &Programs) -> Rc<Served> {
        if let Some(served) = self.running.get(&peer) {
            return Rc::clone(served);
        }
        let served = Rc::new(Served::start(peer, programs));
        self.running.insert(peer, Rc::clone(&served));
        served
    }
}

impl Served {
    /// Starts a server.
    pub(crate) fn start(peer: Peer, programs: &Programs) -> Self {
        if peer.idle > 0 {
            let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("Linux has it");
            setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("the limit is not raised");
        }
        let host = Host::new();
        registrations::write_results(&host);
        let registered = match peer.program {
            Program::Rpcbind(_, registered) => registered,
            _ => 10,
        };
        // There are ten questions at least.
        registrations::write_questions(&host, registered.max(10));
        // What we start has its processors from its first moment, and makes no more threads than they can run.
        run_on(&ALL[..peer.processors]);
        let daemons = start(peer, &host, programs);
        run_on(&ALL);
        let mut served = Self {
            host,
            daemons,
            memory_per_idle: 0.0,
            _idle: Vec::new(),
        };
        if let Program::Rpcbind(_, count) = peer.program {
            registrations::make(&served.host, &programs.rpcping, count);
        }
        if peer.idle > 0 {
            let port = match peer.program {
                Program::Rpcbind(..) => 111,
                _ => PORT,
            };
            let before = served.memory();
            served._idle = (0..peer.idle).map(|_| served.sit(port)).collect();
            served.memory_per_idle = (served.memory() - before) / peer.idle as f64;
        }
        served
    }

    /// What is resident of the server, in KiB.
    pub(crate) fn memory(&self) -> f64 {
        let daemon = self.daemons.last().expect("one serves");
        let rollup = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", daemon.id()));
        let rollup = rollup.expect("root may read it");
        let line = rollup.lines().find_map(|line| line.strip_prefix("Rss:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse().ok()).expect("it has a size")
    }

    /// A connection that has sent one call, and is left alone.
    fn sit(&self, port: u16) -> TcpStream {
        let connect = || TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        let mut stream = self.host.in_network(connect).expect("it listens");
        let null = match port {
            PORT => call(1, 0).program(0x2000_0e10),
            _ => call(2, 0),
        };
        let mut reply = vec![0; 4 + Reply::success(&[]).len()];
        stream.write_all(&null.record()).expect("it reads");
        stream.read_exact(&mut reply).expect("it answers");
        stream
    }
}

fn start(peer: Peer, host: &Host, programs: &Programs) -> Vec<Daemon> {
    const NETIDS: [&str; 3] = ["tcp", "udp", "local"];
    const SOCKET: &str = "/run/hello.sock";
    let processors = peer.processors.to_string();
    let port = PORT.to_string();
    let run = |program: &Path, args: &[&str]| {
        let mut command = host.command(0, program);
        command.args(args);
        vec![host.start(command, Ready::Line)]
    };
    let bare_stream = |at: &str, results: Results| {
        let program = c_program("bare_stream");
        match results {
            Results::None => run(&program, &[at, &processors]),
            Results::Blob => run(&program, &[at, &processors, registrations::BLOB]),
            Results::Dump => run(&program, &[at, &processors, registrations::DUMP]),
        }
    };
    match peer.program {
        Program::BareTcp(results) => bare_stream(&port, results),
        Program::BareUnix(results) => bare_stream(SOCKET, results),
        Program::BareUdp => run(&c_program("bare_datagram"), &[&port, &processors]),
        Program::Ntirpc => run(&c_program("ntirpc_server"), &[&port, "8"]),
        Program::Tonic => run(programs.tonic(), &["serve", &port]),
        Program::Libtirpc => {
            let rpcbind = host.rpcbind(Which::Ours, &[]);
            vec![rpcbind, host.c_hello_server(PORT, &NETIDS)]
        }
        Program::Ours => {
            let rpcbind = host.rpcbind(Which::Ours, &[]);
            let flags = ["--udp-threads", &processors];
            vec![rpcbind, host.our_hello_server_with(PORT, &NETIDS, &flags)]
        }
        Program::OursPolling => run(&programs.call_rate, &["serve", &port]),
        Program::Rpcbind(which, _) => {
            if peer.processors > 1 {
                host.private_etc();
                let threads = format!("udp-threads = {processors}\n");
                std::fs::write(host.path("/etc/rpcbind.toml"), threads).expect("/etc is its own");
            }
            vec![host.rpcbind(which, &[])]
        }
    }
}

/// Has us, and what we start from now on, run on these processors alone.
pub(crate) fn run_on(processors: &[usize]) {
    let mut set = CpuSet::new();
    for processor in processors {
        set.set(*processor).expect("there are as many processors");
    }
    sched_setaffinity(Pid::from_raw(0), &set).expect("we may choose ours");
}

/// All processors: servers have the first, or the first two, and the load the last two.
pub(crate) const ALL: [usize; 4] = [0, 1, 2, 3];
