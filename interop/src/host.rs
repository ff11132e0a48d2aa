use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::sched::{CloneFlags, setns};
use nix::unistd::{Pid, dup};

use crate::daemon::{Daemon, Ready, wait_readable};
use crate::programs::Which;

/// A machine of its own: network, mounts, processes and host name, with nothing but us in it.
///
/// Its addresses are `127.0.0.1`, `::1`, [`ADDRESSES`](Self::ADDRESSES) on two interfaces, and
/// whatever caller of [`REMOTE`](Self::REMOTE) or [`REMOTE6`](Self::REMOTE6) a test plays. `/run`,
/// `/dev` and `/var/lib/nfs` are its own; the rest of the file system is shared with the machine we
/// run on. All that was started in it ends when it is dropped, or when the test program ends in
/// whatever way: its first process waits for the end of a pipe that we hold.
pub struct Host {
    // Held to be closed; taken in `drop`.
    life: Option<ChildStdin>,
    unshare: Child,
    init: Pid,
    log: UnixDatagram,
    next_reserved_port: AtomicU16,
    /// The cables that were laid from here.
    cables: Mutex<Vec<String>>,
}

impl Host {
    /// The addresses of its interfaces v0 and v1.
    pub const ADDRESSES: [&str; 4] = [
        "192.0.2.1",
        "2001:db8:1::1",
        "198.51.100.1",
        "2001:db8:2::1",
    ];
    /// An address from which a test may call as if from another machine.
    pub const REMOTE: &str = "203.0.113.5";
    /// The same over IPv6.
    pub const REMOTE6: &str = "2001:db8:ff::5";

    /// Sets one up (some 30 ms).
    pub fn new() -> Self {
        let mut unshare = Command::new("unshare")
            .args([
                "--net",
                "--mount",
                "--pid",
                "--uts",
                "--ipc",
                "--fork",
                "--mount-proc",
                "--kill-child",
            ])
            .args(["sh", "-c", SET_UP])
            .env_clear()
            .envs(ENVIRONMENT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare runs");
        let life = unshare.stdin.take();
        let mut line = String::new();
        let stdout = unshare.stdout.take().expect("it is piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("its output is text");
        assert_eq!(
            line, "up\n",
            "the private host does not come up: see its error above"
        );
        let init = only_child(unshare.id()).expect("it waits for us");
        let log = in_network(init, || UnixDatagram::bind(inside(init, "/dev/log")))
            .expect("/dev/log is free");
        // Daemons log as whoever they have become.
        std::fs::set_permissions(inside(init, "/dev/log"), PermissionsExt::from_mode(0o666))
            .expect("the socket is ours");
        log.set_nonblocking(true).expect("a socket can be made so");
        Self {
            life,
            unshare,
            init,
            log,
            next_reserved_port: AtomicU16::new(600),
            cables: Mutex::default(),
        }
    }

    /// Where a file of this host is found from outside.
    pub fn path(&self, path: &str) -> PathBuf {
        inside(self.init, path)
    }

    /// Runs a line of shell as root to its end.
    pub fn run(&self, line: &str) -> Output {
        self.run_as(0, line)
    }

    /// Runs a line of shell as this user to its end, which must come within a minute.
    pub fn run_as(&self, uid: u32, line: &str) -> Output {
        let mut command = self.command(uid, "timeout");
        command.args(["--kill-after=1", DEADLINE, "sh", "-c", line]);
        let output = Output::from(command.stdin(Stdio::null()).output().expect("nsenter runs"));
        assert!(
            output.code != Some(124),
            "{line:?} has not ended in {DEADLINE}: {output:?}"
        );
        output
    }

    /// A command that will run in this host as this user, with a small fixed environment.
    pub fn command(&self, uid: u32, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.init))
            .args(["--net", "--mount", "--pid", "--uts", "--ipc", "--"]);
        if uid != 0 {
            command.arg("setpriv").args([
                format!("--reuid={uid}"),
                format!("--regid={uid}"),
                "--clear-groups".to_owned(),
            ]);
        }
        command.arg(program).env_clear().envs(ENVIRONMENT);
        command
    }

    /// Starts rpcbind in the foreground (`-f` and these flags) and waits until it says that it is ready.
    pub fn rpcbind(&self, which: Which, flags: &[&str]) -> Daemon {
        let mut command = self.command(0, which.rpcbind());
        command.arg("-f").args(flags);
        Daemon::start(self, command, Ready::Notify)
    }

    /// Starts rpcbind as a service manager does that has bound these sockets for it (`LISTEN_FDS`), and waits
    /// until it says that it is ready.
    pub fn rpcbind_activated(&self, which: Which, flags: &[&str], sockets: Vec<OwnedFd>) -> Daemon {
        self.rpcbind_activated_as(0, which, flags, sockets)
    }

