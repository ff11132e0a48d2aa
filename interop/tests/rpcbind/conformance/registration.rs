//! SET and UNSET: who may, and what happens.

use oncrpc_interop::{Answer, Caller, Message, PMAPPROG, Reply, Transport, call};

use super::{Scenario, Step, step};
use crate::differences::{CROSSED_LOOPBACK, ONE_TABLE, UNSET_ATOMIC};

/// A program that nobody has registered.
const P: u32 = 0x2000_0e10;
const TCP: u32 = 6;
const UDP: u32 = 17;

/// AUTH_TOOWEAK.
const TOOWEAK: u32 = 5;

fn set2(program: u32, version: u32, protocol: u32, port: u32) -> Message {
    call(2, 1).u32s(&[program, version, protocol, port])
}

fn unset2(program: u32, version: u32, protocol: u32, port: u32) -> Message {
    call(2, 2).u32s(&[program, version, protocol, port])
}

pub(super) fn set(rpcb: u32, program: u32, version: u32, netid: &str, address: &str) -> Message {
    call(rpcb, 1).rpcb(program, version, netid, address, "owner")
}

fn unset(rpcb: u32, program: u32, version: u32, netid: &str) -> Message {
    call(rpcb, 2).rpcb(program, version, netid, "", "owner")
}

/// Those who can call over this transport.
fn callers(transport: Transport) -> &'static [Caller] {
    use Caller::*;
    match transport {
        Transport::Local => &[Root, User, OtherUser],
        _ => &[Root, User, Remote, RemoteRoot, OwnAddress, OtherLoopback],
    }
}

/// A loopback address that calls another address of the host: over UDP the datagram came by an interface
/// that others can use, too.
pub fn loopback_that_calls_another_address() -> Scenario {
    Scenario::new(|transport| {
        let datagram = Transport::DATAGRAM.contains(&transport);
        let refused = || Answer::reply(Reply::auth_error(TOOWEAK));
        let messages = [
            ("v2 SET", set2(P, 2, TCP, 2049)),
            ("v3 SET", set(3, P, 3, "udp6", "::.8.1")),
            ("v4 SET", set(4, P, 4, "local", "/run/p.sock")),
            ("v2 UNSET", unset2(P, 2, TCP, 2049)),
            ("v3 UNSET", unset(3, P, 3, "")),
        ];
        let mut steps: Vec<_> = messages
            .into_iter()
            .map(|(what, message)| {
                step(what, Caller::Crossed, message).ours_if(datagram, CROSSED_LOOPBACK, refused())
            })
            .collect();
        if datagram {
            let first = steps.remove(0).diverges(CROSSED_LOOPBACK);
            steps.insert(0, first);
        }
        steps
    })
    .on(&Transport::INET)
}

fn who_may_set_steps(transport: Transport) -> Vec<Step> {
    let mut steps = Vec::new();
    for (index, &caller) in (0..).zip(callers(transport)) {
        // A program each, so that each is a new entry and shows its owner.
        let program = P + index;
        steps.push(step("v2 SET", caller, set2(program, 2, TCP, 2049)));
        steps.push(step("v3 SET", caller, set(3, program, 3, "udp6", "::.8.1")));
        steps.push(step(
            "v4 SET",
            caller,
            set(4, program, 4, "local", "/run/p.sock").auth_sys(1001, &[0]),
        ));
        steps.push(step(
            "v4 SET of a privileged port",
            caller,
            set(4, program, 5, "tcp", "0.0.0.0.2.1"),
        ));
    }
    steps
}

pub fn who_may_set() -> Scenario {
    Scenario::new(who_may_set_steps)
}

/// `-i`: from everywhere.
pub fn insecure_mode() -> Scenario {
    Scenario::new(|transport| {
        let mut steps = who_may_set_steps(transport);
        for (index, &caller) in (0..).zip(callers(transport)) {
            steps.push(step("v3 UNSET", caller, unset(3, P + index, 3, "")));
        }
        for (index, &caller) in (0..).zip(callers(transport).iter().rev()) {
            steps.push(step("v2 UNSET", caller, unset2(P + index, 2, 0, 0)));
            steps.push(step("v4 UNSET", caller, unset(4, P + index, 4, "local")));
        }
        steps
    })
    .flags(&["-i"])
}

