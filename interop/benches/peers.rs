//! How fast servers answer: bare ones of a few lines of C, libtirpc's, Debian's rpcbind, and ours, by turns in one run.
//!
//! ```text
//! make bench          # as root; some minutes
//! ```
//!
//! The load is `rpcping`'s, the same for all. The server has one processor, the first, and the load the last two. Of each row
//! every server is measured once a round; what is said is the median over the rounds of the ratio within a round, and the least
//! and the greatest of them: the other work on the machine changes within minutes, and a round takes seconds. Where rpcping was
//! busy for more than 77 % of its time it could not have seen a server that is 1.3 times as fast, and the row says so.
//!
//! RESULTS.md, beside this file, is what the last run came to, unless rows were left out: a word given behind `--` leaves only the
//! rows with this word in them.
#![expect(clippy::expect_used, reason = "a measurement that cannot go on ends")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use self::registrations::{GETADDR, GETPORT};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use oncrpc_interop::{Daemon, Host, Ready, Which, ours};

#[path = "peers/registrations.rs"]
mod registrations;

const ROUNDS: usize = 5;

/// Where servers of hello.x and the bare ones listen.
const PORT: u16 = 2900;

/// hello.x.
const HELLO: &str = "0x20000e10 1";

/// A server that runs in a host of its own, on the first processor.
struct Served {
    name: &'static str,
    host: Host,
    /// They run as long as they are kept.
    _daemons: Vec<Daemon>,
}

/// One measurement.
#[derive(Clone, Copy)]
struct Sample {
    rate: f64,
    busy: f64,
}

