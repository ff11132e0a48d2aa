//! Which address GETADDR and GETVERSADDR tell: callers × hints × registered addresses × transports.

use std::fmt::Write as _;

use oncrpc_interop::{Answer, Caller, Host, Reply, Transport, Which, call, needs_root};

use super::{HEADER, Words, cell_of};

/// Who calls: from where, and which address of the host.
#[rustfmt::skip]
const CALLERS: [(Caller, &[Transport]); 6] = {
    use Transport::*;
    [(Caller::User,          &[Udp, Tcp, Udp6, Tcp6]),
     (Caller::Remote,        &[Udp, Tcp, Udp6, Tcp6]),
     (Caller::OwnAddress,    &[Udp, Tcp, Udp6, Tcp6]),
     (Caller::Crossed,       &[Udp, Tcp, Udp6, Tcp6]),
     (Caller::OtherLoopback, &[Udp, Tcp]),
     (Caller::OtherLoopback, &[Udp6, Tcp6])]
};

/// The address of the host that a caller who gives this hint is told of a service that listens on all of them: L is
/// loopback, A the first general one, B the second, `-` the wildcard as it is registered.
///
/// Theirs tells the hint, or the caller's address where there is none, if that is one of the host, and otherwise a
/// general address, which is B here. Ours tells the address that was asked, unless the hint is of one of our networks:
/// then our address there. Where a cell has two entries, that is the difference `asked-address`.
#[rustfmt::skip]
const TOLD: [(&str, [&str; 6]); 12] = [
    //                User   Remote  Own    Crossed  127.0.0.2  A
    //                L→L    →A      B→B    L→A      →L         →L
    ("",              ["L",   "B A", "B",   "L A",   "B L",     "A L"]),
    ("L",             ["L",   "L",   "L",   "L",     "L",       "L"]),
    ("A",             ["A",   "A",   "A",   "A",     "A",       "A"]),
    ("B",             ["B",   "B",   "B",   "B",     "B",       "B"]),
    ("A's neighbour", ["B A", "B A", "B A", "B A",   "B A",     "B A"]),
    ("B's neighbour", ["B",   "B",   "B",   "B",     "B",       "B"]),
    ("far away",      ["B L", "B A", "B",   "B A",   "B L",     "B L"]),
    ("wildcard",      ["B L", "B A", "B",   "B A",   "B L",     "B L"]),
    ("other family",  ["-",   "-",   "-",   "-",     "-",       "-"]),
    ("junk",          ["-",   "-",   "-",   "-",     "-",       "-"]),
    ("no port",       ["-",   "-",   "-",   "-",     "-",       "-"]),
    ("scope",         ["-",   "-",   "-",   "-",     "-",       "-"]),
];

/// Names of the table for IPv4 and IPv6: those of [`TOLD`], and the addresses that services are registered at.
const NAMES: [(&str, [&str; 2]); 12] = [
    ("L", ["127.0.0.1", "::1"]),
    ("A", ["192.0.2.1", "2001:db8:1::1"]),
    ("B", ["198.51.100.1", "2001:db8:2::1"]),
    ("A's neighbour", ["192.0.2.77", "2001:db8:1::77"]),
    ("B's neighbour", ["198.51.100.200", "2001:db8:2::c8"]),
    ("far away", ["198.18.0.9", "2001:db8:99::9"]),
    ("wildcard", ["0.0.0.0", "::"]),
    ("other family", ["::1", "127.0.0.1"]),
    ("junk", ["junk", "junk"]),
    ("no port", ["192.0.2.1", "2001:db8:1::1"]),
    ("scope", ["127.0.0.1%lo", "fe80::1%v0"]),
    ("", ["", ""]),
];

/// What services are registered at. All but the wildcard are told as they are by ours, and replaced like it by theirs:
/// the difference `specific-address`. What is no address is told as it is by both.
const REGISTERED: [&str; 6] = ["wildcard", "L", "A", "B", "far away", "junk"];

