//! How fast ours are beside others, by turns in one run: servers (bare ones of a few lines of C, libtirpc's, ntirpc's, tonic's),
//! Debian's rpcbind, clients (libtirpc's clnt_call, tonic's, one written by hand) and libtirpc's codec.
//!
//! ```text
//! make bench                                  # as root; a quarter of an hour
//! make bench ROWS="'TCP null' echo" ROUNDS=3  # only the rows with one of these in their name, three times
//! ```
//!
//! The load of servers is `rpcping`'s, the same for all. A server has one processor, the first, or the first two where the row says
//! so; what calls has the last two, and a client of one thread one of these. Of each row everybody is measured once a round; what is
//! said is the median over the rounds of the ratio within a round, and the least and the greatest of them: the other work on the
//! machine changes within minutes, and a round takes seconds.
//!
//! A row of servers counts only if rpcping, with the same load, sees 1.3 times as many calls answered by a bare server, which has
//! both of the first processors for this: otherwise it may be rpcping that was measured.
//!
//! RESULTS.md, beside this file, is what the last run came to, unless rows were left out.
#![expect(clippy::expect_used, reason = "a measurement that cannot go on ends")]

use std::path::Path;
use std::process::Command;

use self::measure::{LOAD, SECONDS};
use self::programs::Programs;
use self::rows::{Row, rows};
use self::servers::Servers;
use self::table::{HEAD, line};

#[path = "peers/build.rs"]
mod build;
#[path = "peers/measure.rs"]
mod measure;
#[path = "peers/programs.rs"]
mod programs;
#[path = "peers/registrations.rs"]
mod registrations;
#[path = "peers/rows.rs"]
mod rows;
#[path = "peers/servers.rs"]
mod servers;
#[path = "peers/start.rs"]
mod start;
#[path = "peers/table.rs"]
mod table;

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
        let is_wanted = |row: &Row| wanted.iter().any(|word| row.what.contains(word));
        if !rows.iter().any(is_wanted) {
            eprintln!("no row's name has any of {wanted:?} in it; there are:");
            rows.iter().for_each(|row| eprintln!("  {}", row.what));
            std::process::exit(2);
        }
        rows.retain(is_wanted);
    }
    let before = load_average();
    let programs = Programs::new();
    let mut servers = Servers::default();
    let mut table = String::from(HEAD);
    print!("{HEAD}");
    for row in rows {
        let mut samples = vec![Vec::new(); row.sides.len()];
        let mut proof = Vec::new();
        for _ in 0..rounds {
            for ((_, measure), samples) in row.sides.iter().zip(&mut samples) {
                samples.push(measure.sample(&mut servers, &programs));
            }
            if let Some(measure) = &row.proof {
                proof.push(measure.sample(&mut servers, &programs));
            }
        }
        let line = line(&row, &samples, &proof);
        print!("{line}");
        table.push_str(&line);
    }
    if wanted.is_empty() {
        let report = format!("{}\n{table}{TAIL}", machine(&before, rounds));
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
    let rustc = said("rustc --version");
    let peers = said(
        "dpkg-query -W -f '${Package} ${Version}; ' libtirpc3 libntirpc4.3 rpcbind nghttp2-client",
    );
    let tonic = include_str!("rust/Cargo.lock");
    let tonic = tonic.split_once("name = \"tonic\"\nversion = \"");
    let tonic = tonic
        .and_then(|(_, rest)| rest.split('"').next())
        .unwrap_or_default();
    let date = said("date -u +'%Y-%m-%d %H:%M UTC'");
    let after = load_average();
    format!(
        "# What `make bench` measured\n\n\
         {date}, {processors} processors of {model}, {kernel}; {peers} tonic {tonic}; {rustc}.\n\
         Load average {before} before and {after} after. The servers had processor 0, or 0 and 1; the load {LOAD}; {rounds} rounds of \
         {SECONDS} s.\n"
    )
}

fn load_average() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").expect("Linux has it");
    load.split(' ').next().unwrap_or_default().to_owned()
}

/// What is behind the table.
const TAIL: &str = "
- c4k64: 4 connections, 64 calls in flight on each. *bare*: a few lines of C that answer whatever is asked (`c/`). *by hand*: a client
  of a few lines on tokio (`rust/`) that tasks on several threads could share, as they can ours; and one for one thread alone.
- Our server is `hello-server`: on one processor tokio's `current_thread` runtime, on two one with two workers.
- Goals of several rows are of bare servers and of libtirpc at once; *no* means that one of them is missed.
- Not here: instructions and allocations of a call (`make counts`).
";

/// How often everything is measured, unless ROUNDS says otherwise.
const ROUNDS: usize = 5;
