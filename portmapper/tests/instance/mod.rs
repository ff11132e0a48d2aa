//! A private instance of the daemon, as a container or a test would start one, and calls to it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A directory for one instance's files, gone with the test.
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) port: u16,
}

/// An instance at work; killed with the test.
pub(crate) struct Instance {
    pub(crate) process: Child,
    pub(crate) socket: PathBuf,
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("oncrpc-rpcbind-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        // As root the instance becomes another user, who has to get at its files.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        Self { path, port }
    }

    pub(crate) fn command(&self, flags: &[&str]) -> Command {
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
    pub(crate) fn start(&self, flags: &[&str]) -> Instance {
        self.launch(&mut self.command(flags))
    }

    /// Starts an instance that writes what it has to say into a file, and gives back its name.
    pub(crate) fn start_logged(&self, flags: &[&str]) -> (Instance, PathBuf) {
        let log = self.path.join("log");
        let mut command = self.command(flags);
        command.stderr(fs::File::create(&log).unwrap());
        (self.launch(&mut command), log)
    }

    /// Starts an instance by this command and waits for its word that it is ready.
    pub(crate) fn launch(&self, command: &mut Command) -> Instance {
        let ready = self.path.join("ready");
        let _ = fs::remove_file(&ready);
        let socket = UnixDatagram::bind(&ready).unwrap();
        fs::set_permissions(&ready, fs::Permissions::from_mode(0o777)).unwrap();
        let process = command.spawn().unwrap();
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
    pub(crate) fn call(&self, procedure: u32, args: &[u8]) -> Vec<u8> {
        ask(
            &mut UnixStream::connect(&self.socket).unwrap(),
            procedure,
            args,
        )
    }

    pub(crate) fn set(&self, program: u32) {
        let set = rpcb(program, "udp", "0.0.0.0.8.1");
        assert_eq!(self.call(1, &set), words(&[1]));
    }

    /// Whether the program is on the list.
    pub(crate) fn lists(&self, program: u32) -> bool {
        let wanted = program.to_be_bytes();
        self.call(4, &[]).chunks(4).any(|word| word == wanted)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let process = Pid::from_raw(self.process.id().try_into().unwrap());
        kill(process, signal).unwrap();
    }

    pub(crate) fn end(mut self, signal: Signal) -> ExitStatus {
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

pub(crate) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

pub(crate) fn rpcb(program: u32, netid: &str, uaddr: &str) -> Vec<u8> {
    let mut w = oncrpc_xdr::Writer::new();
    w.u32(program);
    w.u32(1);
    for text in [netid, uaddr, ""] {
        w.string(&text.into(), u32::MAX).unwrap();
    }
    w.into_bytes().to_vec()
}

pub(crate) fn call(procedure: u32, args: &[u8]) -> Vec<u8> {
    let header = words(&[7, 0, 2, 100_000, 4, procedure, 0, 0, 0, 0]);
    [&header[..], args].concat()
}

/// Calls a procedure of version 4 over a stream; gives back the results.
pub(crate) fn ask(stream: &mut (impl Read + Write), procedure: u32, args: &[u8]) -> Vec<u8> {
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