fn main() {
    // cargo itself passes --bench.
    let wanted = std::env::args()
        .skip(1)
        .find(|word| !word.starts_with("--"));
    let rpcping = ours("ONCRPC_RPCPING", "oncrpc-portmapper", "rpcping");
    let before = load_average();
    // What we start has our processor from its first moment, and makes no more threads than that one can run.
    let mut first = CpuSet::new();
    first.set(SERVER).expect("there is a first processor");
    sched_setaffinity(Pid::from_raw(0), &first).expect("we may choose ours");

    let port = PORT.to_string();
    let bare_tcp = bare("bare_stream", &port);
    let bare_udp = bare("bare_datagram", &port);
    let bare_unix = bare("bare_stream", "/run/hello.sock");
    let netids = ["tcp", "udp", "local"];
    let libtirpc = serve("libtirpc", |host| {
        vec![
            host.rpcbind(Which::Ours, &[]),
            host.c_hello_server(PORT, &netids),
        ]
    });
    let hello = serve("ours", |host| {
        vec![
            host.rpcbind(Which::Ours, &[]),
            host.our_hello_server(PORT, &netids),
        ]
    });
    let daemon = |name, which, count| {
        let served = serve(name, |host| vec![host.rpcbind(which, &[])]);
        registrations::make(&served.host, &rpcping, count);
        served
    };
    let [few_theirs, many_theirs] =
        [10, 10_000].map(|count| daemon("rpcbind", Which::Theirs, count));
    let [few_ours, many_ours] = [10, 10_000].map(|count| daemon("ours", Which::Ours, count));

    let tcp = format!("-p {PORT} 127.0.0.1 {HELLO}");
    let udp = format!("-T udp -p {PORT} 127.0.0.1 {HELLO}");
    let unix = format!("-T local /run/hello.sock {HELLO}");
    let streams = vec![&bare_tcp, &libtirpc, &hello];
    let few = vec![&few_theirs, &few_ours];
    let many = vec![&many_theirs, &many_ours];
    let datagrams = vec![&bare_udp, &libtirpc, &hello];
    let locals = vec![&bare_unix, &libtirpc, &hello];
    let rpcbind = "-p 111 127.0.0.1 100000";
    for (count, all) in [(10, &few), (10_000, &many)] {
        for served in all {
            registrations::write_questions(&served.host, count);
        }
    }
    for served in [&libtirpc, &hello] {
        registrations::write_blob(&served.host);
    }
    let getport = format!("-k16 {GETPORT} -T udp {rpcbind} 2 3");
    let getaddr = format!("-k16 {GETADDR} -T udp {rpcbind} 4 3");
    let getport_tcp = format!("-c4 -k64 {GETPORT} {rpcbind} 2 3");
    let dump = |in_flight: u32| format!("-k{in_flight} {rpcbind} 4 4");
    let echo = |in_flight: u32, to: &str| format!("-k{in_flight} -a /run/blob {to} 3");
    let echoes = vec![&libtirpc, &hello];
    let rows = [
        (
            "TCP null c4k64",
            "25 libtirpc, 0.85 bare",
            format!("-c4 -k64 {tcp}"),
            &streams,
        ),
        (
            "TCP null c1k64",
            "4 libtirpc",
            format!("-c1 -k64 {tcp}"),
            &streams,
        ),
        (
            "TCP null c64k1",
            "1.0 libtirpc, 0.90 bare",
            format!("-c64 -k1 {tcp}"),
            &streams,
        ),
        (
            "UDP null c16k16",
            "1.2 libtirpc",
            format!("-c16 -k16 {udp}"),
            &datagrams,
        ),
        (
            "Unix null c1k64",
            "1.3 libtirpc, 0.92 bare",
            format!("-c1 -k64 {unix}"),
            &locals,
        ),
        (
            "Unix null c16k1",
            "1.3 libtirpc, 0.92 bare",
            format!("-c16 -k1 {unix}"),
            &locals,
        ),
        (
            "GETPORT udp c1k16, 10 registered",
            "4 rpcbind",
            getport.clone(),
            &few,
        ),
        (
            "GETPORT udp c1k16, 10,000 registered",
            "7.5 rpcbind",
            getport,
            &many,
        ),
        (
            "GETADDR udp c1k16, 10 registered",
            "11 rpcbind",
            getaddr.clone(),
            &few,
        ),
        (
            "GETADDR udp c1k16, 10,000 registered",
            "18 rpcbind",
            getaddr,
            &many,
        ),
        (
            "GETPORT tcp c4k64, 10 registered",
            "80 rpcbind",
            getport_tcp,
            &few,
        ),
        (
            "DUMP v4 tcp k1, 10,000 registered",
            "7 rpcbind",
            dump(1),
            &many,
        ),
        (
            "DUMP v4 tcp k4, 10,000 registered",
            "10 rpcbind",
            dump(4),
            &many,
        ),
        (
            "SET unix k16, 10,000 registered",
            "10 rpcbind",
            registrations::SET.to_owned(),
            &many,
        ),
        (
            "echo of 1 MiB tcp k1",
            "0.9 libtirpc",
            echo(1, &tcp),
            &echoes,
        ),
        (
            "echo of 1 MiB tcp k4",
            "1.2 libtirpc",
            echo(4, &tcp),
            &echoes,
        ),
        (
            "echo of 1 MiB unix k4",
            "1.8 libtirpc",
            echo(4, &unix),
            &echoes,
        ),
    ];

    let mut table = String::from(HEAD);
    for (what, goal, load, servers) in rows {
        if wanted.as_ref().is_some_and(|word| !what.contains(word)) {
            continue;
        }
        let mut samples = vec![Vec::new(); servers.len()];
        for _ in 0..ROUNDS {
            for (served, samples) in servers.iter().zip(&mut samples) {
                samples.push(served.measure(&rpcping, &load));
            }
        }
        let line = line(what, goal, servers, &samples);
        print!("{line}");
        table.push_str(&line);
    }
    if wanted.is_none() {
        let report = format!("{}\n{table}", machine(&before));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/RESULTS.md");
        std::fs::write(path, report).expect("the sources are writable");
    }
}

