//! Servers under test, each a process in a directory of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::suite::program::Program;
use crate::suite::server::Server;

/// A directory and a port for one server; the directory is gone with the test.
pub(crate) struct Place {
    path: PathBuf,
    port: u16,
}

/// A server at work; ended with the test.
pub(crate) struct Process(Child);

/// How long an answer is waited for that is certain to come: only what hangs meets it.
const PATIENCE: Duration = Duration::from_secs(20);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("oncrpc-hostile-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        // As root rpcbind becomes another user, who has to get at its files.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        Self { path, port }
    }

    /// A private rpcbind.
    pub(crate) fn rpcbind(&self) -> Process {
        self.start_rpcbind(env!("CARGO_BIN_EXE_hostile-rpcbind").as_ref())
    }

    /// The same, by this program.
    pub(crate) fn start_rpcbind(&self, program: &Path) -> Process {
        let ready = self.path.join("ready");
        let socket = UnixDatagram::bind(&ready).unwrap();
        fs::set_permissions(&ready, fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = Command::new(program);
        command.args(["-f", "--port", &self.port.to_string()]);
        for (option, file) in [
            ("--socket", "sock"),
            ("--state-dir", "state"),
            ("--lock", "lock"),
        ] {
            command.arg(option).arg(self.path.join(file));
        }
        // What it has to say of refused requests is not looked at.
        command.stderr(Stdio::null()).env("NOTIFY_SOCKET", &ready);
        let process = Process(command.spawn().unwrap());
        let mut word = [0; 16];
        let len = socket.recv(&mut word).unwrap();
        assert_eq!(&word[..len], b"READY=1");
        process
    }

    /// The generated service.
    pub(crate) fn every(&self) -> Process {
        self.start_every(env!("CARGO_BIN_EXE_hostile-every").as_ref())
    }

    /// The same, by this program.
    pub(crate) fn start_every(&self, program: &Path) -> Process {
        let mut command = Command::new(program);
        command
            .arg(self.path.join("sock"))
            .arg(self.port.to_string());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        Process(child)
    }

    /// How the server in this place is reached.
    pub(crate) fn server(&self, program: &'static Program) -> Server {
        Server {
            program,
            v4: (Ipv4Addr::LOCALHOST, self.port).into(),
            v6: Some((Ipv6Addr::LOCALHOST, self.port).into()),
            unix: Some(self.path.join("sock")),
            patience: PATIENCE,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Process {
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