pub fn set_v2() -> Scenario {
    Scenario::new(|_| {
        let root = |what: &str, message| step(what, Caller::Root, message);
        let user = |what: &str, message| step(what, Caller::User, message);
        vec![
            root("tcp", set2(P, 1, TCP, 2049)),
            root("tcp again", set2(P, 1, TCP, 2049)),
            user("tcp again, another caller", set2(P, 1, TCP, 2049)),
            root("another port", set2(P, 1, TCP, 2050)),
            root("udp beside it", set2(P, 1, UDP, 2049)),
            root("another version", set2(P, 2, UDP, 2050)),
            root("protocol 0", set2(P, 3, 0, 2049)),
            root("protocol 1", set2(P, 3, 1, 2049)),
            root("protocol 132", set2(P, 3, 132, 2049)),
            root("port 0", set2(P, 4, TCP, 0)),
            root("port 65535", set2(P, 5, TCP, 65_535)),
            root("port 65536", set2(P, 6, TCP, 65_536)),
            root("port 70000", set2(P, 7, TCP, 70_000)),
            root("port 4294967295", set2(P, 8, TCP, u32::MAX)),
            user("a privileged port", set2(P, 9, TCP, 600)),
            user("program 100003", set2(100_003, 3, TCP, 2049)),
            root("program 0", set2(0, 0, TCP, 2049)),
            root("the largest of all", set2(u32::MAX, u32::MAX, TCP, 2049)),
            user("rpcbind's own", set2(PMAPPROG, 2, TCP, 2049)),
            root("rpcbind's own, as it is", set2(PMAPPROG, 2, TCP, 111)),
            user("a new version of rpcbind", set2(PMAPPROG, 9, TCP, 2049)),
        ]
    })
}

pub fn set_v3_and_v4() -> Scenario {
    Scenario::new(|_| {
        let mut steps = Vec::new();
        for (rpcb, program) in [(3, P), (4, P + 1)] {
            let mut say = |what: &str, caller, message| {
                steps.push(step(format!("v{rpcb}: {what}"), caller, message));
            };
            let with =
                |version, netid: &str, address: &str| set(rpcb, program, version, netid, address);
            say("tcp", Caller::Root, with(1, "tcp", "0.0.0.0.8.1"));
            say("the same", Caller::Root, with(1, "tcp", "0.0.0.0.8.1"));
            say(
                "the same, another caller",
                Caller::User,
                with(1, "tcp", "0.0.0.0.8.1"),
            );
            say(
                "the same in capitals",
                Caller::Root,
                with(1, "TCP", "0.0.0.0.8.1"),
            );
            say(
                "another address",
                Caller::Root,
                with(1, "tcp", "127.0.0.1.8.1"),
            );
            say(
                "another way to write it",
                Caller::Root,
                with(1, "tcp", "0.0.0.0.08.1"),
            );
            say("udp", Caller::User, with(1, "udp", "0.0.0.0.8.1"));
            say("udp6", Caller::User, with(1, "udp6", "::.8.1"));
            say("tcp6", Caller::User, with(1, "tcp6", "::.8.1"));
            say("local", Caller::User, with(1, "local", "/run/p.sock"));
            say("unix", Caller::User, with(1, "unix", "/run/p.sock"));
            say(
                "an unknown netid",
                Caller::User,
                with(2, "bogus", "0.0.0.0.8.1"),
            );
            say("no netid", Caller::User, with(3, "", "0.0.0.0.8.1"));
            say(
                "a netid in capitals",
                Caller::User,
                with(4, "UDP", "0.0.0.0.8.1"),
            );
            say("no address", Caller::User, with(5, "tcp", ""));
            say("junk for an address", Caller::User, with(6, "tcp", "junk"));
            say(
                "letters for a port",
                Caller::User,
                with(7, "tcp", "0.0.0.0.a.b"),
            );
            say(
                "a port that is too large",
                Caller::User,
                with(8, "tcp", "0.0.0.0.300.6"),
            );
            say("IPv6 for tcp", Caller::User, with(9, "tcp", "::.8.1"));
            say(
                "IPv4 for tcp6",
                Caller::User,
                with(9, "tcp6", "0.0.0.0.8.1"),
            );
            say("one dot", Caller::User, with(10, "tcp", "8.1"));
            say("no dot", Caller::User, with(11, "tcp", "2049"));
            say(
                "a specific address",
                Caller::User,
                with(12, "tcp", "192.0.2.1.8.1"),
            );
            say("version 0", Caller::User, with(0, "tcp", "0.0.0.0.8.1"));
            say(
                "program 0",
                Caller::User,
                set(rpcb, 0, rpcb, "tcp", "0.0.0.0.8.1"),
            );
            let own = set(rpcb, PMAPPROG, rpcb, "tcp", "0.0.0.0.8.1");
            say("rpcbind's own", Caller::Root, own);
            let own = set(rpcb, PMAPPROG, 6 + rpcb, "tcp", "0.0.0.0.8.1");
            say("a new version of rpcbind", Caller::User, own);
            let empty = call(rpcb, 1).u32s(&[program, 20, 0, 0, 0]);
            say("all strings empty", Caller::Root, empty);
        }
        steps
    })
}