impl Served {
    /// One second of this load, less for those that end by themselves.
    fn measure(&self, rpcping: &Path, load: &str) -> Sample {
        let line = format!(
            "taskset -c {LOAD} {} --json -t {SECONDS} {load}; true",
            rpcping.display()
        );
        let output = self.host.run(&line);
        assert_eq!(output.stderr, "", "{}: {load}", self.name);
        let said = output.stdout;
        if load == registrations::SET {
            let undo = format!("{} --json {}", rpcping.display(), registrations::UNSET);
            self.host.run(&undo).success();
        }
        let value = |name: &str| {
            let rest = said
                .split_once(&format!("\"{name}\":"))
                .expect("it reports")
                .1;
            let end = rest.find([',', '}']).expect("JSON ends");
            rest[..end].parse::<f64>().expect("a number")
        };
        assert!(
            said.contains("\"ended_early\":null") && said.contains("\"refused\":[]"),
            "{load}: {said}"
        );
        Sample {
            rate: value("calls_per_second"),
            busy: value("busy"),
        }
    }
}

/// A host of its own with what this starts, all of it on the first processor.
fn serve(name: &'static str, start: impl FnOnce(&Host) -> Vec<Daemon>) -> Served {
    let host = Host::new();
    let daemons = start(&host);
    Served {
        name,
        host,
        _daemons: daemons,
    }
}

fn bare(program: &str, listen: &str) -> Served {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare");
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/c");
    let out_is = format!("OUT={}", out.display());
    let made = Command::new("make")
        .args(["--silent", "-C", sources, &out_is])
        .status();
    assert!(made.expect("make runs").success());
    serve("bare", |host| {
        let mut command = host.command(0, out.join(program));
        command.arg(listen);
        vec![host.start(command, Ready::Line)]
    })
}

/// A row of the table: ours to each of the others, and what ours was.
fn line(what: &str, goal: &str, servers: &[&Served], samples: &[Vec<Sample>]) -> String {
    let mut line = format!("| {what} | {goal} |");
    let Some((ours, others)) = samples.split_last() else {
        return line;
    };
    let mut ratios = String::new();
    for (served, theirs) in servers.iter().zip(others) {
        let ratios_of = ours
            .iter()
            .zip(theirs)
            .map(|(ours, theirs)| ours.rate / theirs.rate);
        let [least, median, most] = spread(ratios_of.collect());
        let rate = spread(theirs.iter().map(|sample| sample.rate).collect())[1];
        let name = served.name;
        let _ = write!(
            ratios,
            "{median:.2} {name} ({least:.2}-{most:.2}; {rate:.0}/s) "
        );
    }
    let rate = spread(ours.iter().map(|sample| sample.rate).collect())[1];
    let busy = spread(ours.iter().map(|sample| sample.busy).collect())[1];
    let note = if busy > 0.77 {
        " (load at its limit)"
    } else {
        ""
    };
    let _ = writeln!(
        line,
        " {}| {rate:.0} | {:.0} %{note} |",
        ratios,
        busy * 100.0
    );
    line
}

/// The least, the median and the greatest.
fn spread(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    ]
}

/// What it was measured on, before and after.
fn machine(before: &str) -> String {
    let said = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).output();
        String::from_utf8_lossy(&output.expect("sh runs").stdout)
            .trim()
            .to_owned()
    };
    let model = said("sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -1");
    let processors = said("nproc --all");
    let kernel = said("uname -sr");
    let peers = said("dpkg-query -W -f '${Package} ${Version}; ' libtirpc3 rpcbind");
    let date = said("date -u +'%Y-%m-%d %H:%M UTC'");
    let after = load_average();
    format!(
        "# What `make bench` measured\n\n\
         {date}, {processors} processors of {model}, {kernel}; {peers}load average {before} before and {after} after.\n\
         The servers had processor {SERVER}, the load {LOAD}; {ROUNDS} rounds of {SECONDS} s.\n"
    )
}

fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").expect("Linux has it");
    load.split(' ').next().unwrap_or_default().to_owned()
}

const HEAD: &str = "\
| what | to reach, as a multiple of | ours to each (least-greatest; theirs a second) | ours a second | rpcping busy |
|---|---|---|--:|--:|
";

/// The processor of the servers.
const SERVER: usize = 0;

/// Those of the load.
const LOAD: &str = "2,3";

/// How long each sample is.
const SECONDS: f64 = 0.5;