    /// The same as this user, to whom the state directory then belongs.
    pub fn rpcbind_activated_as(
        &self,
        uid: u32,
        which: Which,
        flags: &[&str],
        sockets: Vec<OwnedFd>,
    ) -> Daemon {
        if uid != 0 {
            self.run(&format!("chown {uid} /run/rpcbind")).success();
        }
        // A child takes over what is not closed on exec; the shell puts it where sd_listen_fds(3) looks.
        let inherited: Vec<OwnedFd> = sockets.iter().map(inheritable).collect();
        let mut line = format!(
            "LISTEN_PID=$$ LISTEN_FDS={} exec \"$0\" \"$@\"",
            inherited.len()
        );
        for (at, socket) in inherited.iter().enumerate() {
            let number = socket.as_raw_fd();
            line += &format!(" {}<&{number} {number}<&-", at + 3);
        }
        let mut command = self.command(uid, "bash");
        command.args(["-c", &line]).arg(which.rpcbind());
        command.arg("-f").args(flags);
        Daemon::start(self, command, Ready::Notify)
    }

    /// Lays cable `number` to another host. Its ends are interfaces `c` and the number, with the addresses
    /// that [`cable_end`](Self::cable_end) tells and, link-local, fe80::1 here and fe80::2 there.
    pub fn cable(&self, number: u8, other: &Self) {
        let name = format!("c{number}");
        let peer = other.init.to_string();
        let (name, peer) = (name.as_str(), peer.as_str());
        let ip = |host: &Self, words: &[&str]| {
            // As a child of ours it knows the other host's first process by the number that we do.
            let run = || {
                let done = host.in_network(|| Command::new("ip").args(words).output());
                Output::from(done.expect("ip runs"))
            };
            let mut done = run();
            // Two ends of a link that are made in two networks at once may be given the number of another's.
            for _ in 0..20 {
                if !done.stderr.contains("File exists") {
                    break;
                }
                done = run();
            }
            assert!(done.code == Some(0), "ip {words:?}: {done:?}");
        };
        let laid = [
            "link", "add", name, "type", "veth", "peer", "name", name, "netns", peer,
        ];
        ip(self, &laid);
        let mut cables = self.cables.lock().unwrap_or_else(PoisonError::into_inner);
        cables.push(name.to_owned());
        drop(cables);
        for (end, host) in [(1, self), (2, other)] {
            let ipv4 = format!("{}/24", Self::cable_end(number, end));
            let link_local = format!("fe80::{end}/64");
            ip(host, &["link", "set", name, "addrgenmode", "none"]);
            ip(host, &["address", "add", &ipv4, "dev", name]);
            ip(host, &["address", "add", &link_local, "dev", name, "nodad"]);
            ip(host, &["link", "set", name, "up"]);
        }
    }

    /// The address at an end of a cable: 1 is where it was laid from.
    pub fn cable_end(number: u8, end: u8) -> String {
        format!("198.18.{number}.{end}")
    }

    /// Starts a program that stays in the foreground.
    pub fn start(&self, command: Command, ready: Ready) -> Daemon {
        Daemon::start(self, command, ready)
    }

    /// Runs `work`, such as the making of sockets, in this host's network.
    pub fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        in_network(self.init, work)
    }

    /// What has been sent to this host's `/dev/log` since the last call, a message a line, without
    /// time and process id.
    pub fn syslog(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let mut lines = Vec::new();
        while let Ok(length) = self.log.recv(&mut buffer) {
            lines.push(syslog_line(&String::from_utf8_lossy(&buffer[..length])));
        }
        lines
    }

    /// The first message to `/dev/log` with this in it, waited for: some log by a process that outlives the answer.
    pub fn syslog_with(&self, text: &str) -> String {
        loop {
            let came = wait_readable(&[self.log.as_fd()]).is_some();
            assert!(came, "nothing is logged with {text:?} in it");
            if let Some(line) = self.syslog().into_iter().find(|line| line.contains(text)) {
                return line;
            }
        }
    }

    /// Gives it an /etc of its own, like the machine's, in which names are those of /etc/hosts.
    pub fn private_etc(&self) {
        let own = "cp -a /etc /run/etc && mount --bind /run/etc /etc && echo 'hosts: files' >/etc/nsswitch.conf";
        self.run(own).success();
    }

    /// A port below 1024 that nobody has used here yet.
    pub(crate) fn reserved_port(&self) -> u16 {
        self.next_reserved_port.fetch_add(1, Ordering::Relaxed)
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The kernel takes a network down in its own time; till then the other ends of its cables would keep their names.
        let cables =
            std::mem::take(&mut *self.cables.lock().unwrap_or_else(PoisonError::into_inner));
        for name in cables {
            // It may be gone with the host at its other end.
            let _ = self.in_network(|| Command::new("ip").args(["link", "delete", &name]).output());
        }
        drop(self.life.take());
        // INVARIANT: waiting for one's own child fails only if somebody else has.
        self.unshare.wait().expect("nobody else waits for it");
    }
}