pub fn who_may_unset() -> Scenario {
    Scenario::new(|transport| {
        let mut steps = Vec::new();
        // Entries of three owners, whoever then comes to remove them.
        let owners = [
            ("root's", Caller::Root, Transport::Local),
            ("a user's", Caller::User, Transport::Local),
            ("unknown's", Caller::User, Transport::Udp),
        ];
        for (index, &caller) in (0..).zip(callers(transport)) {
            for (offset, (whose, owner, over)) in (0..).zip(owners) {
                let program = P + 8 * index + offset;
                for (netid, address) in [
                    ("udp", "0.0.0.0.8.1"),
                    ("tcp", "0.0.0.0.8.1"),
                    ("tcp6", "::.8.1"),
                ] {
                    let message = set(4, program, 1, netid, address);
                    steps.push(step(format!("SET {whose} {netid}"), owner, message).over(over));
                }
                steps.push(step(
                    format!("v4 UNSET {whose} tcp6"),
                    caller,
                    unset(4, program, 1, "tcp6"),
                ));
                steps.push(step(
                    format!("v3 UNSET {whose} udp"),
                    caller,
                    unset(3, program, 1, "udp"),
                ));
                steps.push(step(
                    format!("v2 UNSET {whose} tcp"),
                    caller,
                    unset2(program, 1, TCP, 0),
                ));
            }
        }
        steps
    })
}

pub fn unset_v2() -> Scenario {
    Scenario::new(|_| {
        let root = |what: &str, message| step(what, Caller::Root, message);
        let mut steps = vec![root("nothing", unset2(P, 1, TCP, 0))];
        for protocol in [0, TCP, UDP, 99] {
            steps.push(root("SET tcp", set2(P, 1, TCP, 2049)));
            steps.push(root("SET udp", set2(P, 1, UDP, 2050)));
            steps.push(root("SET udp6", set(4, P, 1, "udp6", "::.8.1")).over(Transport::Local));
            steps.push(root("another version", unset2(P, 2, protocol, 2049)));
            steps.push(root("any protocol removes both", unset2(P, 1, protocol, 1)));
            steps.push(root("again", unset2(P, 1, protocol, 0)));
            steps.push(root("UNSET udp6", unset(4, P, 1, "udp6")).over(Transport::Local));
        }
        let local =
            |what: &str, caller, message| step(what, caller, message).over(Transport::Local);
        steps.extend([
            local("SET of root's tcp", Caller::Root, set2(P, 1, TCP, 2049)),
            local("SET of a user's udp", Caller::User, set2(P, 1, UDP, 2049)),
            local(
                "v2 UNSET of the user's own, refused root's",
                Caller::User,
                unset2(P, 1, 0, 0),
            ),
            local("v2 UNSET of both by root", Caller::Root, unset2(P, 1, 0, 0)),
            root("rpcbind's own version 2", unset2(PMAPPROG, 2, 0, 0)),
            step(
                "GETPORT of what is gone",
                Caller::User,
                call(2, 3).u32s(&[PMAPPROG, 2, TCP, 0]),
            ),
        ]);
        steps
    })
}

pub fn unset_of_every_netid() -> Scenario {
    Scenario::new(|_| {
        let local =
            |what: &str, caller, message| step(what, caller, message).over(Transport::Local);
        let mut steps = vec![step("nothing", Caller::Root, unset(4, P, 1, ""))];
        for netid in ["udp", "tcp", "udp6", "tcp6"] {
            let address = if netid.ends_with('6') {
                "::.8.1"
            } else {
                "0.0.0.0.8.1"
            };
            steps.push(local("SET", Caller::Root, set(4, P, 1, netid, address)));
            steps.push(local("SET", Caller::Root, set(4, P, 2, netid, address)));
        }
        steps.extend([
            step("another version", Caller::Root, unset(4, P, 3, "")),
            step("an unknown netid", Caller::Root, unset(4, P, 1, "bogus")),
            step("all of version 1", Caller::Root, unset(4, P, 1, "")),
            step("again", Caller::Root, unset(3, P, 1, "")),
            step(
                "with an address",
                Caller::Root,
                call(4, 2).rpcb(P, 2, "tcp", "::.9.9", "0"),
            ),
            local(
                "the user's tcp",
                Caller::User,
                set(4, P, 3, "tcp", "0.0.0.0.8.1"),
            ),
            local(
                "root's udp",
                Caller::Root,
                set(4, P, 3, "udp", "0.0.0.0.8.1"),
            ),
            local(
                "capitals remove it from both tables",
                Caller::Root,
                unset(4, P, 3, "UDP"),
            )
            .diverges(ONE_TABLE),
            local(
                "root's udp again",
                Caller::Root,
                set(4, P, 3, "udp", "0.0.0.0.8.1"),
            ),
            local("some another's: all stay", Caller::User, unset(4, P, 3, ""))
                .diverges(UNSET_ATOMIC),
        ]);
        steps
    })
}
