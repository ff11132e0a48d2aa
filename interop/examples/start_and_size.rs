//! How long rpcbind takes from its start to its first answer, and what memory it holds, idle and with ten thousand
//! registrations: theirs and ours by turns, in one run.
//!
//! ```text
//! cargo run --release --package oncrpc-interop --example start_and_size        # as root
//! ```
//!
//! The time is from the start of the process to the answer to a NULL over the Unix socket; each round has a host of
//! its own. Resident memory is Rss of smaps_rollup, and what of it is its own alone (Private_Clean and Private_Dirty) beside it.
//! What is said is the median of the rounds, since other work on the machine hits both alike; the ratios are what counts.
#![expect(clippy::expect_used, reason = "a measurement that cannot go on ends")]

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use oncrpc_interop::{Host, Reply, Which, call};

const ROUNDS: usize = 7;

/// Registrations with which its memory is measured a second time.
const REGISTERED: u32 = 10_000;

const NULL: u32 = 0;
const SET: u32 = 1;

/// What is measured, in the order of [`measure`]'s results.
const MEASURED: [&str; 5] = [
    "start to first answer, ms",
    "idle, KiB",
    "idle, of its own, KiB",
    "10,000 registered, KiB",
    "10,000 registered, of its own",
];

fn main() {
    let mut rounds = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (which, rounds) in Which::BOTH.into_iter().zip(&mut rounds) {
            rounds.push(measure(which));
        }
    }
    println!(
        "{:<32}{:>10}{:>10}{:>14}",
        "", "theirs", "ours", "ours/theirs"
    );
    for (at, what) in MEASURED.into_iter().enumerate() {
        let [theirs, ours] = rounds.each_ref().map(|rounds| median(rounds, at));
        let ratio = ours / theirs;
        println!("{what:<32}{theirs:>10.1}{ours:>10.1}{ratio:>14.2}");
    }
}

fn median(rounds: &[[f64; 5]], at: usize) -> f64 {
    let mut values: Vec<f64> = rounds.iter().map(|round| round[at]).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One start, and what it came to.
fn measure(which: Which) -> [f64; 5] {
    let host = Host::new();
    let waiting = Process::waiting(&host, which);
    let socket = host.path("/run/rpcbind.sock");
    let begun = Instant::now();
    let process = waiting.go();
    let mut stream = loop {
        // Asked for again and again: being told of the socket would take longer than that.
        if let Ok(stream) = UnixStream::connect(&socket) {
            break stream;
        }
    };
    ask(&mut stream, &call(2, NULL).record(), &[]);
    let took = begun.elapsed().as_secs_f64() * 1_000.0;

    let [idle, idle_own] = process.memory();
    for program in 0..REGISTERED {
        let set = call(4, SET).rpcb(400_000 + program, 1, "udp", "0.0.0.0.8.1", "");
        ask(&mut stream, &set.record(), &[1]);
    }
    let [full, full_own] = process.memory();
    [took, idle, idle_own, full, full_own]
}

/// rpcbind's, from before it is rpcbind.
struct Process {
    entry: Child,
}

impl Process {
    /// A shell in the host that becomes rpcbind when it reads a line.
    fn waiting(host: &Host, which: Which) -> Self {
        let mut command = host.command(0, "sh");
        command.args(["-c", "echo here && read go && exec \"$0\" -f -w"]);
        command.arg(which.rpcbind());
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut entry = command.stderr(Stdio::null()).spawn().expect("nsenter runs");
        let mut here = [0; 5];
        let stdout = entry.stdout.as_mut().expect("it is piped");
        stdout.read_exact(&mut here).expect("the shell runs");
        Self { entry }
    }

    fn go(mut self) -> Self {
        let stdin = self.entry.stdin.as_mut().expect("it is piped");
        stdin.write_all(b"\n").expect("the shell reads");
        self
    }

    /// nsenter's only child.
    fn id(&self) -> i32 {
        let entry = self.entry.id();
        let children = fs::read_to_string(format!("/proc/{entry}/task/{entry}/children"));
        let children = children.expect("nsenter waits for it");
        children.trim().parse().expect("it has one child")
    }

    /// Its resident memory and what is its own alone of that, in KiB.
    fn memory(&self) -> [f64; 2] {
        let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id()));
        let rollup = rollup.expect("root may read it");
        let sum = |names: &[&str]| {
            let lines = rollup.lines().filter_map(|line| {
                let (name, rest) = line.split_once(':')?;
                names.contains(&name).then_some(rest)
            });
            let values = lines.map(|rest| rest.trim().trim_end_matches(" kB"));
            values
                .map(|value| value.parse::<f64>().expect("a number"))
                .sum()
        };
        [sum(&["Rss"]), sum(&["Private_Clean", "Private_Dirty"])]
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        kill(Pid::from_raw(self.id()), Signal::SIGKILL).expect("it runs");
        self.entry.wait().expect("nobody else waits for it");
    }
}

fn ask(stream: &mut UnixStream, record: &[u8], results: &[u32]) {
    let expected = Reply::success(results);
    let mut reply = vec![0; 4 + expected.len()];
    stream.write_all(record).expect("it reads");
    stream.read_exact(&mut reply).expect("it answers");
    assert_eq!(reply[4..], expected);
}
