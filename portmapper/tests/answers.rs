//! What the portmapper answers, byte for byte: calls go up the ladder as a server's would, without sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use oncrpc::netconfig::NetworkConfig;
use oncrpc::netid::Netid;
use oncrpc::peer::{Address, Peer, UnixPeer};
use oncrpc::{Framing, Ladder, Origin, Services, Session, Step};
use oncrpc_portmapper::netconfig;
use oncrpc_portmapper::policy::{Policy, ReplyBound};
use oncrpc_portmapper::portmapper::Portmapper;
use oncrpc_portmapper::request_log::RequestLog;
use oncrpc_portmapper::service;
use oncrpc_portmapper::services::ProgramNames;
use oncrpc_portmapper::state::StateDirectory;
use oncrpc_xdr::{Bytes, Writer};

/// A portmapper with the usual transports announced, and callers of all kinds.
struct House {
    ladder: Ladder,
}

#[derive(Clone)]
struct Caller {
    peer: Peer,
    /// It calls others as well.
    for_many: bool,
}

/// What came back: the words of the reply behind its xid.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Success(Vec<u8>),
    /// `accept_stat` of a reply that is not a success.
    Failed(u32),
    /// `auth_stat`
    Denied(u32),
    Silence,
}

const PROGRAM: u32 = 100_000;
const SET: u32 = 1;
const UNSET: u32 = 2;
const GETADDR: u32 = 3;
const GETPORT: u32 = 3;
const DUMP: u32 = 4;
const CALLIT: u32 = 5;
const GETVERSADDR: u32 = 9;
const INDIRECT: u32 = 10;
const GETADDRLIST: u32 = 11;
const GETSTAT: u32 = 12;

const PROG_UNAVAIL: u32 = 1;
const PROC_UNAVAIL: u32 = 3;
const GARBAGE_ARGS: u32 = 4;
const SYSTEM_ERR: u32 = 5;
const TOOWEAK: u32 = 5;

impl House {
    fn new() -> Self {
        Self::with(Policy::default())
    }

    fn with(policy: Policy) -> Self {
        let (networks, _): (Vec<NetworkConfig>, _) =
            netconfig::read(&PathBuf::from("/nonexistent/netconfig")).unwrap();
        // Nothing is kept: the directory is not there.
        let state = StateDirectory::new("/nonexistent/state");
        let log = RequestLog::new(false, ProgramNames::default());
        let portmapper = Arc::new(Portmapper::new(policy, networks, state, log));
        for (netid, uaddr) in [
            (Netid::Local, "/run/rpcbind.sock"),
            (Netid::Udp, "0.0.0.0.0.111"),
            (Netid::Tcp, "0.0.0.0.0.111"),
            (Netid::Udp6, "::.0.111"),
            (Netid::Tcp6, "::.0.111"),
        ] {
            portmapper.announce(&netid, &uaddr.into());
        }
        let services = Services::new(service::services(&portmapper));
        let ladder = Ladder::new(Arc::new(services));
        Self { ladder }
    }

    fn ask(&mut self, caller: &Caller, version: u32, procedure: u32, args: &[u8]) -> Answer {
        let mut call = Writer::new();
        for word in [7, 0, 2, PROGRAM, version, procedure, 0, 0, 0, 0] {
            call.u32(word);
        }
        call.raw(args);
        let framing = match caller.peer.netid {
            Netid::Udp | Netid::Udp6 => Framing::Datagram { max: 9000 },
            _ => Framing::Record,
        };
        let mut out = Writer::new();
        let origin = Origin::new(caller.peer.clone());
        let mut session = Session::new(if caller.for_many {
            origin.for_many()
        } else {
            origin
        });
        let call = call.into_bytes();
        match self.ladder.answer(&mut session, &call, framing, &mut out) {
            Step::Done => {}
            Step::Silent => return Answer::Silence,
            other => panic!("{other:?}"),
        }
        let reply = out.into_bytes();
        let reply = match framing {
            Framing::Record => reply.slice(4..),
            Framing::Datagram { .. } => reply,
        };
        judge(&reply)
    }

    fn set(&mut self, caller: &Caller, version: u32, netid: &str, uaddr: &str) -> Answer {
        self.ask(caller, 4, SET, &rpcb(400_000, version, netid, uaddr))
    }

