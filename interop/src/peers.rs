use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::daemon::{Daemon, Ready};
use crate::host::{Host, Output};
use crate::programs::ours;
use crate::root::target_directory;

/// Where hello servers listen for `local`.
const LOCAL_PATH: &str = "/run/hello.sock";

impl Host {
    /// Starts the C server of hello.x (`peers/server.c`) on these netids, all at this port.
    pub fn c_hello_server(&self, port: u16, netids: &[&str]) -> Daemon {
        let mut command = self.command(0, c_peer("hello_server"));
        command.arg(port.to_string()).args(netids);
        self.start(command, Ready::Line)
    }

    /// Runs the C client of hello.x (`peers/client.c`): a netid, a host, a call and its arguments.
    pub fn c_hello_client(&self, arguments: &str) -> Output {
        self.run(&format!("{} {arguments}", c_peer("hello_client").display()))
    }

    /// Puts the program that makes one call of a library to rpcbind (`peers/portmap.c`) at `/run/portmap`, where
    /// every user can run it.
    pub fn c_portmap(&self) {
        let program = c_peer("portmap");
        self.run(&format!("cp {} /run/portmap", program.display()))
            .success();
    }

    /// Starts our server of hello.x on these netids, all at this port.
    pub fn our_hello_server(&self, port: u16, netids: &[&str]) -> Daemon {
        self.our_hello_server_with(port, netids, &[])
    }

    /// The same with these flags besides.
    pub fn our_hello_server_with(&self, port: u16, netids: &[&str], flags: &[&str]) -> Daemon {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        let program =
            OURS.get_or_init(|| ours("ONCRPC_HELLO_SERVER", "oncrpc-hello", "hello-server"));
        let mut command = self.command(0, program);
        command.args(flags);
        for netid in netids {
            match *netid {
                "tcp" => command.args(["--tcp", &format!("0.0.0.0:{port}")]),
                "tcp6" => command.args(["--tcp", &format!("[::]:{port}")]),
                "udp" => command.args(["--udp", &format!("0.0.0.0:{port}")]),
                "udp6" => command.args(["--udp", &format!("[::]:{port}")]),
                "local" => command.args(["--unix", LOCAL_PATH]),
                other => panic!("{other} is no transport of ours"),
            };
        }
        self.start(command, Ready::Line)
    }

    /// Runs our client of hello.x: a netid, a host, a call and its arguments, as the C client takes them.
    pub fn our_hello_client(&self, arguments: &str) -> Output {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        let program =
            OURS.get_or_init(|| ours("ONCRPC_HELLO_CLIENT", "oncrpc-hello", "hello-client"));
        self.run(&format!("{} {arguments}", program.display()))
    }

    /// Runs our client that has no runtime: a netid, a host and whom to greet.
    pub fn our_hello_thread(&self, arguments: &str) -> Output {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        let program =
            OURS.get_or_init(|| ours("ONCRPC_HELLO_THREAD", "oncrpc-hello", "hello-thread"));
        self.run(&format!("{} {arguments}", program.display()))
    }

    /// Runs our program that asks everybody for hello.x.
    pub fn our_hello_everybody(&self, arguments: &str) -> Output {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        let program =
            OURS.get_or_init(|| ours("ONCRPC_HELLO_EVERYBODY", "oncrpc-hello", "hello-everybody"));
        self.run(&format!("{} {arguments}", program.display()))
    }
}

/// A C peer, built by `peers/Makefile` if it is older than its sources.
pub(crate) fn c_peer(name: &str) -> PathBuf {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY
        .get_or_init(|| {
            let out = target_directory().join("interop-peers");
            std::fs::create_dir_all(&out).expect("cargo's target directory is writable");
            let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/peers");
            // Under a lock, because other test programs may want the same now.
            let made = Command::new("flock")
                .arg(out.join("lock"))
                .args(["make", "--silent", "-C", sources])
                .arg(format!("OUT={}", out.display()))
                .output()
                .expect("flock runs");
            assert!(
                made.status.success(),
                "the C peers cannot be built (has interop/install.sh been run?):\n{}",
                String::from_utf8_lossy(&made.stderr),
            );
            out
        })
        .join(name)
}
