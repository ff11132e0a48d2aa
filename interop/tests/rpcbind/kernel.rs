//! What the Linux kernel's NFS server, its lock daemon and its mounts ask of rpcbind, in their order, as traced of Linux 6.1
//! and 6.12: one connection that stays open, over the Unix socket, the abstract one, or TCP from a reserved port.

use oncrpc_interop::{
    Answer, Caller, Host, Line, Message, PMAPPROG, Transport, Which, call, needs_root,
};

const NFS: u32 = 100_003;
const NFS_ACL: u32 = 100_227;
const LOCKS: u32 = 100_021;
const STATUS: u32 = 100_024;
const TCP: u32 = 6;

/// What the NFS server and the lock daemon serve.
const SERVED: [(u32, u32); 6] = [
    (NFS, 3),
    (NFS, 4),
    (NFS_ACL, 3),
    (LOCKS, 1),
    (LOCKS, 3),
    (LOCKS, 4),
];

/// Netids and the addresses that are registered for them.
const EVERYWHERE: [(&str, &str); 4] = [
    ("udp", "0.0.0.0.8.1"),
    ("tcp", "0.0.0.0.8.1"),
    ("udp6", "::.8.1"),
    ("tcp6", "::.8.1"),
];

const SET: u32 = 1;
const UNSET: u32 = 2;

/// The kernel registers as the user of number 0, whoever that is.
fn change(procedure: u32, (program, version): (u32, u32), netid: &str, address: &str) -> Message {
    call(4, procedure).rpcb(program, version, netid, address, "0")
}

/// Whether rpcbind is there, and which versions it has.
fn pings() -> Vec<Message> {
    vec![call(2, 0), call(4, 0)]
}

/// The start of the server: what an earlier one has left is removed first.
fn start() -> Vec<Message> {
    let clear = SERVED.map(|served| change(UNSET, served, "", ""));
    let sets = EVERYWHERE.iter().flat_map(|(netid, address)| {
        // Version 4 of NFS is not served over datagrams.
        let over = move |&&(_, version): &&(u32, u32)| version != 4 || !netid.starts_with("udp");
        let served = SERVED.iter().filter(over);
        served.map(|&served| change(SET, served, netid, address))
    });
    clear.into_iter().chain(sets).collect()
}

/// The end of it in Linux 6.1.
fn stop_6_1() -> Vec<Message> {
    SERVED.map(|served| change(UNSET, served, "", "")).into()
}

/// The end of it in Linux 6.12: each transport, and then all of them.
fn stop_6_12() -> Vec<Message> {
    let mut messages = Vec::new();
    for served in SERVED {
        for (netid, address) in EVERYWHERE {
            let nowhere = if address.starts_with(':') {
                "::.0.0"
            } else {
                "0.0.0.0.0.0"
            };
            messages.push(change(UNSET, served, netid, nowhere));
        }
        messages.push(change(UNSET, served, "", ""));
    }
    messages
}

/// How the kernel comes to rpcbind.
#[derive(Clone, Copy, Debug)]
enum Way {
    Path,
    /// Since 6.5, and Debian's rpcbind 1.2.6 does not listen there: what it answers at the path is asked for.
    Abstract,
    ReservedPort,
}

impl Way {
    fn line(self, host: &Host, which: Which) -> Line<'_> {
        match (self, which) {
            (Self::ReservedPort, _) => host.line(Caller::Root, Transport::Tcp),
            (Self::Abstract, Which::Ours) => host.abstract_line("/run/rpcbind.sock"),
            _ => host.line(Caller::Root, Transport::Local),
        }
    }
}

/// Sends these on one connection, and the tables are asked for after each.
fn run(host: &Host, line: &mut Line<'_>, messages: Vec<Message>) -> Vec<[Answer; 3]> {
    let mut tables = host.line(Caller::Root, Transport::Tcp);
    let ask = |(xid, message): (u32, Message)| {
        let answer = line.ask(&message.xid(xid));
        assert!(!answer.closed, "the kernel keeps its connection");
        [answer, tables.ask(&call(2, 4)), tables.ask(&call(3, 4))]
    };
    (1_000..).zip(messages).map(ask).collect()
}

