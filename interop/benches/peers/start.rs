//! How long rpcbind takes from its start to its first answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use oncrpc_interop::{Host, Reply, Which, call};

use super::registrations;
use super::servers::{ALL, run_on};

/// Milliseconds from the start of the process to the answer to a NULL over the Unix socket, in a host of its own; `warm`, with
/// 10,000 registrations of an earlier run.
pub(crate) fn milliseconds(which: Which, warm: bool, rpcping: &Path) -> f64 {
    let host = Host::new();
    if warm {
        let before = host.rpcbind(which, &["-w"]);
        registrations::make(&host, rpcping, 10_000);
        before.terminate();
    }
    // Each on processors of its own: on ours it would wait while we ask.
    run_on(&ALL[..1]);
    let process = Process::waiting(&host, which, if warm { "-w" } else { "" });
    run_on(&ALL[2..]);
    let socket = host.path("/run/rpcbind.sock");
    // One that was killed leaves it behind, and nobody there.
    let _ = std::fs::remove_file(&socket);
    let begun = Instant::now();
    let _process = process.go();
    let mut stream = loop {
        // Asked for again and again: being told of the socket would take longer than that.
        if let Ok(stream) = UnixStream::connect(&socket) {
            break stream;
        }
    };
    let expected = Reply::success(&[]);
    let mut reply = vec![0; 4 + expected.len()];
    stream.write_all(&call(2, 0).record()).expect("it reads");
    stream.read_exact(&mut reply).expect("it answers");
    assert_eq!(reply[4..], expected);
    let milliseconds = begun.elapsed().as_secs_f64() * 1_000.0;
    run_on(&ALL);
    milliseconds
}

/// rpcbind's, from before it is rpcbind.
struct Process {
    entry: Child,
}

impl Process {
    /// A shell in the host that becomes rpcbind when it reads a line.
    fn waiting(host: &Host, which: Which, flag: &str) -> Self {
        let mut command = host.command(0, "sh");
        let line = format!("echo here && read go && exec \"$0\" -f {flag}");
        command.args(["-c", &line]).arg(which.rpcbind());
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
}

impl Drop for Process {
    fn drop(&mut self) {
        let entry = self.entry.id();
        let children = std::fs::read_to_string(format!("/proc/{entry}/task/{entry}/children"));
        let child = children.expect("nsenter waits for it");
        let child = child.trim().parse().expect("it has one child");
        kill(Pid::from_raw(child), Signal::SIGKILL).expect("it runs");
        self.entry.wait().expect("nobody else waits for it");
    }
}
