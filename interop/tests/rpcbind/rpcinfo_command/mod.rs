//! Our rpcinfo prints what Debian's prints, of theirs and of ours. What differs is in `portmapper/COMPATIBILITY.md`.

mod differences;
mod new;
mod odd_answers;

use std::fmt::Write as _;
use std::thread;

use nix::sys::signal::Signal;
use oncrpc_interop::{Daemon, Host, Which, needs_root};

use crate::compare::transcript;

/// Whose rpcbind is asked, if any, and how it is started.
type Rpcbind<'a> = Option<(Which, &'a [&'a str])>;

/// What one rpcinfo says to these lines on a host of its own.
fn says(
    rpcinfo: Which,
    rpcbind: Rpcbind<'_>,
    prepare: impl Fn(&Host) -> Vec<Daemon>,
    lines: &[&str],
) -> Vec<String> {
    let host = Host::new();
    let _rpcbind = rpcbind.map(|(which, flags)| host.rpcbind(which, flags));
    let _daemons = prepare(&host);
    // By this name, which is the one in its complaints.
    let program = rpcinfo.rpcinfo();
    let named = format!(
        "mkdir -p /run/bin && ln -s {} /run/bin/rpcinfo",
        program.display()
    );
    host.run(&named).success();
    let run = |line: &&str| transcript(line, &host.run(&format!("PATH=/run/bin:$PATH; {line}")));
    lines.iter().map(run).collect()
}

/// Runs lines with both, and expects each to say the same and to end the same way. Returns what all of them said.
#[track_caller]
fn same_of(rpcbind: Rpcbind<'_>, prepare: impl Fn(&Host) -> Vec<Daemon>, lines: &[&str]) -> String {
    let [theirs, ours] = Which::BOTH.map(|rpcinfo| says(rpcinfo, rpcbind, &prepare, lines));
    let mut differing = String::new();
    for (theirs, ours) in theirs.iter().zip(&ours) {
        if theirs != ours {
            let _ = write!(differing, "theirs\n{theirs}ours\n{ours}");
        }
    }
    assert!(differing.is_empty(), "of {rpcbind:?}:\n{differing}");
    theirs.concat()
}

/// The same of either rpcbind, with a server of hello.x at port 2900 over every transport.
#[track_caller]
fn same(lines: &[&str]) -> String {
    let said = Which::BOTH.map(|rpcbind| same_of(Some((rpcbind, &[])), hello, lines));
    said.concat()
}

fn hello(host: &Host) -> Vec<Daemon> {
    vec![host.c_hello_server(2900, &["udp", "tcp", "udp6", "tcp6", "local"])]
}

fn nobody(_: &Host) -> Vec<Daemon> {
    Vec::new()
}

#[test]
fn lists_are_the_same() {
    needs_root!();
    let said = same(&[
        "rpcinfo",
        "rpcinfo localhost",
        "rpcinfo 127.0.0.1",
        "rpcinfo ::1",
        "rpcinfo 192.0.2.1",
        "rpcinfo 2001:db8:2::1",
        "rpcinfo -T tcp 127.0.0.1",
        "rpcinfo -T udp 127.0.0.1",
        "rpcinfo -T tcp6 ::1",
        "rpcinfo -T udp6 ::1",
        "rpcinfo -T tcp",
        "rpcinfo -T nope",
        "rpcinfo -n 2900",
        "rpcinfo -p",
        "rpcinfo -p localhost",
        "rpcinfo -p 127.0.0.1",
        "rpcinfo -p ::1",
        "rpcinfo 127.0.0.1 -p",
        "rpcinfo -n 0 -p",
        "rpcinfo -s",
        "rpcinfo -s 198.51.100.1",
        "rpcinfo -s ::1",
        "rpcinfo -sT udp 127.0.0.1",
        "rpcinfo -l localhost portmapper 2",
        "rpcinfo -l 127.0.0.1 536874512 1",
        "rpcinfo -l ::1 536874512 1",
        "rpcinfo -l 192.0.2.1 rpcbind 4",
        "rpcinfo -l -T udp 127.0.0.1 536874512 1",
        "rpcinfo -l -T tcp6 ::1 536874512 1",
        "rpcinfo -lTudp6 ::1 536874512 1",
        "rpcinfo -l 127.0.0.1 536874512 2",
        "rpcinfo -l 127.0.0.1 777 1",
    ]);
    assert!(said.contains("local,tcp6,udp6,tcp,udp"), "{said}");
    assert!(said.contains("inet6/tcp/cots_ord"), "{said}");
}

#[test]
fn calls_are_the_same() {
    needs_root!();
    let said = same(&[
        "rpcinfo -t 127.0.0.1 536874512",
        "rpcinfo -t 127.0.0.1 536874512 1",
        "rpcinfo -t 127.0.0.1 536874512 2",
        "rpcinfo -t ::1 536874512",
        "rpcinfo -t localhost 536874512 1",
        "rpcinfo -t 127.0.0.1 100003",
        "rpcinfo -t 127.0.0.1 nfs 3",
        "rpcinfo -t 127.0.0.1 portmapper",
        "rpcinfo -t 127.0.0.1 portmapper 9",
        "rpcinfo -t 127.0.0.1 100000 ' 2'",
        "rpcinfo -n 2900 -t 127.0.0.1 536874512 1",
        "rpcinfo -u 127.0.0.1 536874512",
        "rpcinfo -u 127.0.0.1 536874512 1",
        "rpcinfo -u 127.0.0.1 536874512 7",
        "rpcinfo -u ::1 536874512 1",
        "rpcinfo -u 192.0.2.1 portmapper",
        "rpcinfo -u 127.0.0.1 nfs",
        "rpcinfo -un2900 127.0.0.1 536874512",
        "rpcinfo -T tcp 127.0.0.1 536874512",
        "rpcinfo -T tcp 127.0.0.1 536874512 5",
        "rpcinfo -T udp 127.0.0.1 536874512",
        "rpcinfo -T udp6 ::1 536874512",
        "rpcinfo -T tcp6 2001:db8:1::1 100000",
        "rpcinfo -T local localhost 536874512",
        "rpcinfo -T local nobody 536874512 1",
        "rpcinfo -T tcp 127.0.0.1 100003",
        "rpcinfo -T udp 127.0.0.1 100003 3",
        "rpcinfo -T local localhost 100003 3",
        "rpcinfo -T tcp 127.0.0.1 100000 4294967295",
        "rpcinfo -a 127.0.0.1.11.84 -T tcp 536874512",
        "rpcinfo -a 127.0.0.1.11.84 -T tcp 536874512 2",
        "rpcinfo -a 127.0.0.1.11.84 -T udp 536874512",
        "rpcinfo -a 127.0.0.1.11.84 -T udp 777 1",
        "rpcinfo -a 127.0.0.1.11.84 -T tcp 777",
        "rpcinfo -a ::1.11.84 -T tcp6 536874512",
        "rpcinfo -a ::1.11.84 -T udp6 536874512 1",
        "rpcinfo -a /run/rpcbind.sock -T local 100000",
    ]);
    assert!(
        said.contains("program 100000 version 4 ready and waiting"),
        "{said}"
    );
    assert!(said.contains("low version = 1, high version = 1"), "{said}");
}

#[test]
fn misuse_is_the_same() {
    needs_root!();
    let said = same(&[
        "rpcinfo -z",
        "rpcinfo -zyT",
        "rpcinfo -a",
        "rpcinfo -n",
        "rpcinfo -n x -t 127.0.0.1 536874512 1",
        "rpcinfo -zn x",
        "rpcinfo -n 2900 -p",
        "rpcinfo -p -s",
        "rpcinfo -tu 127.0.0.1 100000",
        "rpcinfo -p a b",
        "rpcinfo -s a b",
        "rpcinfo a b c d",
        "rpcinfo 127.0.0.1 536874512",
        "rpcinfo -t",
        "rpcinfo -t 127.0.0.1",
        "rpcinfo -t a b c d",
        "rpcinfo -t 127.0.0.1 -5 1",
        "rpcinfo -t 127.0.0.1 5x 1",
        "rpcinfo -t 127.0.0.1 5- 1",
        "rpcinfo -t 127.0.0.1 '' 1",
        "rpcinfo -t 127.0.0.1 100000 ''",
        "rpcinfo -t nosuch.invalid 536874512",
        "rpcinfo -t '' 100000 2",
        "rpcinfo -u nosuch.invalid 536874512",
        "rpcinfo -T nope localhost 536874512 1",
        "rpcinfo -T rawip localhost 536874512 1",
        "rpcinfo -T tcp nosuch.invalid 536874512 1",
        "rpcinfo -T tcp6 127.0.0.1 536874512 1",
        "rpcinfo -T nope 127.0.0.1",
        "rpcinfo -T tcp nosuch.invalid",
        "rpcinfo -T udp6 nosuch.invalid",
        "rpcinfo -T tcp ::1",
        "rpcinfo -T udp6 127.0.0.1",
        "rpcinfo -T local 127.0.0.1",
        "rpcinfo nosuch.invalid",
        "rpcinfo ''",
        "rpcinfo -- -p",
        "rpcinfo -p nosuch.invalid",
        "rpcinfo -m nosuch.invalid",
        "rpcinfo -l 127.0.0.1 536874512",
        "rpcinfo -l 127.0.0.1 nosuch 1",
        "rpcinfo -l 127.0.0.1 777 x",
        "rpcinfo -l -T nope localhost 777 1",
        "rpcinfo -l -T local localhost 777 1",
        "rpcinfo -l nosuch.invalid 777 1",
        "rpcinfo -l -T tcp nosuch.invalid 777 1",
        "rpcinfo -l -T tcp6 127.0.0.1 777 1",
        "rpcinfo -un 5 nosuch.invalid 777 1",
        "rpcinfo -a 127.0.0.1.11.84 536874512",
        "rpcinfo -a 127.0.0.1.0.111 -T nope 100000",
        "rpcinfo -a 127.0.0.1.0.111 -T tcp",
        "rpcinfo -a 127.0.0.1.0.111 -T tcp 1 2 3",
        "rpcinfo -a 127.0.0.1.0.111 -T tcp nosuch",
        "rpcinfo -a junk -T udp 536874512",
        "rpcinfo -a 127.0.0.1 -T tcp 536874512 1",
        "rpcinfo -a junk -T local 100000",
        "rpcinfo -a 1.2.3.4.5.6.7 -T udp 100000",
        "rpcinfo -a 127.0.0.1.0.111 -T rawip 100000",
        "rpcinfo -d nosuch x",
        "rpcinfo -b nosuch x",
        "rpcinfo -t nosuch.invalid nosuch x",
        "rpcinfo -a junk -T nope nosuch x",
        "rpcinfo -T nope nosuch.invalid nosuch x",
        "rpcinfo -a ::1.11.84 -T tcp 536874512 1",
        "rpcinfo -d 536874512",
        "rpcinfo -d 1 2 3",
        "rpcinfo -d nosuch 1",
        "rpcinfo -d 536874512 x",
        "rpcinfo -d -T nope 536874512 1",
        "rpcinfo -b",
        "rpcinfo -b 1 2 3",
        "rpcinfo -b nosuch 1",
        "rpcinfo -b 100000 x",
    ]);
    assert!(said.contains("rpcinfo: can't contact rpcbind: RPC: (unknown error code)"));
}

#[test]
fn an_absent_rpcbind_is_the_same() {
    needs_root!();
    let said = same_of(
        None,
        nobody,
        &[
            "rpcinfo",
            "rpcinfo -p",
            "rpcinfo -s",
            "rpcinfo -m",
            "rpcinfo 127.0.0.1",
            "rpcinfo -s 127.0.0.1",
            "rpcinfo -m 127.0.0.1",
            "rpcinfo -T tcp 127.0.0.1",
            "rpcinfo -T tcp6 ::1",
            "rpcinfo -T udp 127.0.0.1",
            "rpcinfo -p 127.0.0.1",
            "rpcinfo -p ::1",
            "rpcinfo -l 127.0.0.1 100000 2",
            "rpcinfo -l -T tcp 127.0.0.1 100000 2",
            "rpcinfo -t 127.0.0.1 100000 2",
            "rpcinfo -t ::1 100000",
            "rpcinfo -u 127.0.0.1 100000 2",
            "rpcinfo -T tcp 127.0.0.1 100000 2",
            "rpcinfo -T udp 127.0.0.1 100000",
            "rpcinfo -T local localhost 100000 2",
            "rpcinfo -a 127.0.0.1.0.111 -T tcp 100000 2",
            "rpcinfo -a 127.0.0.1.0.111 -T tcp 100000",
            "rpcinfo -a 127.0.0.1.0.111 -T udp 100000",
            "rpcinfo -a /run/rpcbind.sock -T local 100000",
            "rpcinfo -d 100000 2",
            "rpcinfo -d -T tcp 100000 2",
        ],
    );
    assert!(said.contains("errno = Connection refused"), "{said}");
}

/// Registered, and gone without a word.
#[test]
fn dead_programs_are_the_same() {
    needs_root!();
    let dead = |host: &Host| {
        for daemon in hello(host) {
            daemon.end(Signal::SIGKILL);
        }
        Vec::new()
    };
    for rpcbind in Which::BOTH {
        let said = same_of(
            Some((rpcbind, &[])),
            dead,
            &[
                "rpcinfo -t 127.0.0.1 536874512 1",
                "rpcinfo -t ::1 536874512",
                "rpcinfo -u 127.0.0.1 536874512 1",
                "rpcinfo -u 127.0.0.1 536874512",
                "rpcinfo -T tcp6 ::1 536874512 1",
                "rpcinfo -T local localhost 536874512 1",
                "rpcinfo -a 127.0.0.1.11.84 -T udp 536874512 1",
            ],
        );
        assert!(said.contains("version 1 is not available"), "{said}");
    }
}

#[test]
fn deleting_is_the_same() {
    needs_root!();
    let said = same(&[
        "rpcinfo -d -T udp 536874512 1",
        "rpcinfo",
        "rpcinfo -d 536874512 1",
        "rpcinfo -s",
        "rpcinfo -p",
        "rpcinfo -d 536874512 1",
        "setpriv --reuid=1000 --regid=1000 --clear-groups rpcinfo -d 100000 2",
        "rpcinfo",
    ]);
    assert!(said.contains("Could not delete registration"), "{said}");
    // Without its socket rpcbind takes a port of root's for root.
    same(&[
        "rm /run/rpcbind.sock",
        "setpriv --reuid=1000 --regid=1000 --clear-groups rpcinfo -d 536874512 1",
        "rpcinfo -d -T tcp 536874512 1",
        "rpcinfo -d 536874512 1",
        "rpcinfo -s 127.0.0.1",
        "rpcinfo -T local localhost 536874512",
    ]);
}

/// What is counted shows what is sent, too: `-p` of a host apart, both send the same.
#[test]
fn statistics_are_the_same() {
    needs_root!();
    let said = same(&[
        "rpcinfo -m",
        "rpcinfo -t 127.0.0.1 536874512 1",
        "rpcinfo -T udp 127.0.0.1 536874513",
        "rpcinfo -T local localhost 536874512",
        "rpcinfo -u ::1 536874512",
        "rpcinfo 127.0.0.1",
        "rpcinfo -p",
        "rpcinfo -s ::1",
        "rpcinfo -l 127.0.0.1 536874512 1",
        "rpcinfo -d 536874512 1",
        "rpcinfo -m",
        "rpcinfo -m 127.0.0.1",
        "rpcinfo -m ::1 and more",
    ]);
    assert!(
        said.contains("RPCB_GETADDR (version 4) call statistics"),
        "{said}"
    );
}

/// A neighbour, by an address that means nothing without an interface.
#[test]
fn link_local_hosts_are_the_same() {
    needs_root!();
    for rpcbind in Which::BOTH {
        let there = Host::new();
        let _rpcbind = there.rpcbind(rpcbind, &[]);
        let _hello = hello(&there);
        let neighbour = |here: &Host| {
            here.cable(1, &there);
            Vec::new()
        };
        let said = Which::BOTH.map(|rpcinfo| {
            let lines = [
                "rpcinfo fe80::2%c1",
                "rpcinfo -T udp6 fe80::2%c1",
                "rpcinfo -p fe80::2%c1",
                "rpcinfo -t fe80::2%c1 536874512",
                "rpcinfo -u fe80::2%c1 536874512 1",
                "rpcinfo -T tcp6 fe80::2%c1 100000",
                "rpcinfo -t 198.18.1.2 536874512",
                "rpcinfo -l 198.18.1.2 536874512 1",
            ];
            says(rpcinfo, None, neighbour, &lines).concat()
        });
        let [theirs, ours] = said;
        assert_eq!(ours, theirs, "of {rpcbind:?}");
        assert!(theirs.contains("version 1 ready and waiting"), "{theirs}");
    }
}

/// An rpcbind calls for others if it is told to. Ours prints each host that answers once, by the address that it
/// answers from; Debian's prints that among others which rpcbind names.
#[test]
fn broadcasts_find_the_same() {
    needs_root!();
    // Debian's listens for 12 seconds.
    thread::scope(|scope| {
        for rpcbind in Which::BOTH {
            scope.spawn(move || broadcasts_by(rpcbind));
        }
    });
}

fn broadcasts_by(rpcbind: Which) {
    let [here, there] = [Host::new(), Host::new()];
    here.cable(1, &there);
    // Debian's asks only where a broadcast address was set.
    let end = Host::cable_end(1, 1);
    let set = format!("ip address del {end}/24 dev c1 && ip address add {end}/24 brd + dev c1");
    here.run(&set).success();
    let _rpcbinds = [&here, &there].map(|host| host.rpcbind(rpcbind, &["-r"]));
    let _hello = hello(&there);
    let found = |rpcinfo: Which, flags: &str| {
        let program = rpcinfo.rpcinfo();
        let line = format!("{} {flags} -b 536874512 1", program.display());
        here.run(&line).success()
    };
    // Everybody is asked twice in this time: a cable that has just been laid may lose the first datagrams.
    let ours = found(Which::Ours, "--timeout 6");
    let at = format!("{}.11.84\tunknown\n", Host::cable_end(1, 2));
    assert_eq!(ours.matches(&at).count(), 1, "by {rpcbind:?}: {ours}");
    let theirs = found(Which::Theirs, "");
    for line in ours.lines() {
        let found = theirs.lines().any(|theirs| theirs == line);
        assert!(found, "by {rpcbind:?}: {theirs}");
    }
    // Debian's rpcbind does not hear its own group of IPv6.
    let over_ipv6 = ours.contains("fe80::2.11.84\t");
    assert_eq!(over_ipv6, rpcbind == Which::Ours, "{ours}");
}
