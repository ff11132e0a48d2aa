//! Where ours deliberately does something else: each has its line in portmapper/COMPATIBILITY.md, and is still there.

use std::thread;

use oncrpc_interop::{Which, needs_root};

use super::{hello, says};

/// A difference by its name in COMPATIBILITY.md, the line that shows it, what theirs says to it and what ours does.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    (
        "rpcinfo-port",
        "rpcinfo -n 9 -t 127.0.0.1 536874512 1",
        "program 536874512 version 1 ready and waiting",
        "127.0.0.1: RPC: Remote system error - Connection refused",
    ),
    (
        "rpcinfo-numbers",
        "rpcinfo -t 127.0.0.1 100000 4294967295",
        "program 100000 version 18446744073709551615 is not available",
        "program 100000 version 4294967295 is not available",
    ),
    (
        "rpcinfo-numbers",
        "rpcinfo -n 65536 -p",
        "536874512",
        "rpcinfo: 65536 is illegal port number",
    ),
    (
        "rpcinfo-numbers",
        "rpcinfo -t 127.0.0.1 4294967296 2",
        "127.0.0.1: RPC: Program not registered",
        "rpcinfo: 4294967296 is illegal program number",
    ),
    (
        "rpcinfo-long",
        "rpcinfo --json",
        "rpcinfo: invalid option -- '-'",
        "\"program\":536874512",
    ),
    (
        "rpcinfo-words-first",
        "rpcinfo -l nosuch.invalid nosuch 1",
        "can't contact rpcbind",
        "rpcinfo: nosuch is unknown service",
    ),
    (
        "rpcinfo-rawip",
        "rpcinfo -T rawip 127.0.0.1",
        "Socket operation on non-socket",
        "rpcinfo: can't contact rpcbind: RPC: Unknown protocol",
    ),
    (
        "rpcinfo-unix",
        "rpcinfo -T unix localhost 536874512 1",
        "Continuing in 10 seconds",
        "program 536874512 version 1 ready and waiting",
    ),
    (
        "rpcinfo-udp6",
        "rpcinfo -a ::1.0.9 -T udp6 7 1",
        "rpcinfo: RPC: Timed out",
        "rpcinfo: RPC: Unable to receive; errno = Connection refused",
    ),
    (
        "rpcinfo-mappings",
        "rpcinfo -p 127.0.0.1 >/dev/null; rpcinfo -m",
        "RPCB_GETADDR (version 4) call statistics",
        "PORTMAP (version 2) statistics",
    ),
];

#[test]
fn each_is_still_there() {
    needs_root!();
    // Some are that Debian's takes its time.
    thread::scope(|scope| {
        for (name, line, of_theirs, of_ours) in DIFFERENCES {
            scope.spawn(move || {
                let [theirs, ours] = Which::BOTH.map(|rpcinfo| {
                    let rpcbind = Some((Which::Theirs, &[][..]));
                    says(rpcinfo, rpcbind, hello, &[*line]).concat()
                });
                assert!(theirs.contains(of_theirs), "{name}: {theirs}");
                assert!(ours.contains(of_ours), "{name}: {ours}");
                assert_ne!(theirs, ours, "{name}");
            });
        }
    });
}

#[test]
fn each_has_its_line_in_compatibility_md() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../portmapper/COMPATIBILITY.md"
    );
    let text = std::fs::read_to_string(path).expect("it is committed");
    for (name, ..) in DIFFERENCES {
        let start = format!("| `{name}` |");
        let lines = text.lines().filter(|line| line.starts_with(&start)).count();
        assert_eq!(
            lines, 1,
            "{path} should have one line that starts with {start:?}"
        );
    }
}
