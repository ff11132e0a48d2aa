//! How fast servers answer: bare ones of a few lines of C, libtirpc's, Debian's rpcbind, and ours, by turns in one run.
//!
//! ```text
//! make bench                                  # as root; some minutes
//! make bench ROWS="'TCP null' echo" ROUNDS=3  # only the rows with one of these in their name, three times
//! ```
//!
//! The load is `rpcping`'s, the same for all. The server has one processor, the first, and the load the last two. Of each row
//! every server is measured once a round; what is said is the median over the rounds of the ratio within a round, and the least
//! and the greatest of them: the other work on the machine changes within minutes, and a round takes seconds. Where rpcping was
//! busy for more than 77 % of its time it could not have seen a server that is 1.3 times as fast, and the row says so.
//!
//! RESULTS.md, beside this file, is what the last run came to, unless rows were left out.
#![expect(clippy::expect_used, reason = "a measurement that cannot go on ends")]

use std::path::Path;
use std::process::Command;

use self::rows::rows;
use self::samples::{LOAD, SECONDS};
use self::servers::{SERVER, Servers};

#[path = "peers/registrations.rs"]
mod registrations;
#[path = "peers/rows.rs"]
mod rows;
#[path = "peers/samples.rs"]
mod samples;
#[path = "peers/servers.rs"]
mod servers;

fn main() {
    // cargo itself passes --bench.
    let words = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"));
    let wanted: Vec<String> = words.collect();
    let rounds = std::env::var("ROUNDS").ok().filter(|text| !text.is_empty());
    let rounds = rounds.map_or(ROUNDS, |rounds| rounds.parse().expect("ROUNDS is a number"));

    let mut rows = rows();
    if !wanted.is_empty() {
        rows.retain(|row| wanted.iter().any(|word| row.what.contains(word)));
        assert!(!rows.is_empty(), "no row is named like {wanted:?}");
    }
    let before = load_average();
    let mut servers = Servers::new();
    let mut table = String::from(HEAD);
    print!("{HEAD}");
    for row in rows {
        let peers: Vec<_> = row.peers.iter().map(|peer| servers.get(*peer)).collect();
        let mut samples = vec![Vec::new(); peers.len()];
        for _ in 0..rounds {
            for (served, samples) in peers.iter().zip(&mut samples) {
                samples.push(samples::load(served, servers.rpcping(), &row.load));
            }
        }
        let line = samples::line(&row, &samples);
        print!("{line}");
        table.push_str(&line);
    }
    if wanted.is_empty() {
        let report = format!("{}\n{table}", machine(&before, rounds));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/RESULTS.md");
        std::fs::write(path, report).expect("the sources are writable");
    }
}

/// What it was measured on, before and after.
fn machine(before: &str, rounds: usize) -> String {
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
         {date}, {processors} processors of {model}, {kernel}; {peers} load average {before} before and {after} after.\n\
         The servers had processor {SERVER}, the load {LOAD}; {rounds} rounds of {SECONDS} s.\n"
    )
}

fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").expect("Linux has it");
    load.split(' ').next().unwrap_or_default().to_owned()
}

const HEAD: &str = "\
| what | ours to each, of what is to be reached (least-greatest; theirs a second); ours a second | rpcping busy | reached |
|---|---|--:|---|
";

/// How often everything is measured, unless ROUNDS says otherwise.
const ROUNDS: usize = 5;
