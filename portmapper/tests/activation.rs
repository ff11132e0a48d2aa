//! A daemon whose sockets a service manager has bound, and what it tells the manager.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "others use more of it")]
mod instance;

use std::fs;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command};

use instance::{ask, call, words};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// What a service manager does once it has opened the sockets: standard input, output and error become 3, 4 and 5.
const MANAGER: &str = "LISTEN_PID=$$ LISTEN_FDS=3 exec \"$0\" \"$@\" \
                       3<&0 4<&1 5<&2 </dev/null >/dev/null 2>&1";

/// A service manager: it waits for news in a directory that is gone with the test.
struct Manager {
    directory: PathBuf,
    news: UnixDatagram,
}

/// The daemon; killed with the test.
struct Daemon(Child);

impl Manager {
    fn new(name: &str) -> Self {
        let name = format!("oncrpc-activation-{}-{name}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        let everybody = || fs::Permissions::from_mode(0o777);
        fs::set_permissions(&directory, everybody()).unwrap();
        let path = directory.join("news");
        let news = UnixDatagram::bind(&path).unwrap();
        fs::set_permissions(&path, everybody()).unwrap();
        Self { directory, news }
    }

    fn start(&self, sockets: [OwnedFd; 3], flags: &[&str], watchdog: Option<&str>) -> Daemon {
        let [stdin, stdout, stderr] = sockets;
        let mut command = Command::new("sh");
        command
            .args(["-c", MANAGER, env!("CARGO_BIN_EXE_rpcbind"), "-f"])
            // A port and a socket make it an instance that needs no root; they are nowhere to be seen.
            .args(["--port", "1", "--socket"])
            .arg(self.directory.join("own.sock"))
            .arg("--state-dir")
            .arg(self.directory.join("state"))
            .arg("--lock")
            .arg(self.directory.join("lock"))
            .args(flags)
            .env("NOTIFY_SOCKET", self.directory.join("news"))
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr);
        if let Some(micros) = watchdog {
            command.env("WATCHDOG_USEC", micros);
        }
        let daemon = Daemon(command.spawn().unwrap());
        assert_eq!(self.hears(), "READY=1");
        daemon
    }

    fn hears(&self) -> String {
        let mut news = [0; 64];
        let len = self.news.recv(&mut news).unwrap();
        String::from_utf8_lossy(&news[..len]).into_owned()
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Daemon {
    fn terminate(&mut self) {
        let process = Pid::from_raw(self.0.id().try_into().unwrap());
        kill(process, Signal::SIGTERM).unwrap();
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_activated_daemon_serves_the_sockets_that_it_was_passed_and_no_others() {
    let manager = Manager::new("passed");
    let path = manager.directory.join("passed.sock");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(&path).unwrap();
    let tcp_at = tcp.local_addr().unwrap();
    let udp_at = udp.local_addr().unwrap();
    let mut daemon = manager.start([tcp.into(), udp.into(), unix.into()], &[], None);
    let list = ask(&mut UnixStream::connect(&path).unwrap(), 4, &[]);
    assert_eq!(ask(&mut TcpStream::connect(tcp_at).unwrap(), 4, &[]), list);
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.connect(udp_at).unwrap();
    client.send(&call(4, &[])).unwrap();
    let mut reply = [0; 4096];
    let len = client.recv(&mut reply).unwrap();
    let success = words(&[7, 1, 0, 0, 0, 0]);
    assert_eq!(reply[..len], [&success[..], &list].concat());
    let list = String::from_utf8_lossy(&list);
    assert!(
        list.contains("passed.sock") && !list.contains("own.sock"),
        "{list}"
    );
    assert!(!list.contains("tcp6") && !list.contains("udp6"), "{list}");
    assert!(!manager.directory.join("own.sock").exists());
    daemon.terminate();
    assert_eq!(manager.hears(), "STOPPING=1");
    assert!(path.exists(), "the socket is the manager's");
}

#[test]
fn the_manager_hears_that_it_is_alive_and_two_sockets_of_a_kind_are_served() {
    let manager = Manager::new("alive");
    let name = format!("oncrpc-activation-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let unix = UnixListener::bind_addr(&address).unwrap();
    let tcp = ["127.0.0.1:0", "127.0.0.2:0"].map(|at| TcpListener::bind(at).unwrap());
    let [first, second] = tcp.each_ref().map(|tcp| tcp.local_addr().unwrap());
    let [tcp, other] = tcp.map(OwnedFd::from);
    let daemon = manager.start([unix.into(), tcp, other], &[], Some("20000"));
    for at in [first, second] {
        ask(&mut TcpStream::connect(at).unwrap(), 0, &[]);
    }
    ask(&mut UnixStream::connect_addr(&address).unwrap(), 0, &[]);
    for _ in 0..3 {
        assert_eq!(manager.hears(), "WATCHDOG=1");
    }
    drop(daemon);
}
