//! GETPORT, GETADDR, GETVERSADDR and GETADDRLIST.

use oncrpc_interop::{Answer, Caller, Message, PMAPPROG, Reply, Transport, call, words};

use super::registration::set;
use super::{Scenario, Step, step};
use crate::differences::UNKNOWN_NETID;

/// Programs that these scenarios register.
const P: u32 = 0x2000_0e10;

/// Versions 1, 3 and 2 of a program, in this order, and one of a program that IPv6 alone serves.
fn register() -> Vec<Step> {
    let set = |program, version, netid: &str, address: &str| {
        step(
            "SET",
            Caller::Root,
            set(4, program, version, netid, address),
        )
        .over(Transport::Local)
    };
    let mut steps = Vec::new();
    for version in [1, 3, 2] {
        for (netid, host) in [
            ("udp", "0.0.0.0"),
            ("tcp", "0.0.0.0"),
            ("udp6", "::"),
            ("tcp6", "::"),
        ] {
            steps.push(set(P, version, netid, &format!("{host}.8.{version}")));
        }
        steps.push(set(P, version, "local", &format!("/run/p{version}.sock")));
    }
    steps.push(set(P + 1, 1, "tcp6", "::.9.1"));
    steps.push(set(P + 2, 1, "TCP", "0.0.0.0.9.2"));
    steps
}

pub fn getport() -> Scenario {
    Scenario::new(|_| {
        let mut steps = register();
        for (program, version) in [
            (P, 1),
            (P, 2),
            (P, 3),
            (P, 9),
            (P, 0),
            (P + 1, 1),
            (P + 2, 1),
            (P + 9, 1),
        ] {
            for protocol in [6, 17, 0, 132] {
                let message = call(2, 3).u32s(&[program, version, protocol, 99]);
                let what = format!("GETPORT {program:#x} v{version} protocol {protocol}");
                steps.push(step(what, Caller::User, message));
            }
        }
        for version in [2, 3, 4, 5] {
            let message = call(2, 3).u32s(&[PMAPPROG, version, 6, 0]);
            steps.push(step(
                format!("GETPORT of rpcbind v{version}"),
                Caller::User,
                message,
            ));
        }
        steps
    })
}

/// The transport that carries the question decides, not the netid in it.
pub fn getaddr_and_getversaddr() -> Scenario {
    Scenario::new(|_| {
        let mut steps = register();
        for (name, rpcb, procedure) in [
            ("v3 GETADDR", 3, 3),
            ("v4 GETADDR", 4, 3),
            ("GETVERSADDR", 4, 9),
        ] {
            for (program, version) in [
                (P, 1),
                (P, 2),
                (P, 3),
                (P, 9),
                (P + 1, 1),
                (P + 2, 1),
                (P + 9, 1),
                (PMAPPROG, 4),
                (PMAPPROG, 9),
            ] {
                for netid in ["tcp", "udp6", "local", "", "bogus"] {
                    let message: Message =
                        call(rpcb, procedure).rpcb(program, version, netid, "", "");
                    let what = format!("{name} {program:#x} v{version} {netid}");
                    steps.push(step(what, Caller::User, message));
                }
            }
        }
        steps
    })
}

pub fn getaddrlist() -> Scenario {
    Scenario::new(|transport| {
        let mut steps = register();
        let list = |program, version, hint: &str| call(4, 11).rpcb(program, version, "", hint, "");
        for (program, version) in [
            (P, 1),
            (P, 2),
            (P, 9),
            (P + 1, 1),
            (P + 9, 1),
            (PMAPPROG, 2),
            (PMAPPROG, 4),
        ] {
            for hint in ["", "192.0.2.1.0.111", "2001:db8:1::1.0.111", "junk"] {
                let what = format!("GETADDRLIST {program:#x} v{version} hint {hint:?}");
                steps.push(step(what, Caller::User, list(program, version, hint)));
            }
        }
        steps.push(
            step("SET", Caller::Root, set(4, P, 1, "bogus", "0.0.0.0.8.1")).over(Transport::Local),
        );
        steps.push(
            step(
                "an unknown netid is passed over",
                Caller::User,
                list(P, 1, ""),
            )
            .ours(UNKNOWN_NETID, Answer::reply(listed(transport))),
        );
        steps
    })
}

/// GETADDRLIST of version 1 of the program on this transport's family: datagrams, then the stream.
fn listed(transport: Transport) -> Vec<u8> {
    let (address, family, netids) = match transport {
        Transport::Udp | Transport::Tcp => ("127.0.0.1.8.1", "inet", ["udp", "tcp"]),
        Transport::Udp6 | Transport::Tcp6 => ("::1.8.1", "inet6", ["udp6", "tcp6"]),
        Transport::Local => return Reply::success(&[0]),
    };
    let text = |text: &str| {
        let padding = vec![0; text.len().next_multiple_of(4) - text.len()];
        [words(&[text.len() as u32]), text.into(), padding].concat()
    };
    let entries = netids.into_iter().zip([(1, "udp"), (3, "tcp")]);
    let entries = entries.flat_map(|(netid, (semantics, protocol))| {
        [
            words(&[1]),
            text(address),
            text(netid),
            words(&[semantics]),
            text(family),
            text(protocol),
        ]
        .concat()
    });
    [Reply::success(&[]), entries.collect(), words(&[0])].concat()
}