    /// The address that a question brings back.
    fn address(&mut self, caller: &Caller, procedure: u32, version: u32, hint: &str) -> String {
        let asked = rpcb(400_000, version, "ignored", hint);
        let Answer::Success(body) = self.ask(caller, 4, procedure, &asked) else {
            panic!("no address");
        };
        oncrpc_xdr::from_bytes::<oncrpc_xdr::XdrString>(&Bytes::from(body))
            .unwrap()
            .to_string()
    }
}

fn judge(reply: &[u8]) -> Answer {
    let word = |at: usize| u32::from_be_bytes(*reply[4 * at..].first_chunk().unwrap());
    assert_eq!((word(0), word(1)), (7, 1), "a reply to our call");
    match word(2) {
        0 if word(5) == 0 => Answer::Success(reply[24..].to_vec()),
        0 => Answer::Failed(word(5)),
        _ => Answer::Denied(word(4)),
    }
}

impl Caller {
    fn unix(uid: u32) -> Self {
        let (gid, pid) = (uid, Some(1));
        Self::at(Peer::process(UnixPeer { uid, gid, pid }))
    }

    fn inet(netid: Netid, remote: &str, local: &str, interface: Option<u32>) -> Self {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        Self::at(Peer {
            netid,
            remote: Address::Inet(address(remote)),
            local: Address::Inet(address(local)),
            interface,
        })
    }

    fn at(peer: Peer) -> Self {
        Self {
            peer,
            for_many: false,
        }
    }

    /// The same, calling all of its network.
    fn calling_many(self) -> Self {
        Self {
            for_many: true,
            ..self
        }
    }

    fn tcp() -> Self {
        Self::inet(Netid::Tcp, "127.0.0.1:5000", "127.0.0.1:111", None)
    }

    fn udp() -> Self {
        Self::inet(Netid::Udp, "127.0.0.1:5000", "127.0.0.1:111", Some(1))
    }

