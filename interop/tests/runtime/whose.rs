//! The servers that are compared.

use oncrpc_interop::{Daemon, Host, Which};

/// Whose server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// libtirpc's as it comes: it waits for the rest of a call.
    Blocking,
    /// libtirpc's where connections are read without blocking and records are bounded, as rpcbind has it.
    Nonblocking,
    /// Ours.
    Ours,
}

/// The three, each on a host of its own.
pub struct Servers(Vec<(Whose, Host, [Daemon; 2])>);

impl Servers {
    /// Starts them on these netids.
    pub fn start(netids: &[&str]) -> Self {
        let start = |whose| {
            let host = Host::new();
            let rpcbind = host.rpcbind(Which::Theirs, &[]);
            let server = match whose {
                Whose::Blocking => host.c_probe_server(&[], netids),
                Whose::Nonblocking => host.c_probe_server(&["-n", "9000"], netids),
                Whose::Ours => host.our_probe_server(&[], netids),
            };
            (whose, host, [rpcbind, server])
        };
        Self(
            [Whose::Blocking, Whose::Nonblocking, Whose::Ours]
                .map(start)
                .into(),
        )
    }

    /// Does the same with each, theirs first.
    pub fn each(&self, mut what: impl FnMut(Whose, &Host)) {
        for (whose, host, _) in &self.0 {
            what(*whose, host);
        }
    }

    /// The host where ours runs.
    pub fn ours(&self) -> &Host {
        let ours = self.0.iter().find(|(whose, ..)| *whose == Whose::Ours);
        &ours.expect("it is one of them").1
    }
}
