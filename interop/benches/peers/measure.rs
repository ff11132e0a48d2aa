//! What is measured, and how one measurement is made.

use std::process::Command;

use oncrpc_interop::{Host, Which};

use super::build;
use super::programs::{Programs, c_program};
use super::registrations;
use super::servers::{PORT, Peer, Program, Served, Servers};
use super::start;

/// What is measured.
#[derive(Clone)]
pub(crate) enum Measure {
    /// Calls a second that rpcping gets answered.
    Calls {
        /// Who answers.
        of: Peer,
        /// rpcping's command line.
        load: String,
    },
    /// Calls a second of gRPC that h2load gets answered.
    Http2 {
        /// Who answers.
        of: Peer,
        /// h2load's options.
        load: String,
    },
    /// Calls a second that a client makes.
    Rate {
        /// The client.
        client: Client,
        /// Who answers.
        of: Peer,
    },
    /// System calls that a client makes for a call.
    SystemCalls {
        /// The client.
        client: Client,
        /// Who answers.
        of: Peer,
    },
    /// Resident memory that an idle connection takes, in KiB.
    Idle(Peer),
    /// Milliseconds from the start of rpcbind to its first answer.
    Start {
        /// Whose.
        which: Which,
        /// With 10,000 registrations from before.
        warm: bool,
    },
    /// Resident memory of rpcbind, in KiB.
    Memory {
        /// Whose.
        which: Which,
        /// Registrations.
        registered: u32,
        /// Idle connections.
        idle: usize,
    },
    /// Seconds that it takes to build what rpcgen makes of a long .x file.
    Build,
    /// Nanoseconds that coding a value takes.
    Codec {
        /// With ours; with libtirpc's otherwise.
        ours: bool,
        /// What is coded, as both programs name it.
        case: String,
        /// How often.
        times: u32,
    },
}

/// A program that makes null calls.
#[derive(Clone, Copy)]
pub(crate) enum Client {
    /// Ours on tokio: one connection, one thread, so many tasks.
    Ours {
        /// How many.
        tasks: u32,
    },
    /// The same of a few lines.
    Handwritten {
        /// How many.
        tasks: u32,
        /// Whether tasks on other threads might call by it, too, as by ours.
        shared: bool,
    },
    /// The same of tonic.
    Tonic {
        /// How many.
        tasks: u32,
    },
    /// Ours without a runtime, one call at a time.
    Blocking {
        /// Over which transport.
        netid: &'static str,
    },
    /// The same by busy polling.
    Polling {
        /// Over which transport.
        netid: &'static str,
    },
    /// clnt_call, one call at a time in each process.
    Libtirpc {
        /// Over which transport.
        netid: &'static str,
        /// How many.
        processes: u32,
    },
}

/// One measurement.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) value: f64,
    /// Which share of its time the generator was at work, where it says so.
    pub(crate) busy: f64,
}

impl Measure {
    /// One measurement.
    pub(crate) fn sample(&self, servers: &mut Servers, programs: &Programs) -> Sample {
        let value = match self {
            Self::Calls { of, load } => return calls(&servers.get(*of, programs), programs, load),
            Self::Http2 { of, load } => h2load(&servers.get(*of, programs), load),
            Self::Rate { client, of } => {
                let line = client.command(&SECONDS.to_string(), programs);
                let host = &servers.get(*of, programs).host;
                printed(host, &format!("taskset -c {} {line}", client.processors()))
            }
            Self::SystemCalls { client, of } => {
                let host = &servers.get(*of, programs).host;
                let made = |calls: u32| {
                    let line = client.command(&format!("calls {calls}"), programs);
                    system_calls(host, &line)
                };
                // What connecting takes is in both.
                (made(2_000) - made(1_000)) / 1_000.0
            }
            Self::Idle(peer) => Served::start(*peer, programs).memory_per_idle,
            Self::Start { which, warm } => start::milliseconds(*which, *warm, &programs.rpcping),
            Self::Memory {
                which,
                registered,
                idle,
            } => {
                let peer = Peer {
                    idle: *idle,
                    ..Program::Rpcbind(*which, *registered).alone()
                };
                Served::start(peer, programs).memory()
            }
            Self::Build => build::seconds(programs),
            Self::Codec { ours, case, times } => {
                let program = match ours {
                    true => programs.codec.clone(),
                    false => c_program("codec"),
                };
                let (processor, times) = (LOAD_FIRST.to_string(), times.to_string());
                let mut command = Command::new("taskset");
                command
                    .args(["-c", &processor])
                    .arg(program)
                    .args([case, &times]);
                let output = command.output().expect("taskset runs");
                number(&String::from_utf8_lossy(&output.stdout))
            }
        };
        Sample { value, busy: 0.0 }
    }
}