    fn stranger(netid: Netid) -> Self {
        let interface = (netid == Netid::Udp).then_some(2);
        Self::inet(netid, "203.0.113.5:700", "192.0.2.1:111", interface)
    }
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn rpcb(program: u32, version: u32, netid: &str, uaddr: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.u32(program);
    w.u32(version);
    for text in [netid, uaddr, "whoever"] {
        w.string(&text.into(), u32::MAX).unwrap();
    }
    w.into_bytes().to_vec()
}

fn yes() -> Answer {
    Answer::Success(words(&[1]))
}

fn no() -> Answer {
    Answer::Success(words(&[0]))
}

#[test]
fn every_version_answers_its_procedures_and_no_more() {
    let mut house = House::new();
    for caller in [Caller::unix(1000), Caller::tcp(), Caller::udp()] {
        for (version, last) in [(2, 5), (3, 8), (4, 12)] {
            let null = house.ask(&caller, version, 0, &[]);
            assert_eq!(null, Answer::Success(vec![]));
            for beyond in [last + 1, last + 2, u32::MAX] {
                let answer = house.ask(&caller, version, beyond, &[]);
                assert_eq!(answer, Answer::Failed(PROC_UNAVAIL), "{version} {beyond}");
            }
            let cut = house.ask(&caller, version, SET, &words(&[400_000]));
            assert_eq!(cut, Answer::Failed(GARBAGE_ARGS));
        }
    }
}

#[test]
fn the_daemons_own_entries_are_listed_as_rpcbind_lists_them() {
    let mut house = House::new();
    let Answer::Success(list) = house.ask(&Caller::tcp(), 3, DUMP, &[]) else {
        panic!("no list");
    };
    let expected = [
        ("tcp6", &[4, 3][..], "::.0.111"),
        ("udp6", &[4, 3], "::.0.111"),
        ("tcp", &[4, 3, 2], "0.0.0.0.0.111"),
        ("udp", &[4, 3, 2], "0.0.0.0.0.111"),
        ("local", &[4, 3], "/run/rpcbind.sock"),
    ];
    let mut w = Writer::new();
    for (netid, versions, uaddr) in expected {
        for &version in versions {
            w.raw(&words(&[1, PROGRAM, version]));
            for text in [netid, uaddr, "superuser"] {
                w.string(&text.into(), u32::MAX).unwrap();
            }
        }
    }
    w.u32(0);
    assert_eq!(list, w.into_bytes());
    assert_eq!(
        house.ask(&Caller::tcp(), 4, DUMP, &[]),
        Answer::Success(list)
    );
    let mappings = [4, 3, 2].map(|version| [1, PROGRAM, version, 6, 111]);
    let and_udp = [4, 3, 2].map(|version| [1, PROGRAM, version, 17, 111]);
    let expected = [mappings, and_udp].concat().concat();
    let expected = [words(&expected), words(&[0])].concat();
    let found = house.ask(&Caller::unix(7), 2, DUMP, &[]);
    assert_eq!(found, Answer::Success(expected));
}

#[test]
fn only_this_host_changes_the_registry() {
    let mut house = House::new();
    let far = Caller::stranger(Netid::Tcp);
    let other = Caller::inet(Netid::Tcp, "127.0.0.2:5000", "127.0.0.1:111", None);
    let forged = Caller::inet(Netid::Udp, "127.0.0.1:700", "192.0.2.1:111", Some(2));
    for caller in [&far, &other, &forged] {
        let refused = Answer::Denied(TOOWEAK);
        assert_eq!(house.set(caller, 1, "udp", "0.0.0.0.8.1"), refused);
        let unset = rpcb(PROGRAM, 2, "", "");
        assert_eq!(house.ask(caller, 3, UNSET, &unset), refused);
        let mapping = words(&[400_000, 1, 17, 2049]);
        assert_eq!(house.ask(caller, 2, SET, &mapping), refused);
        assert_eq!(house.ask(caller, 2, UNSET, &mapping), refused);
    }
    for caller in [Caller::unix(1000), Caller::tcp(), Caller::udp()] {
        assert_eq!(house.set(&caller, 1, "udp", "0.0.0.0.8.1"), yes());
    }
    let mut insecure = House::with(Policy {
        insecure: true,
        ..Policy::default()
    });
    assert_eq!(insecure.set(&far, 1, "udp", "0.0.0.0.8.1"), yes());
}

#[test]
fn who_set_it_may_unset_it() {
    let mut house = House::new();
    let (ann, bob) = (Caller::unix(1000), Caller::unix(1001));
    let unset = |netid| rpcb(400_000, 1, netid, "");
    assert_eq!(house.set(&ann, 1, "udp", "0.0.0.0.8.1"), yes());
    assert_eq!(house.set(&bob, 1, "udp", "0.0.0.0.8.1"), yes());
    assert_eq!(house.set(&bob, 1, "udp", "0.0.0.0.8.2"), no());
    assert_eq!(house.ask(&bob, 4, UNSET, &unset("udp")), no());
    assert_eq!(house.ask(&Caller::tcp(), 4, UNSET, &unset("udp")), no());
    assert_eq!(house.ask(&bob, 4, UNSET, &unset("tcp")), yes(), "not there");
    assert_eq!(house.ask(&ann, 4, UNSET, &unset("udp")), yes());
    assert_eq!(house.set(&bob, 1, "udp", "0.0.0.0.8.2"), yes());
    assert_eq!(house.ask(&Caller::unix(0), 4, UNSET, &unset("")), yes());
    assert_eq!(house.address(&ann, GETADDR, 1, ""), "");
}

#[test]
fn version_2_is_a_view_of_the_same_registry() {
    let mut house = House::new();
    let caller = Caller::unix(1000);
    let mapping = |protocol, port| words(&[400_000, 1, protocol, port]);
    assert_eq!(house.ask(&caller, 2, SET, &mapping(17, 70_000)), yes());
    assert_eq!(house.ask(&caller, 2, SET, &mapping(1, 2049)), no());
    assert_eq!(house.set(&caller, 1, "tcp", "0.0.0.0.8.1"), yes());
    assert_eq!(house.set(&caller, 1, "tcp6", "::.8.1"), yes());
    for (protocol, port) in [(17, 4464), (6, 2049), (1, 0)] {
        let answer = house.ask(&Caller::udp(), 2, GETPORT, &mapping(protocol, 0));
        assert_eq!(answer, Answer::Success(words(&[port])));
    }
    let told = house.address(&Caller::udp(), GETADDR, 1, "");
    assert_eq!(told, "127.0.0.1.17.112");
    // UNSET of version 2 takes both protocols, and leaves what it cannot see.
    assert_eq!(house.ask(&caller, 2, UNSET, &mapping(17, 0)), yes());
    assert_eq!(house.address(&Caller::udp(), GETADDR, 1, ""), "");
    let tcp6 = Caller::inet(Netid::Tcp6, "[::1]:5000", "[::1]:111", None);
    assert_eq!(house.address(&tcp6, GETADDR, 1, ""), "::1.8.1");
}

#[test]
fn addresses_are_of_the_transport_that_asks_and_fit_for_the_caller() {
    let mut house = House::new();
    let root = Caller::unix(0);
    for (version, netid, uaddr) in [
        (1, "tcp", "0.0.0.0.8.1"),
        (3, "tcp", "0.0.0.0.8.3"),
        (2, "tcp", "127.0.0.1.8.2"),
        (1, "local", "/run/x.sock"),
    ] {
        assert_eq!(house.set(&root, version, netid, uaddr), yes());
    }
    let far = Caller::stranger(Netid::Tcp);
    for (procedure, version, hint, told) in [
        (GETADDR, 1, "", "192.0.2.1.8.1"),
        (GETADDR, 1, "192.0.2.1.0.111", "192.0.2.1.8.1"),
        (GETADDR, 1, "junk", "0.0.0.0.8.1"),
        (GETADDR, 3, "", "192.0.2.1.8.3"),
        (GETADDR, 9, "", "127.0.0.1.8.2"),
        (GETVERSADDR, 9, "", ""),
        (GETVERSADDR, 1, "", "192.0.2.1.8.1"),
    ] {
        let answer = house.address(&far, procedure, version, hint);
        assert_eq!(answer, told, "{procedure} {version} {hint}");
    }
    assert_eq!(house.address(&root, GETADDR, 1, ""), "/run/x.sock");
    assert_eq!(house.address(&Caller::udp(), GETADDR, 1, ""), "");
}

#[test]
fn a_list_of_addresses_leaves_out_what_nobody_knows() {
    let mut house = House::new();
    let root = Caller::unix(0);
    for netid in ["bogus", "udp", "TCP", "tcp6", "local"] {
        house.set(&root, 1, netid, "0.0.0.0.8.1");
    }
    let mut expected = Writer::new();
    expected.u32(1);
    for text in ["192.0.2.1.8.1", "udp"] {
        expected.string(&text.into(), u32::MAX).unwrap();
    }
    expected.u32(1);
    for text in ["inet", "udp"] {
        expected.string(&text.into(), u32::MAX).unwrap();
    }
    expected.u32(0);
    let expected = Answer::Success(expected.into_bytes().to_vec());
    let asked = rpcb(400_000, 1, "", "");
    let far = Caller::stranger(Netid::Tcp);
    assert_eq!(house.ask(&far, 4, GETADDRLIST, &asked), expected);
    assert_eq!(house.ask(&root, 4, GETADDRLIST, &asked), no(), "empty");
}

#[test]
fn calls_for_others_are_refused_as_without_r() {
    let mut house = House::new();
    let target = |program, procedure| words(&[program, 2, procedure, 0]);
    let strange = Caller::stranger(Netid::Udp);
    for caller in [Caller::udp(), strange] {
        for (version, procedure) in [(2, CALLIT), (3, CALLIT), (4, CALLIT), (4, INDIRECT)] {
            let (registered, missing) = match procedure {
                INDIRECT => (Answer::Failed(SYSTEM_ERR), Answer::Failed(PROG_UNAVAIL)),
                _ => (Answer::Silence, Answer::Silence),
            };
            let mut ask = |args: &[u8]| house.ask(&caller, version, procedure, args);
            assert_eq!(ask(&target(PROGRAM, 0)), registered);
            assert_eq!(ask(&target(400_000, 0)), missing);
            assert_eq!(ask(&target(400_000, 7)), missing);
            assert_eq!(ask(&target(PROGRAM, SET)), Answer::Denied(TOOWEAK));
            assert_eq!(ask(&target(100_003, 1)), Answer::Denied(TOOWEAK));
        }
        assert_eq!(house.ask(&caller, 2, CALLIT, &[]), Answer::Silence);
        let cut = house.ask(&caller, 4, INDIRECT, &[]);
        assert_eq!(cut, Answer::Failed(GARBAGE_ARGS));
    }
    for caller in [Caller::tcp(), Caller::unix(0)] {
        for (version, procedure) in [(2, CALLIT), (3, CALLIT), (4, CALLIT), (4, INDIRECT)] {
            for args in [target(PROGRAM, 0), target(PROGRAM, SET), vec![]] {
                let answer = house.ask(&caller, version, procedure, &args);
                assert_eq!(answer, Answer::Silence, "streams are never answered");
            }
        }
    }
}

#[test]
fn what_was_sent_to_many_is_not_refused_aloud() {
    let mut house = House::new();
    let target = words(&[PROGRAM, 2, SET, 0]);
    for alone in [
        Caller::inet(Netid::Udp6, "[fe80::9]:700", "[fe80::1]:111", Some(2)),
        Caller::stranger(Netid::Udp),
    ] {
        let refused = house.ask(&alone, 3, CALLIT, &target);
        assert_eq!(refused, Answer::Denied(TOOWEAK));
        let missing = words(&[400_000, 2, 0, 0]);
        let failed = house.ask(&alone, 4, INDIRECT, &missing);
        assert_eq!(failed, Answer::Failed(PROG_UNAVAIL));
        let broadcast = alone.calling_many();
        assert_eq!(house.ask(&broadcast, 3, CALLIT, &target), Answer::Silence);
        for args in [&target, &missing, &vec![]] {
            assert_eq!(house.ask(&broadcast, 4, INDIRECT, args), Answer::Silence);
        }
    }
}

#[test]
fn strangers_get_no_long_answers_over_udp() {
    let mut house = House::new();
    let far = Caller::stranger(Netid::Udp);
    for (version, procedure) in [(2, DUMP), (3, DUMP), (4, DUMP), (4, GETSTAT)] {
        let refused = house.ask(&far, version, procedure, &[]);
        assert_eq!(refused, Answer::Failed(SYSTEM_ERR), "{version} {procedure}");
        for caller in [Caller::udp(), Caller::tcp(), Caller::stranger(Netid::Tcp)] {
            let answer = house.ask(&caller, version, procedure, &[]);
            assert!(matches!(answer, Answer::Success(_)));
        }
    }
    house.set(&Caller::unix(0), 1, "udp", "0.0.0.0.8.1");
    assert_eq!(house.address(&far, GETADDR, 1, ""), "192.0.2.1.8.1");
    let port = house.ask(&far, 2, GETPORT, &words(&[400_000, 1, 17, 0]));
    assert_eq!(port, Answer::Success(words(&[2049])));
}

#[test]
fn a_stranger_gets_so_many_times_what_it_sent_and_so_many_bytes_and_no_more() {
    // An answer with an address has 28 bytes and the address; the question has 40, and what GETADDR is asked with.
    let asked = rpcb(400_000, 1, "", "");
    let three_times = 3 * (40 + asked.len()) - 28;
    for (factor, bytes, most) in [(3, 512, three_times), (100, 28 + 100, 100)] {
        let mut house = House::with(Policy {
            to_strangers: ReplyBound { factor, bytes },
            ..Policy::default()
        });
        let far = Caller::stranger(Netid::Udp);
        for (netid, len) in [("udp", most), ("udp6", most + 4)] {
            house.set(&Caller::unix(0), 1, netid, &"x".repeat(len));
        }
        let Answer::Success(address) = house.ask(&far, 4, GETADDR, &asked) else {
            panic!("{factor} {bytes}");
        };
        assert_eq!(address.len(), 4 + most);
        let far = Caller {
            peer: Peer {
                netid: Netid::Udp6,
                ..far.peer
            },
            ..far
        };
        let too_long = house.ask(&far, 4, GETADDR, &asked);
        assert_eq!(too_long, Answer::Failed(SYSTEM_ERR), "{factor} {bytes}");
    }
}

#[test]
fn calls_are_counted_answered_or_not() {
    let mut house = House::new();
    let udp = Caller::udp();
    house.ask(&udp, 2, 0, &[]);
    house.ask(&udp, 2, 6, &[]);
    house.ask(&udp, 2, GETPORT, &words(&[5, 2, 17, 0]));
    house.ask(&udp, 2, GETPORT, &[]);
    house.ask(&udp, 3, CALLIT, &words(&[99, 1, 5, 0]));
    house.set(&Caller::unix(0), 1, "udp", "0.0.0.0.8.1");
    house.set(&Caller::unix(0), 1, "udp", "0.0.0.0.8.2");
    let stat = house.ask(&udp, 4, GETSTAT, &[]);
    let udp = u32::from_be_bytes(*b"udp\0");
    #[rustfmt::skip]
    let expected = [
        &[1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0,  0, 0][..],
        &[1, 5, 2, 0, 1, 3, udp, 0],
        &[0],
        &[0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,  0, 0],
        &[0],
        &[1, 99, 1, 5, 0, 1, 1, 3, udp, 0],
        &[0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,  1, 0],
        &[0],
        &[0],
    ].concat();
    assert_eq!(stat, Answer::Success(words(&expected)));
}
