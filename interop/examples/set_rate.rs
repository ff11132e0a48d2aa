//! How many SETs and UNSETs a second rpcbind takes, with few and with many registrations: theirs and ours by
//! turns, in one run.
//!
//! ```text
//! cargo run --release --package oncrpc-interop --example set_rate        # as root
//! ```
//!
//! One caller over the Unix socket waits for each answer. What is said is the median of the rounds, since
//! other work on the machine hits both alike; the ratios are what counts.
#![expect(clippy::expect_used, reason = "a measurement that cannot go on ends")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use oncrpc_interop::{Daemon, Host, Reply, Which, call};

/// Registrations that are there while it is measured.
const REGISTERED: [u32; 3] = [10, 1_000, 10_000];

const ROUNDS: usize = 9;

/// Pairs of SET and UNSET in a round.
const PAIRS: u32 = 1_000;

const SET: u32 = 1;
const UNSET: u32 = 2;

/// A daemon that is measured, and what it did.
struct Measured {
    stream: UnixStream,
    rates: Vec<f64>,
    _daemon: Daemon,
    _host: Host,
}

impl Measured {
    fn start(which: Which) -> Self {
        let host = Host::new();
        let daemon = host.rpcbind(which, &["-w"]);
        let stream = UnixStream::connect(host.path("/run/rpcbind.sock"));
        Self {
            stream: stream.expect("it listens"),
            rates: Vec::new(),
            _daemon: daemon,
            _host: host,
        }
    }

    fn change(&mut self, procedure: u32, program: u32) {
        let message = call(4, procedure).rpcb(program, 1, "udp", "0.0.0.0.8.1", "");
        let mut reply = [0; 32];
        self.stream.write_all(&message.record()).expect("it reads");
        self.stream.read_exact(&mut reply).expect("it answers");
        assert_eq!(reply[4..], Reply::success(&[1]));
    }

    fn measure(&mut self) {
        let start = Instant::now();
        for program in 0..PAIRS {
            self.change(SET, 900_000 + program);
            self.change(UNSET, 900_000 + program);
        }
        let calls = f64::from(2 * PAIRS);
        self.rates.push(calls / start.elapsed().as_secs_f64());
    }

    fn median(&mut self) -> f64 {
        self.rates.sort_by(f64::total_cmp);
        let median = self.rates[self.rates.len() / 2];
        self.rates.clear();
        median
    }
}

fn main() {
    let mut both = Which::BOTH.map(Measured::start);
    let mut there = 0;
    println!("calls a second, of SET and UNSET by turns");
    println!("registered    theirs      ours  ours/theirs");
    for registered in REGISTERED {
        for measured in &mut both {
            for program in there..registered {
                measured.change(SET, 400_000 + program);
            }
        }
        there = registered;
        for _ in 0..ROUNDS {
            both.iter_mut().for_each(Measured::measure);
        }
        let [theirs, ours] = both.each_mut().map(Measured::median);
        let ratio = ours / theirs;
        println!("{registered:>10} {theirs:>9.0} {ours:>9.0} {ratio:>12.2}");
    }
}
