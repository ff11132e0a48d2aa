//! Debian's rpcinfo prints of ours what it prints of theirs.

use oncrpc_interop::{Daemon, Host, Which, needs_root};

use crate::compare::same_output;

/// A C server of everything, so that there is something to print.
fn hello(host: &Host) -> Vec<Daemon> {
    vec![host.c_hello_server(2900, &["udp", "tcp", "udp6", "tcp6", "local"])]
}

#[test]
fn listings_are_the_same() {
    needs_root!();
    let said = same_output(
        &[],
        hello,
        &[
            "rpcinfo",
            "rpcinfo 127.0.0.1",
            "rpcinfo ::1",
            "rpcinfo -p",
            "rpcinfo -p 127.0.0.1",
            "rpcinfo -p ::1",
            "rpcinfo -s",
            "rpcinfo -s 192.0.2.1",
            "rpcinfo -l 127.0.0.1 536874512 1",
            "rpcinfo -l -T udp 127.0.0.1 536874512 1",
            "rpcinfo -l -T tcp6 ::1 536874512 1",
            "rpcinfo -l 127.0.0.1 536874512 9",
        ],
    );
    assert!(said.contains("536874512"), "{said}");
}

#[test]
fn statistics_are_the_same() {
    needs_root!();
    same_output(
        &[],
        hello,
        &[
            "rpcinfo -m",
            "rpcinfo -t 127.0.0.1 536874512 1",
            "rpcinfo -T udp 127.0.0.1 536874513",
            "rpcinfo -d 536874512 1",
            "rpcinfo -p 127.0.0.1",
            "rpcinfo -m",
            "rpcinfo -m 127.0.0.1",
        ],
    );
}

#[test]
fn calls_of_registered_and_other_programs_are_the_same() {
    needs_root!();
    let said = same_output(
        &[],
        hello,
        &[
            "rpcinfo -u 127.0.0.1 536874512",
            "rpcinfo -u 127.0.0.1 536874512 1",
            "rpcinfo -t 127.0.0.1 536874512 1",
            "rpcinfo -t 127.0.0.1 536874512 2",
            "rpcinfo -T udp6 ::1 536874512 1",
            "rpcinfo -T tcp6 ::1 536874512",
            "rpcinfo -T local localhost 536874512 1",
            "rpcinfo -T udp 192.0.2.1 rpcbind",
            "rpcinfo -T tcp 198.51.100.1 100000",
            "rpcinfo -T tcp6 2001:db8:1::1 100000",
            "rpcinfo -u 127.0.0.1 portmapper",
            "rpcinfo -t 127.0.0.1 portmapper 2",
            "rpcinfo -t 127.0.0.1 portmapper 9",
            "rpcinfo -t 127.0.0.1 100003",
            "rpcinfo -a 127.0.0.1.0.111 -T tcp 100000 4",
            "rpcinfo -a 127.0.0.1.0.111 -T udp 100000",
            "rpcinfo -a ::1.0.111 -T udp6 100000 3",
            "rpcinfo -n 2900 -t 127.0.0.1 536874512 1",
            "rpcinfo -n 2900 -u 127.0.0.1 536874512 1",
        ],
    );
    assert!(
        said.contains("program 536874512 version 1 ready and waiting"),
        "{said}"
    );
    assert!(said.contains("Program/version mismatch"), "{said}");
    assert!(said.contains("Program not registered"), "{said}");
}

#[test]
fn unregistering_is_the_same() {
    needs_root!();
    same_output(
        &[],
        hello,
        &[
            "rpcinfo -d -T udp 536874512 1",
            "rpcinfo",
            "rpcinfo -d 536874512 1",
            "rpcinfo",
            "rpcinfo -p",
            "rpcinfo -d 536874512 1",
            "setpriv --reuid=1000 --regid=1000 --clear-groups rpcinfo -d 100000 2",
            "rpcinfo -s",
        ],
    );
}

#[test]
fn misuse_and_an_absent_rpcbind_are_the_same() {
    needs_root!();
    same_output(
        &[],
        |_| vec![],
        &["rpcinfo -z", "rpcinfo -t", "rpcinfo -T nope 127.0.0.1 1"],
    );
}

/// Without -r neither forwards calls: a broadcast finds nobody.
#[test]
fn broadcasts_are_refused() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &[]);
        let _hello = hello(&host);
        let said = host.run("timeout --preserve-status 2 rpcinfo -b -T udp 536874512 1");
        assert_eq!(said.stdout, "", "{which:?}: {said:?}");
    }
}
