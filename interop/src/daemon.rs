use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::host::{Host, Output, only_child};

/// How a program lets us know that it is ready.
#[derive(Clone, Copy, Debug)]
pub enum Ready {
    /// `READY=1` to the socket that `NOTIFY_SOCKET` names, as systemd has it.
    Notify,
    /// The first line on its standard output.
    Line,
}

/// A program that runs in the foreground of a [`Host`]; killed when dropped.
pub struct Daemon {
    // nsenter, which ends as the program does.
    entry: Child,
    pid: Pid,
    stdout: ChildStdout,
    first_line: String,
    stderr: PathBuf,
    ended: bool,
}

impl Daemon {
    /// Starts it and waits until it is ready. Panics with what it said if it ends before.
    pub(crate) fn start(host: &Host, mut command: Command, ready: Ready) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);

        let notify_path = format!("/run/notify.{count}");
        let notify = UnixDatagram::bind(host.path(&notify_path)).expect("the name is new");
        // It may have dropped its privileges by the time it is ready.
        std::fs::set_permissions(host.path(&notify_path), PermissionsExt::from_mode(0o666))
            .expect("the socket is ours");
        if let Ready::Notify = ready {
            command.env("NOTIFY_SOCKET", &notify_path);
        }

        let stderr = host.path(&format!("/run/stderr.{count}"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&stderr).expect("/run is writable"));
        let mut entry = command.spawn().expect("nsenter runs");
        let mut stdout = entry.stdout.take().expect("it is piped");

        let mut first_line = String::new();
        let is_ready = match ready {
            Ready::Notify => says_ready(&notify, &stdout),
            Ready::Line => {
                first_line = read_line(&mut stdout);
                !first_line.is_empty()
            }
        };
        if !is_ready {
            if let Some(pid) = only_child(entry.id()) {
                // It ended or hangs; either way it is to be gone.
                let _ = kill(pid, Signal::SIGKILL);
            }
            let output = collect(&mut entry, &mut stdout, first_line, &stderr);
            panic!("{command:?} did not become ready: {output:?}");
        }
        let pid = only_child(entry.id()).expect("it runs");
        Self {
            entry,
            pid,
            stdout,
            first_line,
            stderr,
            ended: false,
        }
    }

    /// What it has written to its standard error so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).expect("the host lives")
    }

    /// Its process id outside the host.
    pub fn id(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Asks it to end (SIGTERM) and waits until it has.
    pub fn terminate(self) -> Output {
        self.end(Signal::SIGTERM)
    }

    /// Sends a signal that ends it and waits until it has ended.
    pub fn end(mut self, signal: Signal) -> Output {
        kill(self.pid, signal).expect("it runs");
        self.wait()
    }

    /// Waits until it ends of itself.
    pub fn wait(&mut self) -> Output {
        self.ended = true;
        let ended = wait_readable(&[self.stdout.as_fd()]).is_some();
        assert!(ended, "it has not ended");
        collect(
            &mut self.entry,
            &mut self.stdout,
            std::mem::take(&mut self.first_line),
            &self.stderr,
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if !self.ended {
            // It may be gone already, which is what we want.
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = self.entry.wait();
        }
    }
}

/// Waits for `READY=1`; false if standard output is closed first, which the end of the program does.
fn says_ready(notify: &UnixDatagram, stdout: &ChildStdout) -> bool {
    let mut message = [0; 4096];
    while let Some(0) = wait_readable(&[notify.as_fd(), stdout.as_fd()]) {
        let length = notify.recv(&mut message).expect("it is readable");
        if message[..length]
            .split(|&byte| byte == b'\n')
            .any(|line| line == b"READY=1")
        {
            return true;
        }
    }
    false
}

/// The first of these that can be read or has ended; `None` after a long time without.
pub(crate) fn wait_readable(files: &[std::os::fd::BorrowedFd<'_>]) -> Option<usize> {
    let mut polled: Vec<_> = files
        .iter()
        .map(|&file| PollFd::new(file, PollFlags::POLLIN))
        .collect();
    poll(&mut polled, PATIENCE).expect("the files are open");
    polled.iter().position(|file| file.any().unwrap_or(false))
}

/// Reads to the first newline or the end, a byte at a time: the rest belongs to whoever reads next.
fn read_line(stdout: &mut ChildStdout) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") && wait_readable(&[stdout.as_fd()]).is_some() {
        if stdout.read(&mut byte).expect("it is readable") == 0 {
            break;
        }
        line.push(byte[0]);
    }
    String::from_utf8_lossy(&line).into_owned()
}

fn collect(
    entry: &mut Child,
    stdout: &mut ChildStdout,
    mut said: String,
    stderr: &PathBuf,
) -> Output {
    stdout
        .read_to_string(&mut said)
        .expect("its output is text");
    let status = entry.wait().expect("nobody else waits for it");
    Output::new(
        said.as_bytes(),
        &std::fs::read(stderr).unwrap_or_default(),
        status,
    )
}

/// Waits until hosts.allow and hosts.deny as they are now count for our rpcbind.
///
/// No event tells of that: they count when it looks at them the next time, which it does for whoever asks later than this after
/// the edit, and not before (COMPATIBILITY.md).
pub fn wait_for_edits() {
    std::thread::sleep(LOOKED_AT_EVERY);
}

/// `LOOKED_AT_EVERY` of `portmapper/src/hosts_access/files.rs`.
const LOOKED_AT_EVERY: Duration = Duration::from_millis(10);

/// How long to wait for an event that is certain to come, in milliseconds: long enough for a loaded
/// machine, since only what hangs ever meets it.
const PATIENCE: u16 = 30_000;