/// Over TCP the kernel says that it is root.
fn as_sent(way: Way, messages: Vec<Message>) -> Vec<Message> {
    let messages = messages.into_iter();
    match way {
        Way::ReservedPort => messages.map(|message| message.auth_sys(0, &[])).collect(),
        Way::Path | Way::Abstract => messages.collect(),
    }
}

#[test]
fn nfsd_starts_and_stops_alike() {
    needs_root!();
    for way in [Way::Path, Way::Abstract, Way::ReservedPort] {
        let [theirs, ours] = Which::BOTH.map(|which| {
            let host = Host::new();
            let _rpcbind = host.rpcbind(which, &["-w"]);
            let mut line = way.line(&host, which);
            let parts = [
                pings(),
                start(),
                stop_6_1(),
                start(),
                stop_6_12(),
                stop_6_12(),
            ];
            run(&host, &mut line, as_sent(way, parts.concat()))
        });
        assert_eq!(ours, theirs, "{way:?}");
    }
}

/// The lock daemon asks where others' statd and lock daemons are, and mounts ask where NFS is.
#[test]
fn lookups_are_answered_alike() {
    needs_root!();
    let getport = |program, version| {
        call(2, 3)
            .u32s(&[program, version, TCP, 0])
            .auth_sys(0, &[])
    };
    // As libtirpc's, but for the owner; the hint is the server's address.
    let getaddr = |rpcb, program, version, netid: &str, server: &str| {
        call(rpcb, 3)
            .rpcb(program, version, netid, server, "")
            .auth_sys(0, &[])
    };
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &["-w"]);
        let mut line = Way::Path.line(&host, which);
        let mut answers = run(&host, &mut line, start());
        let mut status = host.line(Caller::Root, Transport::Local);
        answers.extend(run(
            &host,
            &mut status,
            vec![
                change(SET, (STATUS, 1), "tcp", "0.0.0.0.128.9"),
                change(SET, (STATUS, 1), "tcp6", "::.128.9"),
            ],
        ));
        for caller in [Caller::User, Caller::Remote] {
            let mut line = host.line(caller, Transport::Tcp);
            answers.extend(run(
                &host,
                &mut line,
                vec![
                    call(2, 0),
                    getport(STATUS, 1),
                    getport(LOCKS, 4),
                    getport(NFS, 3),
                    getport(NFS, 4),
                    getport(100_005, 3),
                    getport(PMAPPROG, 2),
                ],
            ));
            let mut line = host.line(caller, Transport::Tcp6);
            let server = match caller {
                Caller::Remote => "2001:db8:1::1.0.111",
                _ => "::1.0.111",
            };
            answers.extend(run(
                &host,
                &mut line,
                vec![
                    call(4, 0),
                    getaddr(4, NFS, 3, "tcp6", server),
                    getaddr(3, NFS, 3, "tcp6", server),
                    getaddr(4, LOCKS, 4, "tcp6", server),
                    getaddr(4, STATUS, 1, "tcp6", server),
                    getaddr(4, 100_005, 3, "tcp6", server),
                    getaddr(3, 100_005, 3, "tcp6", server),
                ],
            ));
        }
        answers
    });
    assert_eq!(ours, theirs);
}

/// A kernel that is told FALSE does not start its server: the same ones are registered again without a complaint.
#[test]
fn a_start_over_what_was_left_is_accepted() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &["-w"]);
        let mut line = Way::Path.line(&host, which);
        let mut answers = run(&host, &mut line, start());
        drop(line);
        // The restart breaks the connection, and the next start makes a new one.
        assert_eq!(rpcbind.terminate().code, Some(0));
        let _rpcbind = host.rpcbind(which, &["-w"]);
        let mut line = Way::Path.line(&host, which);
        answers.extend(run(&host, &mut line, [pings(), start()].concat()));
        answers
    });
    assert_eq!(ours, theirs);
    let accepted = |[answer, ..]: &[Answer; 3]| {
        answer
            .replies
            .iter()
            .all(|reply| reply.ends_with(&[0, 0, 0, 1]))
    };
    let sets = theirs.iter().rev().take(start().len());
    assert!(sets.into_iter().all(accepted), "{theirs:?}");
}
