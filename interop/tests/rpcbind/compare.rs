//! Runs the same in two hosts that differ only in whose rpcbind runs there.

use std::fmt::Write as _;

use oncrpc_interop::{Daemon, Host, Output, Which};

/// Runs lines of shell, with theirs and with ours, and expects each to say the same and to end the
/// same way. Returns what all of them said, for a look at what was compared.
#[track_caller]
pub fn same_output(
    flags: &[&str],
    prepare: impl Fn(&Host) -> Vec<Daemon>,
    lines: &[&str],
) -> String {
    let run = |which| {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, flags);
        let _daemons = prepare(&host);
        lines.iter().map(|line| host.run(line)).collect::<Vec<_>>()
    };
    let [theirs, ours] = Which::BOTH.map(run);
    let mut said = String::new();
    let mut differing = String::new();
    for ((line, theirs), ours) in lines.iter().zip(theirs).zip(ours) {
        let (theirs, ours) = (transcript(line, &theirs), transcript(line, &ours));
        if theirs != ours {
            let _ = write!(differing, "theirs\n{theirs}ours\n{ours}");
        }
        said.push_str(&theirs);
    }
    assert!(differing.is_empty(), "ours and theirs differ:\n{differing}");
    said
}

/// A command and what it said as a terminal would show it, with its status.
pub fn transcript(line: &str, output: &Output) -> String {
    let Output {
        stdout,
        stderr,
        code,
        signal,
    } = output;
    let status = match (code, signal) {
        (Some(code), _) => format!("status {code}"),
        (None, signal) => format!("signal {signal:?}"),
    };
    format!("$ {line}\n{stdout}{stderr}[{status}]\n")
}
