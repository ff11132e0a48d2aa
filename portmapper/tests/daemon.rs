//! The daemon itself: a private instance, as a container or a test would start one.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A directory for one instance's files, gone with the test.
struct Place {
    path: PathBuf,
    port: u16,
}

/// An instance at work; killed with the test.
struct Instance {
    process: Child,
    socket: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let name = format!("oncrpc-rpcbind-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        // As root the instance becomes another user, who has to get at its files.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Self { path, port }
    }

    fn command(&self, flags: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rpcbind"));
        command.args(["-f", "-w", "--port", &self.port.to_string()]);
        for (option, file) in [
            ("--socket", "sock"),
            ("--state-dir", "state"),
            ("--lock", "lock"),
        ] {
            command.arg(option).arg(self.path.join(file));
        }
        command
            .args(flags)
            .env("NOTIFY_SOCKET", self.path.join("ready"));
        command
    }

    /// Starts an instance and waits for its word that it is ready.
    fn start(&self, flags: &[&str]) -> Instance {
        let ready = self.path.join("ready");
        let _ = fs::remove_file(&ready);
        let socket = UnixDatagram::bind(&ready).unwrap();
        fs::set_permissions(&ready, fs::Permissions::from_mode(0o777)).unwrap();
        let process = self.command(flags).spawn().unwrap();
        let mut word = [0; 16];
        let len = socket.recv(&mut word).unwrap();
        assert_eq!(&word[..len], b"READY=1");
        Instance {
            process,
            socket: self.path.join("sock"),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Instance {
    fn call(&self, procedure: u32, args: &[u8]) -> Vec<u8> {
        ask(
            &mut UnixStream::connect(&self.socket).unwrap(),
            procedure,
            args,
        )
    }

    fn set(&self, program: u32) {
        let set = rpcb(program, "udp", "0.0.0.0.8.1");
        assert_eq!(self.call(1, &set), words(&[1]));
    }

    /// Whether the program is on the list.
    fn lists(&self, program: u32) -> bool {
        let wanted = program.to_be_bytes();
        self.call(4, &[]).chunks(4).any(|word| word == wanted)
    }

    fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(self.process.id().try_into().unwrap());
        kill(process, signal).unwrap();
    }

    fn end(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.process.wait().unwrap()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn rpcb(program: u32, netid: &str, uaddr: &str) -> Vec<u8> {
    let mut w = oncrpc_xdr::Writer::new();
    w.u32(program);
    w.u32(1);
    for text in [netid, uaddr, ""] {
        w.string(&text.into(), u32::MAX).unwrap();
    }
    w.into_bytes().to_vec()
}

fn call(procedure: u32, args: &[u8]) -> Vec<u8> {
    let header = words(&[7, 0, 2, 100_000, 4, procedure, 0, 0, 0, 0]);
    [&header[..], args].concat()
}

/// Calls a procedure of version 4 over a stream; gives back the results.
fn ask(stream: &mut (impl Read + Write), procedure: u32, args: &[u8]) -> Vec<u8> {
    let call = call(procedure, args);
    let mark = 0x8000_0000 | u32::try_from(call.len()).unwrap();
    stream
        .write_all(&[&mark.to_be_bytes()[..], &call].concat())
        .unwrap();
    let mut mark = [0; 4];
    stream.read_exact(&mut mark).unwrap();
    let len = u32::from_be_bytes(mark) & 0x7fff_ffff;
    let mut reply = vec![0; len as usize];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(reply[..24], words(&[7, 1, 0, 0, 0, 0]));
    reply.split_off(24)
}

#[test]
fn a_private_instance_answers_on_every_transport() {
    let place = Place::new("answers");
    let instance = place.start(&[]);
    assert_eq!(instance.call(0, &[]), []);
    for host in ["127.0.0.1", "::1"] {
        // Where there is no IPv6, it is not served either.
        let Ok(mut stream) = TcpStream::connect((host, place.port)) else {
            assert_eq!(host, "::1");
            continue;
        };
        assert_eq!(ask(&mut stream, 0, &[]), []);
        let socket = UdpSocket::bind((host, 0)).unwrap();
        socket.connect((host, place.port)).unwrap();
        socket.send(&call(0, &[])).unwrap();
        let mut reply = [0; 100];
        let len = socket.recv(&mut reply).unwrap();
        assert_eq!(reply[..len], words(&[7, 1, 0, 0, 0, 0]));
    }
    let mode = fs::metadata(&instance.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666);
}

#[test]
fn registrations_outlive_every_end_of_the_daemon() {
    let place = Place::new("outlive");
    for (program, signal) in [
        (400_001, Signal::SIGTERM),
        (400_002, Signal::SIGINT),
        (400_003, Signal::SIGQUIT),
        (400_004, Signal::SIGKILL),
    ] {
        let instance = place.start(&[]);
        assert!((400_001..program).all(|earlier| instance.lists(earlier)));
        instance.set(program);
        let status = instance.end(signal);
        assert_eq!(status.success(), signal != Signal::SIGKILL, "{signal}");
    }
    let instance = place.start(&[]);
    assert!((400_001..=400_004).all(|program| instance.lists(program)));
}

#[test]
fn hangup_and_the_user_signals_change_nothing() {
    let place = Place::new("signals");
    let instance = place.start(&[]);
    instance.set(400_001);
    for signal in [
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGPIPE,
    ] {
        instance.signal(signal);
        assert!(instance.lists(400_001), "{signal}");
    }
    assert!(instance.end(Signal::SIGTERM).success());
}

#[test]
fn a_second_instance_is_refused_in_rpcbinds_words() {
    let place = Place::new("second");
    let instance = place.start(&[]);
    let second = place.command(&[]).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let expected = "rpcbind: another rpcbind is already running. Aborting\n";
    assert_eq!(String::from_utf8_lossy(&second.stderr), expected);
    assert_eq!(instance.call(0, &[]), []);
}

#[test]
fn a_damaged_state_file_is_reported_and_the_daemon_starts_without_it() {
    let place = Place::new("damaged");
    let instance = place.start(&[]);
    instance.set(400_001);
    assert!(instance.end(Signal::SIGTERM).success());
    let state = place.path.join("state/rpcbind.xdr");
    let mut list = fs::read(&state).unwrap();
    list.truncate(list.len() - 4);
    fs::write(&state, list).unwrap();
    let log = place.path.join("log");
    let ready = place.path.join("ready");
    fs::remove_file(&ready).unwrap();
    let socket = UnixDatagram::bind(&ready).unwrap();
    fs::set_permissions(&ready, fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = place.command(&[]);
    command.stderr(Stdio::from(fs::File::create(&log).unwrap()));
    let instance = Instance {
        process: command.spawn().unwrap(),
        socket: place.path.join("sock"),
    };
    socket.recv(&mut [0; 16]).unwrap();
    assert!(!instance.lists(400_001));
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("rpcbind.xdr is damaged"), "{log}");
}

#[test]
fn an_address_that_is_not_ours_is_an_error() {
    let place = Place::new("address");
    let refused = place.command(&["-h", "192.0.2.77"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let expected = "rpcbind: cannot bind 192.0.2.77 on udp: Cannot assign requested address\n";
    assert_eq!(String::from_utf8_lossy(&refused.stderr), expected);
}

#[test]
fn what_is_not_understood_ends_with_the_usage_and_status_1() {
    let rpcbind = env!("CARGO_BIN_EXE_rpcbind");
    let refused = Command::new(rpcbind).arg("-v").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let expected = format!("{rpcbind}: invalid option -- 'v'\nusage: rpcbind [-adhilswfr]\n");
    assert_eq!(String::from_utf8_lossy(&refused.stderr), expected);
}
