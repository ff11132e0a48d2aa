//! What Debian's rpcinfo does not do.

use nix::sys::signal::Signal;
use oncrpc_interop::{Host, Which, needs_root};

use super::hello;

/// `--probe` says which of the registered programs are there.
#[test]
fn the_dead_are_found_among_the_registered() {
    needs_root!();
    for rpcbind in Which::BOTH {
        let host = Host::new();
        let _rpcbind = host.rpcbind(rpcbind, &[]);
        let mut daemons = hello(&host);
        let probe = |words: &str| {
            let program = Which::Ours.rpcinfo();
            host.run(&format!("{} --probe {words}", program.display()))
        };
        let hello = |said: &str, answers: bool| {
            let lines = said.lines().filter(|line| line.contains("536874512"));
            lines
                .filter(|line| line.ends_with(" ms") == answers)
                .count()
        };
        for asked in ["", "127.0.0.1", "::1"] {
            let said = probe(asked);
            assert_eq!(said.code, Some(0), "{said:?}");
            assert_eq!(hello(&said.stdout, true), 5, "{said:?}");
        }
        // From elsewhere it is its addresses that are called, and no socket of its own.
        let said = probe("192.0.2.1");
        assert_eq!(
            (said.code, hello(&said.stdout, true)),
            (Some(0), 2),
            "{said:?}"
        );
        for daemon in daemons.drain(..) {
            daemon.end(Signal::SIGKILL);
        }
        let said = probe("");
        assert_eq!(
            (said.code, hello(&said.stdout, false)),
            (Some(1), 5),
            "{said:?}"
        );
        assert!(
            said.stdout
                .contains("none: RPC: Remote system error - Connection refused")
        );
    }
}