/// A name of the table as an address of this transport's family, with a port unless it says that there is none.
fn address(name: &str, transport: Transport, port: &str) -> String {
    let ipv6 = matches!(transport, Transport::Udp6 | Transport::Tcp6);
    let found = NAMES.iter().find(|(there, _)| *there == name);
    let address = found.expect("every name is in the list").1[usize::from(ipv6)];
    match name {
        "" | "junk" | "no port" => address.to_owned(),
        _ => format!("{address}.{port}"),
    }
}

/// What has to be told of a service that is registered at this address, given the cell for the wildcard.
fn expected(which: Which, cell: &str, registered: &str, transport: Transport) -> String {
    let instead = cell_of(which, cell);
    let replaced = match which {
        _ if registered == "junk" || instead == "-" => false,
        Which::Theirs => true,
        Which::Ours => registered == "wildcard",
    };
    let told = if replaced { instead } else { registered };
    address(told, transport, "8.1")
}

#[test]
fn which_address_is_told_to_whom() {
    needs_root!();
    let wrong = Which::BOTH.map(complaints).concat();
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn complaints(which: Which) -> String {
    let host = Host::new();
    let _rpcbind = host.rpcbind(which, &[]);
    let mut root = host.line(Caller::Root, Transport::Local);
    let mut wrong = String::new();
    for transport in Transport::INET {
        // A program for each address.
        for (program, registered) in (PROGRAM..).zip(REGISTERED) {
            let at = address(registered, transport, "8.1");
            let set = call(4, 1).rpcb(program, 1, transport.netid(), &at, "");
            assert_eq!(root.ask(&set), Answer::reply(Reply::success(&[1])));
        }
        for (column, (caller, over)) in CALLERS.into_iter().enumerate() {
            if !over.contains(&transport) {
                continue;
            }
            let mut line = host.line(caller, transport);
            // By turns, since ours answers a neighbour no more than 400 datagrams at once.
            let mut ways = [(3, GETADDR), (4, GETADDR), (4, GETVERSADDR)]
                .into_iter()
                .cycle();
            for (hint, cells) in TOLD {
                let sent = address(hint, transport, "0.111");
                // Another way for each hint, so that every service is asked for in each.
                ways.next();
                let by_way = (PROGRAM..).zip(REGISTERED).zip(&mut ways);
                for ((program, registered), (version, procedure)) in by_way {
                    let expected = expected(which, cells[column], registered, transport);
                    let message = call(version, procedure).rpcb(program, 1, "", &sent, "");
                    let answer = line.ask(&message);
                    let told = Words(&answer.replies[0][HEADER..]).text();
                    if told != expected {
                        let _ = writeln!(
                            wrong,
                            "{which:?} tells {caller:?} over {} with the hint {sent:?} {told}, not {expected}",
                            transport.netid()
                        );
                    }
                }
            }
        }
    }
    wrong
}

/// The Unix socket has no addresses of hosts: there is nothing to replace, whatever the hint.
#[test]
fn over_the_unix_socket_the_address_is_told_as_it_is() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &[]);
        let mut line = host.line(Caller::User, Transport::Local);
        let set = call(4, 1).rpcb(PROGRAM, 1, "local", "/run/p.sock", "");
        assert_eq!(line.ask(&set), Answer::reply(Reply::success(&[1])));
        for (hint, _) in TOLD {
            let hint = address(hint, Transport::Udp, "0.111");
            let answer = line.ask(&call(4, GETADDR).rpcb(PROGRAM, 1, "udp", &hint, ""));
            let told = Words(&answer.replies[0][HEADER..]).text();
            assert_eq!(told, "/run/p.sock", "by {which:?} with the hint {hint:?}");
        }
    }
}

const PROGRAM: u32 = 0x2000_0e10;
const GETADDR: u32 = 3;
const GETVERSADDR: u32 = 9;
