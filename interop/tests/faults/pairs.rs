//! Who calls whom.

use std::net::SocketAddr;
use std::time::Duration;

use oncrpc_interop::{Daemon, Host, Which};

/// A client and a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    pub client: Which,
    pub server: Which,
}

impl Pair {
    /// Theirs among themselves first, which shows that a test asks for nothing that only ours can do.
    pub const ALL: [Self; 4] = [
        Self::of(Which::Theirs, Which::Theirs),
        Self::of(Which::Theirs, Which::Ours),
        Self::of(Which::Ours, Which::Theirs),
        Self::of(Which::Ours, Which::Ours),
    ];

    const fn of(client: Which, server: Which) -> Self {
        Self { client, server }
    }

    /// Starts the server, which keeps its answers to datagrams, beside rpcbind.
    pub fn serve(self, host: &Host) -> Daemon {
        let netids = ["udp", "tcp"];
        match self.server {
            Which::Theirs => host.c_probe_server(&["-c", "64"], &netids),
            Which::Ours => host.our_probe_server(&["-c"], &netids),
        }
    }

    /// What the client says to these calls, a line for each. The C client sends datagrams again after 200 ms; ours
    /// after a second, and then as soon as replies have taught it.
    pub fn call(
        self,
        host: &Host,
        netid: &str,
        at: SocketAddr,
        timeout: Duration,
        calls: &str,
    ) -> String {
        let timeout = timeout.as_millis();
        let line = match self.client {
            Which::Theirs => format!(
                "{} -t {timeout} -r 200 at {netid} {at} {calls}",
                host.c_probe_client(false)
            ),
            Which::Ours => format!(
                "{} --timeout {timeout} {netid} {at} {calls}",
                host.our_probe_client()
            ),
        };
        host.run(&line).stdout
    }
}

/// As long as libtirpc's stubs wait.
pub const PATIENT: Duration = Duration::from_secs(25);