/// What a command has said, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// The exit code, `None` if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
}

impl Output {
    pub(crate) fn new(stdout: &[u8], stderr: &[u8], status: ExitStatus) -> Self {
        Self {
            stdout: String::from_utf8_lossy(stdout).into_owned(),
            stderr: String::from_utf8_lossy(stderr).into_owned(),
            code: status.code(),
            signal: status.signal(),
        }
    }

    /// Its standard output, if it ended well and complained of nothing.
    #[track_caller]
    pub fn success(self) -> String {
        assert!(self.code == Some(0) && self.stderr.is_empty(), "{self:?}");
        self.stdout
    }
}

impl From<std::process::Output> for Output {
    fn from(output: std::process::Output) -> Self {
        Self::new(&output.stdout, &output.stderr, output.status)
    }
}

/// The same socket under a number that no service manager uses, open to children. (One that another test starts
/// meanwhile gets it as well, and has no use for it.)
fn inheritable(socket: &OwnedFd) -> OwnedFd {
    const BEYOND: i32 = 32;
    let copy = dup(socket).expect("there are numbers left");
    if copy.as_raw_fd() < BEYOND {
        return inheritable(&copy);
    }
    copy
}

/// How a file of the host whose first process is `init` is named outside.
fn inside(init: Pid, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{init}/root{path}"))
}

/// Runs `work` on a thread that has entered the network namespace of `init`.
fn in_network<T: Send>(init: Pid, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let inside = scope.spawn(move || {
            let network =
                std::fs::File::open(format!("/proc/{init}/ns/net")).expect("the host lives");
            setns(network, CloneFlags::CLONE_NEWNET).expect("root may enter a network");
            work()
        });
        inside
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The one child of a process that has started no other, unless it has ended.
pub(crate) fn only_child(parent: u32) -> Option<Pid> {
    let children =
        std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    children.trim().parse().ok().map(Pid::from_raw)
}

/// `<PRI>Mmm dd hh:mm:ss tag[pid]: text` without what changes from run to run.
fn syslog_line(message: &str) -> String {
    const STAMP: usize = "Nov 21 01:02:03 ".len();
    let (priority, rest) = message.split_once('>').unwrap_or(("", message));
    let rest = rest.get(STAMP..).unwrap_or(rest).trim_end();
    let text = match (rest.find('['), rest.find("]: ")) {
        (Some(open), Some(close)) if open < close => {
            format!("{}{}", &rest[..open], &rest[close + 1..])
        }
        _ => rest.to_owned(),
    };
    format!("{priority}> {text}")
}

/// How long a command may take, as `timeout` reads it: only what hangs should ever meet it.
const DEADLINE: &str = "60s";

const ENVIRONMENT: [(&str, &str); 3] = [
    ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ("LC_ALL", "C"),
    ("HOME", "/"),
];

/// Builds the host from inside its new namespaces, says so, and becomes its first process.
///
/// The interfaces have no link-local addresses and no duplicate address detection, so that nothing
/// changes after "up". Routes of type local let a caller use any address of two documentation
/// networks.
const SET_UP: &str = r#"set -e
hostname host
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/rpcbind /run/dev
chown _rpc:root /run/rpcbind 2>/dev/null || true
for device in null zero full random urandom; do
    touch /run/dev/$device
    mount --bind /dev/$device /run/dev/$device
done
mount --rbind /run/dev /dev
if [ -d /var/lib/nfs ]; then
    mount -t tmpfs -o mode=755 tmpfs /var/lib/nfs
fi
echo 4096 >/proc/sys/net/unix/max_dgram_qlen
ip -batch - <<'END'
link set lo up
link add v0 type veth peer name v1
link set v0 addrgenmode none
link set v1 addrgenmode none
address add 192.0.2.1/24 dev v0
address add 2001:db8:1::1/64 dev v0 nodad
address add 198.51.100.1/24 dev v1
address add 2001:db8:2::1/64 dev v1 nodad
link set v0 up
link set v1 up
route add local 203.0.113.0/24 dev lo
route add local 2001:db8:ff::/64 dev lo
END
# The kernel makes the routes to new IPv6 addresses in its own time.
until [ "$(ip -6 route show table local | grep -c '^local \(::1\|2001:db8:[12]::1\) ')" = 3 ]; do :; done
echo up
exec cat >/dev/null
"#;