impl Client {
    /// Its command line, with how long or how often.
    fn command(self, amount: &str, programs: &Programs) -> String {
        let ours = programs.call_rate.display();
        let place = |netid: &str| match netid {
            "local" => "/run/hello.sock".to_owned(),
            _ => PORT.to_string(),
        };
        match self {
            Self::Ours { tasks } => format!("{ours} async {PORT} {tasks} {amount}"),
            Self::Handwritten { tasks, shared } => {
                let program = programs.tokio_client();
                let kind = if shared { "shared" } else { "own" };
                format!("{} {kind} {PORT} {tasks} {amount}", program.display())
            }
            Self::Tonic { tasks } => {
                format!(
                    "{} call {PORT} {tasks} {amount}",
                    programs.tonic().display()
                )
            }
            Self::Blocking { netid } => {
                format!("{ours} blocking {netid} {} {amount}", place(netid))
            }
            Self::Polling { netid } => {
                format!("{ours} polling {netid} {} {amount}", place(netid))
            }
            Self::Libtirpc { netid, processes } => {
                let program = c_program("libtirpc_client");
                format!(
                    "{} {netid} {} {processes} {amount}",
                    program.display(),
                    place(netid)
                )
            }
        }
    }

    /// Where it runs: many processes have two processors.
    fn processors(self) -> &'static str {
        match self {
            Self::Libtirpc { processes, .. } if processes > 1 => LOAD,
            _ => LOAD_FIRST,
        }
    }
}

/// One load of rpcping, less than [`SECONDS`] for those that end by themselves.
fn calls(served: &Served, programs: &Programs, load: &str) -> Sample {
    let rpcping = programs.rpcping.display();
    let line = format!("taskset -c {LOAD} {rpcping} --json -t {SECONDS} {load}; true");
    let output = served.host.run(&line);
    assert_eq!(output.stderr, "", "{load}");
    let said = output.stdout;
    if load == registrations::SET {
        let undo = format!("{rpcping} --json {}", registrations::UNSET);
        served.host.run(&undo).success();
    }
    assert!(
        said.contains("\"ended_early\":null") && said.contains("\"refused\":[]"),
        "{load}: {said}"
    );
    Sample {
        value: json_number(&said, "calls_per_second"),
        busy: json_number(&said, "busy"),
    }
}

/// A number in a line of JSON.
fn json_number(json: &str, name: &str) -> f64 {
    let (_, rest) = json
        .split_once(&format!("\"{name}\":"))
        .expect("it reports");
    let end = rest.find([',', '}']).expect("JSON ends");
    rest[..end].parse().expect("a number")
}

/// Calls a second of h2load, each of an empty message.
fn h2load(served: &Served, load: &str) -> f64 {
    // No compression, no bytes: five zeros stand before each message of gRPC.
    served
        .host
        .run("printf '\\0\\0\\0\\0\\0' >/run/empty")
        .success();
    let url = format!("http://127.0.0.1:{PORT}/hello.Hello/Null");
    let line = format!(
        "taskset -c {LOAD} h2load {load} -t1 -D {H2LOAD_SECONDS} -d /run/empty -H 'content-type: application/grpc' -H 'te: trailers' {url}"
    );
    let said = served.host.run(&line).success();
    assert!(said.contains(" 0 failed, 0 errored, 0 timeout"), "{said}");
    let (_, rest) = said.split_once("finished in ").expect("it reports");
    let (_, rest) = rest.split_once(", ").expect("a rate follows");
    number(rest.split(' ').next().unwrap_or_default())
}

/// The number that a command prints.
fn printed(host: &Host, line: &str) -> f64 {
    number(&host.run(line).success())
}

fn number(text: &str) -> f64 {
    let text = text.trim();
    text.parse()
        .unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// How many system calls a command makes.
fn system_calls(host: &Host, line: &str) -> f64 {
    host.run(&format!("strace -f -c -U calls,name -o /run/strace {line}"))
        .success();
    let counts = std::fs::read_to_string(host.path("/run/strace")).expect("strace writes it");
    let total = counts
        .lines()
        .find_map(|line| line.trim().strip_suffix(" total"));
    number(total.expect("it has a sum"))
}

/// The processors of the load.
pub(crate) const LOAD: &str = "2,3";

/// That of a load of one thread.
const LOAD_FIRST: &str = "2";

/// How long each sample of a rate is.
pub(crate) const SECONDS: f64 = 0.5;

/// The same of h2load, which takes whole seconds.
const H2LOAD_SECONDS: u32 = 1;
