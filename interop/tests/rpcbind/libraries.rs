//! What the libraries of C programs make of rpcbind: libtirpc's `rpcb_*` and `pmap_*`, and glibc's `pmap_*`, which
//! old binaries still find there. Results and messages are the same with either, for root and for a user, with the Unix
//! socket there and gone: without it libtirpc goes over TCP, as glibc goes over UDP all the time.

use oncrpc_interop::{Daemon, Host, needs_c, needs_root};

use crate::compare::same_output;

/// The program that makes the calls, and a server of hello.x over every transport.
fn prepare(host: &Host) -> Vec<Daemon> {
    host.c_portmap();
    vec![host.c_hello_server(2900, &["udp", "tcp", "udp6", "tcp6", "local"])]
}

const AS_USER: &str = "setpriv --reuid=1000 --regid=1000 --clear-groups";

/// Runs each call as root and then as a user, with the Unix socket there and gone, and lists what is registered then.
/// Returns what was said.
#[track_caller]
fn same(library: &str, calls: &[&str]) -> String {
    let said = ["true", "rm /run/rpcbind.sock"].map(|first| {
        let as_root = calls
            .iter()
            .map(|call| format!("/run/portmap {library} {call}"));
        let as_user = as_root.clone().map(|call| format!("{AS_USER} {call}"));
        let mut lines = vec![first.to_owned()];
        for line in as_root.chain(as_user) {
            lines.push(line);
            lines.push("rpcinfo 127.0.0.1; rpcinfo -p 127.0.0.1".to_owned());
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        same_output(&[], prepare, &lines)
    });
    said.concat()
}

/// Calls of `pmap_*` that both libraries have.
const PMAP: [&str; 18] = [
    "pmap_getport 127.0.0.1 536874512 1 6",
    "pmap_getport 127.0.0.1 536874512 1 17",
    "pmap_getport 192.0.2.1 536874512 9 17",
    "pmap_getport 127.0.0.1 536874512 1 132",
    "pmap_getport 127.0.0.1 100003 3 6",
    "pmap_set 400000 1 6 2049",
    "pmap_set 400000 1 6 2049",
    "pmap_set 400000 1 6 2050",
    "pmap_set 400000 1 17 2049",
    "pmap_set 400000 2 17 600",
    "pmap_set 400000 3 99 2049",
    "pmap_set 536874512 1 17 2901",
    "pmap_getmaps 127.0.0.1",
    "pmap_getmaps 198.51.100.1",
    "pmap_unset 400000 1",
    "pmap_unset 400000 1",
    "pmap_unset 536874512 1",
    "pmap_unset 400000 7",
];

#[test]
fn pmap_calls_of_libtirpc_are_the_same() {
    needs_root!();
    needs_c!();
    let said = same("libtirpc", &PMAP);
    assert!(said.contains("port 2900: 1\n"), "{said}");
    assert!(said.contains("\n536874512 1 6 2900\n"), "{said}");
}

#[test]
fn pmap_calls_of_glibc_are_the_same() {
    needs_root!();
    needs_c!();
    let said = same("glibc", &PMAP);
    assert!(said.contains("port 2900: 1\n"), "{said}");
    assert!(said.contains("unknown\n"), "a user's own: {said}");
}

#[test]
fn rpcb_set_and_unset_are_the_same() {
    needs_root!();
    needs_c!();
    let said = same(
        "libtirpc",
        &[
            "rpcb_set 400000 1 udp 0.0.0.0.8.1",
            "rpcb_set 400000 1 udp 0.0.0.0.8.1",
            "rpcb_set 400000 1 udp 0.0.0.0.8.2",
            "rpcb_set 400000 1 tcp 192.0.2.1.8.1",
            "rpcb_set 400000 1 udp6 ::.8.1",
            "rpcb_set 400000 1 tcp6 2001:db8:1::1.8.1",
            "rpcb_set 400000 1 local /run/p.sock",
            "rpcb_set 400000 2 tcp 0.0.0.0.8.1",
            "rpcb_set 536874512 1 tcp 0.0.0.0.8.1",
            "rpcb_set 100000 9 tcp 0.0.0.0.8.1",
            "rpcb_unset 400000 1 udp",
            "rpcb_unset 400000 1 local",
            "rpcb_unset 400000 1",
            "rpcb_unset 400000 1",
            "rpcb_unset 400000 9 tcp6",
            "rpcb_unset 536874512 1 udp6",
            "rpcb_unset 536874512 1",
        ],
    );
    for owner in ["superuser\n", "1000\n", "unknown\n"] {
        let own = said
            .lines()
            .any(|line| line.contains("400000") && line.ends_with(owner.trim()));
        assert!(own, "{owner}: {said}");
    }
}

#[test]
fn rpcb_questions_are_the_same() {
    needs_root!();
    needs_c!();
    let said = same(
        "libtirpc",
        &[
            "rpcb_getaddr 536874512 1 udp 127.0.0.1",
            "rpcb_getaddr 536874512 1 tcp 127.0.0.1",
            "rpcb_getaddr 536874512 1 udp6 ::1",
            "rpcb_getaddr 536874512 1 tcp6 ::1",
            "rpcb_getaddr 536874512 1 local localhost",
            "rpcb_getaddr 536874512 1 udp 192.0.2.1",
            "rpcb_getaddr 536874512 1 tcp 198.51.100.1",
            "rpcb_getaddr 536874512 1 tcp6 2001:db8:2::1",
            "rpcb_getaddr 536874512 9 tcp localhost",
            "rpcb_getaddr 100003 3 tcp 127.0.0.1",
            "rpcb_getaddr 100003 3 udp6 ::1",
            "rpcb_getaddr 536874512 1 tcp nosuch.invalid",
            "rpcb_getmaps tcp 127.0.0.1",
            "rpcb_getmaps udp 127.0.0.1",
            "rpcb_getmaps tcp6 2001:db8:1::1",
            "rpcb_getmaps local localhost",
            "rpcb_gettime 127.0.0.1",
            "rpcb_gettime ::1",
            "rpcb_gettime nosuch.invalid",
        ],
    );
    assert!(said.contains("192.0.2.1.11.84 1\n"), "{said}");
    assert!(said.contains("\nnow 1\n"), "{said}");
    assert!(
        said.contains("none 0 failed: RPC: Program not registered"),
        "{said}"
    );
}

#[test]
fn conversions_of_addresses_are_the_same() {
    needs_root!();
    needs_c!();
    let said = same(
        "libtirpc",
        &[
            "rpcb_taddr2uaddr udp 127.0.0.1.8.1",
            "rpcb_taddr2uaddr tcp6 2001:db8::1.8.1",
            "rpcb_taddr2uaddr local /run/p.sock",
            "rpcb_uaddr2taddr udp 127.0.0.1.8.1",
            "rpcb_uaddr2taddr tcp6 ::1.8.1",
            "rpcb_uaddr2taddr local /run/p.sock",
            "rpcb_uaddr2taddr udp junk",
            "rpcb_uaddr2taddr udp ''",
        ],
    );
    assert!(said.contains("/run/p.sock\n"), "{said}");
}

/// Calls for others, where rpcbind is told to make them (`-r`).
#[test]
fn calls_through_rpcbind_are_the_same() {
    needs_root!();
    needs_c!();
    let said = same_output(
        &["-r"],
        prepare,
        &[
            "/run/portmap libtirpc pmap_rmtcall 127.0.0.1 536874512 1 0 20",
            "/run/portmap glibc pmap_rmtcall 127.0.0.1 536874512 1 0 20",
            "/run/portmap glibc pmap_rmtcall 192.0.2.1 536874512 1 0 20",
            "/run/portmap libtirpc rpcb_rmtcall udp 127.0.0.1 536874512 1 0 20",
            "/run/portmap libtirpc rpcb_rmtcall udp6 ::1 536874512 1 0 20",
        ],
    );
    assert!(said.contains("status 0, port 2900\n"), "{said}");
}
