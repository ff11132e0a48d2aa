//! Universal addresses: which one a caller is told, and their conversion.

use oncrpc_interop::{Caller, Transport, call, words};

use super::registration::set;
use super::{Scenario, Step, step, told};
use crate::differences::{ASKED_ADDRESS, SPECIFIC_ADDRESS};

const WILDCARD: u32 = 0x2000_0e10;
const LOOPBACK: u32 = WILDCARD + 1;
const SECOND: u32 = WILDCARD + 2;
const FOREIGN: u32 = WILDCARD + 3;
const JUNK: u32 = WILDCARD + 4;

/// Services at addresses of every kind.
fn register(transport: Transport) -> Vec<Step> {
    (WILDCARD..=JUNK)
        .map(|program| {
            let address = registered(transport, program);
            let message = set(4, program, 1, transport.netid(), address);
            step("SET", Caller::Root, message).over(Transport::Local)
        })
        .collect()
}

/// The address of one of these services.
fn registered(transport: Transport, program: u32) -> &'static str {
    let [ipv4, ipv6] = match program {
        WILDCARD => ["0.0.0.0.8.1", "::.8.1"],
        LOOPBACK => ["127.0.0.1.8.2", "::1.8.2"],
        SECOND => ["198.51.100.1.8.3", "2001:db8:2::1.8.3"],
        FOREIGN => ["198.18.0.9.8.4", "2001:db8:99::9.8.4"],
        _ => ["junk", "junk"],
    };
    if is_ipv6(transport) { ipv6 } else { ipv4 }
}

/// The host's address that a caller calls.
fn asked(caller: Caller, transport: Transport) -> &'static str {
    let [ipv4, ipv6] = match caller {
        Caller::Remote | Caller::Crossed => ["192.0.2.1", "2001:db8:1::1"],
        Caller::OwnAddress => ["198.51.100.1", "2001:db8:2::1"],
        _ => ["127.0.0.1", "::1"],
    };
    if is_ipv6(transport) { ipv6 } else { ipv4 }
}

fn is_ipv6(transport: Transport) -> bool {
    matches!(transport, Transport::Udp6 | Transport::Tcp6)
}

/// Without a hint, the caller's own address decides.
pub fn merged_addresses() -> Scenario {
    Scenario::new(|transport| {
        let mut steps = register(transport);
        for caller in [
            Caller::User,
            Caller::Remote,
            Caller::OwnAddress,
            Caller::OtherLoopback,
            Caller::Crossed,
        ] {
            for (kind, program) in [
                ("wildcard", WILDCARD),
                ("loopback", LOOPBACK),
                ("second", SECOND),
                ("foreign", FOREIGN),
                ("junk", JUNK),
            ] {
                let message = call(4, 3).rpcb(program, 1, "", "", "");
                let (difference, ours) = match program {
                    WILDCARD => (ASKED_ADDRESS, format!("{}.8.1", asked(caller, transport))),
                    _ => (SPECIFIC_ADDRESS, registered(transport, program).to_owned()),
                };
                steps.push(
                    step(format!("GETADDR of a {kind} address"), caller, message)
                        .or_ours(difference, told(&ours)),
                );
            }
        }
        steps
    })
    .on(&Transport::INET)
}

pub fn hints() -> Scenario {
    Scenario::new(|transport| {
        let mut steps = register(transport);
        for hint in [
            "127.0.0.1.0.111",
            "192.0.2.1.0.111",
            "192.0.2.77.0.111",
            "198.51.100.1.0.111",
            "198.51.100.200.1.2",
            "203.0.113.5.0.111",
            "0.0.0.0.0.111",
            "::1.0.111",
            "2001:db8:1::1.0.111",
            "2001:db8:2::77.0.111",
            "2001:db8:99::1.0.111",
            "fe80::1.0.111",
            "fe80::1%v0.0.111",
            "::.0.111",
            "junk",
            "192.0.2.1",
            "300.0.2.1.0.111",
        ] {
            for caller in [Caller::User, Caller::Remote] {
                let message = call(4, 3).rpcb(WILDCARD, 1, "", hint, "");
                // An address of a network of ours is reached by our address there.
                let ours = match hint {
                    "192.0.2.77.0.111" => "192.0.2.1",
                    "198.51.100.200.1.2" => "198.51.100.1",
                    "2001:db8:2::77.0.111" => "2001:db8:2::1",
                    _ => asked(caller, transport),
                };
                steps.push(
                    step(format!("GETADDR with the hint {hint}"), caller, message)
                        .or_ours(ASKED_ADDRESS, told(&format!("{ours}.8.1"))),
                );
            }
        }
        steps
    })
    .on(&Transport::INET)
}

pub fn uaddr2taddr_and_taddr2uaddr() -> Scenario {
    Scenario::new(|_| {
        let mut steps = Vec::new();
        for version in [3, 4] {
            for address in [
                "1.2.3.4.5.6",
                "0.0.0.0.0.0",
                "255.255.255.255.255.255",
                "1.2.3.4",
                "1.2.3.4.5",
                "1.2.3.4.300.6",
                "1.2.3.4.5.-1",
                "::1.8.1",
                "2001:db8::1.8.1",
                "::ffff:1.2.3.4.8.1",
                "fe80::1%lo.8.1",
                "/run/p.sock",
                "",
                "junk",
            ] {
                let message = call(version, 7).opaque(address);
                steps.push(step(
                    format!("v{version} UADDR2TADDR {address:?}"),
                    Caller::User,
                    message,
                ));
            }
            let in4 = [&[2, 0, 5, 6, 1, 2, 3, 4][..], &[0; 8]].concat();
            let in6 = [
                &[10, 0, 5, 6][..],
                &[0; 4],
                &words(&[0x2001_0db8, 0, 0, 1]),
                &[0; 4],
            ]
            .concat();
            let unix = [&[1, 0][..], b"/run/p.sock\0"].concat();
            for (what, length, bytes) in [
                ("IPv4", 16, in4.clone()),
                ("IPv6", 28, in6),
                ("Unix", 110, unix),
                ("nothing", 0, vec![]),
                ("four bytes", 4, vec![2, 0, 5, 6]),
                ("more room than bytes", 128, in4.clone()),
                ("less room than bytes", 8, in4),
            ] {
                let message = call(version, 8).u32(length).opaque(bytes);
                steps.push(step(
                    format!("v{version} TADDR2UADDR of {what}"),
                    Caller::User,
                    message,
                ));
            }
        }
        steps
    })
}
