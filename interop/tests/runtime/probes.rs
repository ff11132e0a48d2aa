//! What a server answers to messages that are right, odd or wrong: libtirpc's where connections block, which is how it
//! comes, libtirpc's where they do not (`RPC_SVC_CONNMAXREC_SET`, as rpcbind has it), and ours.

use std::fmt::Write as _;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};

use oncrpc_interop::{
    Answer, Daemon, Host, Message, PROBE, PROBE_PORT, Reply, Which, needs_root, probe, words,
};

use crate::differences::{
    AUTH_DES, Difference, FRAGMENTS, LONG_CREDENTIAL, RPC_MISMATCH, RPCSEC_GSS, SHORT_DATAGRAM,
    STRAY_REPLY, VERIFIER_ECHO,
};
use crate::whose::{Servers, Whose};

/// What is sent, and what each server answers.
struct Probe {
    what: &'static str,
    sent: Vec<Vec<u8>>,
    blocking: Answer,
    nonblocking: Answer,
    ours: Answer,
    /// Why ours answers otherwise than one of theirs.
    difference: Option<Difference>,
}

impl Probe {
    fn new(what: &'static str, sent: Vec<Vec<u8>>, answer: Answer) -> Self {
        Self {
            what,
            sent,
            blocking: answer.clone(),
            nonblocking: answer.clone(),
            ours: answer,
            difference: None,
        }
    }

    /// Where connections do not block theirs answers this.
    fn nonblocking(self, answer: Answer) -> Self {
        Self {
            nonblocking: answer,
            ..self
        }
    }

    /// Ours answers this.
    fn ours(self, difference: Difference, answer: Answer) -> Self {
        Self {
            ours: answer,
            difference: Some(difference),
            ..self
        }
    }

    /// What is wrong with this row of the table itself.
    fn fault(&self) -> Option<&'static str> {
        let differs = self.ours != self.blocking || self.ours != self.nonblocking;
        match (differs, self.difference) {
            (true, None) => Some("ours differs without a name for it"),
            (false, Some(_)) => Some("ours is said to differ, and does not"),
            _ => None,
        }
    }
}

/// A message that goes as one record or datagram, and is answered by this.
fn answered(what: &'static str, message: &Message, reply: Vec<u8>) -> Probe {
    Probe::new(what, vec![message.record()], Answer::reply(reply))
}

/// One that ends the connection.
fn refused(what: &'static str, message: &Message) -> Probe {
    Probe::new(what, vec![message.record()], Answer::closed())
}

/// ECHO of four bytes, and the reply to it.
fn echo() -> Message {
    probe(1).opaque(b"echo")
}

fn echoed() -> Answer {
    Answer::reply([Reply::success(&[4]), b"echo".to_vec()].concat())
}

/// The same behind a verifier.
fn echoed_verifier() -> Answer {
    let header = words(&[7, 1, 0, 0, 4, 0xabcd, 0, 4]);
    Answer::reply([header, b"echo".to_vec()].concat())
}

/// The body of an AUTH_SYS credential whose machine has a name of so many bytes.
fn named(length: usize) -> Vec<u8> {
    let name = [
        vec![b'a'; length],
        vec![0; length.next_multiple_of(4) - length],
    ]
    .concat();
    [words(&[0, length as u32]), name, words(&[0, 0, 0])].concat()
}

fn mismatch() -> Vec<u8> {
    words(&[7, 1, 0, 0, 0, 2, 2, 4])
}

/// The messages that are the same on every stream.
fn over_streams() -> Vec<Probe> {
    let reply = Answer::reply;
    let fragments = |lengths: &[usize]| vec![echo().fragments(lengths).record()];
    let whole = echo().bytes().len();
    let pipelined = (100..120).map(|xid| probe(0).xid(xid).record());
    let in_their_order = Answer {
        replies: (100..120).map(|xid| words(&[xid, 1, 0, 0, 0, 0])).collect(),
        closed: false,
    };
    vec![
        // The ladder.
        answered("NULL", &probe(0), Reply::success(&[])),
        refused("RPC version 3", &probe(0).rpc_version(3))
            .ours(RPC_MISMATCH, reply(Reply::rpc_mismatch())),
        answered(
            "a program that is not there",
            &probe(0).program(PROBE + 1),
            Reply::accepted(1),
        ),
        answered("version 3 of 2 and 4", &probe(0).version(3), mismatch()),
        answered("procedure 77", &probe(77), Reply::accepted(3)),
        answered(
            "a wrong credential for a program that is not there",
            &probe(0).program(1).credential(99, vec![]),
            Reply::auth_error(2),
        ),
        answered(
            "arguments that are cut short",
            &echo().cut(whole - 4),
            Reply::accepted(4),
        ),
        Probe::new(
            "arguments with more behind them",
            vec![echo().u32s(&[1, 2]).record()],
            echoed(),
        ),
        // Credentials.
        answered(
            "flavor 99",
            &probe(0).credential(99, vec![]),
            Reply::auth_error(2),
        ),
        answered(
            "AUTH_TLS",
            &probe(0).credential(7, vec![]),
            Reply::auth_error(2),
        ),
        answered(
            "AUTH_SHORT",
            &probe(0).credential(2, vec![1; 8]),
            Reply::auth_error(2),
        ),
        answered(
            "AUTH_DES",
            &probe(0).credential(3, vec![1; 8]),
            Reply::auth_error(7),
        )
        .ours(AUTH_DES, reply(Reply::auth_error(2))),
        answered(
            "RPCSEC_GSS that is malformed",
            &probe(0).credential(6, vec![1; 8]),
            Reply::auth_error(1),
        )
        .ours(RPCSEC_GSS, reply(Reply::auth_error(2))),
        answered(
            "AUTH_NONE with 400 bytes",
            &probe(0).credential(0, vec![1; 400]),
            Reply::success(&[]),
        ),
        refused(
            "AUTH_NONE with 404 bytes",
            &probe(0).credential(0, vec![1; 404]),
        )
        .ours(LONG_CREDENTIAL, reply(Reply::auth_error(1))),
        refused(
            "a verifier of 404 bytes",
            &probe(0).verifier(0, vec![1; 404]),
        )
        .ours(LONG_CREDENTIAL, reply(Reply::auth_error(3))),
        answered(
            "AUTH_SYS with 16 groups",
            &probe(0).auth_sys(1000, &[5; 16]),
            Reply::success(&[]),
        ),
        answered(
            "AUTH_SYS with 17 groups",
            &probe(0).auth_sys(1000, &[5; 17]),
            Reply::auth_error(1),
        ),
        answered(
            "AUTH_SYS with a name of 255 bytes",
            &probe(0).credential(1, named(255)),
            Reply::success(&[]),
        ),
        answered(
            "AUTH_SYS with a name of 256 bytes",
            &probe(0).credential(1, named(256)),
            Reply::auth_error(1),
        ),
        answered(
            "AUTH_SYS with more behind the groups",
            &probe(0).credential(1, [named(4), vec![1; 8]].concat()),
            Reply::success(&[]),
        ),
        answered(
            "AUTH_SYS with nothing in it",
            &probe(0).credential(1, vec![]),
            Reply::auth_error(1),
        ),
        Probe::new(
            "AUTH_SYS and a verifier with four bytes in it",
            vec![
                echo()
                    .auth_sys(0, &[])
                    .verifier(0, words(&[0xabcd]))
                    .record(),
            ],
            echoed_verifier(),
        )
        .ours(VERIFIER_ECHO, echoed()),
        Probe::new(
            "AUTH_NONE and a verifier with four bytes in it",
            vec![echo().verifier(0, words(&[0xabcd])).record()],
            echoed(),
        ),
        // Records.
        Probe::new("three fragments", fragments(&[20, 12]), echoed())
            .nonblocking(Answer::closed())
            .ours(FRAGMENTS, echoed()),
        Probe::new(
            "an empty fragment amidst",
            fragments(&[20, 0]),
            Answer::closed(),
        )
        .ours(FRAGMENTS, echoed()),
        Probe::new(
            "an empty fragment before",
            fragments(&[0]),
            Answer::closed(),
        )
        .ours(FRAGMENTS, echoed()),
        Probe::new(
            "an empty fragment at the end",
            fragments(&[whole, 0]),
            echoed(),
        )
        .nonblocking(Answer {
            closed: true,
            ..echoed()
        })
        .ours(FRAGMENTS, echoed()),
        Probe::new(
            "an empty record",
            vec![vec![0x80, 0, 0, 0]],
            Answer::closed(),
        ),
        Probe::new("twenty calls at once", pipelined.collect(), in_their_order),
        // What is no call.
        refused("a reply", &probe(0).message_type(1)).ours(STRAY_REPLY, Answer::silence()),
        refused("message type 5", &probe(0).message_type(5)),
        refused("a header that is cut short", &probe(0).cut(30)),
    ]
}

/// The same as datagrams, where libtirpc knows one way only.
fn over_datagrams() -> Vec<Probe> {
    let silence =
        |what, message: &Message| Probe::new(what, vec![message.bytes()], Answer::silence());
    let answered = |what, message: &Message, reply| {
        Probe::new(what, vec![message.bytes()], Answer::reply(reply))
    };
    vec![
        silence("twelve bytes", &probe(0).cut(12)),
        silence("RPC version 3", &probe(0).rpc_version(3))
            .ours(RPC_MISMATCH, Answer::reply(Reply::rpc_mismatch())),
        silence(
            "a credential of 404 bytes",
            &probe(0).credential(0, vec![1; 404]),
        )
        .ours(LONG_CREDENTIAL, Answer::reply(Reply::auth_error(1))),
        silence("a reply", &probe(0).message_type(1)),
        silence("message type 5", &probe(0).message_type(5)),
        answered("NULL", &probe(0), Reply::success(&[])),
        answered(
            "a program that is not there",
            &probe(0).program(PROBE + 1),
            Reply::accepted(1),
        ),
        answered("version 3 of 2 and 4", &probe(0).version(3), mismatch()),
        answered("procedure 77", &probe(77), Reply::accepted(3)),
        answered(
            "flavor 99",
            &probe(0).credential(99, vec![]),
            Reply::auth_error(2),
        ),
        answered(
            "AUTH_DES",
            &probe(0).credential(3, vec![]),
            Reply::auth_error(7),
        )
        .ours(AUTH_DES, Answer::reply(Reply::auth_error(2))),
        Probe::new(
            "a call, and another whose header is cut short",
            vec![probe(0).bytes(), probe(0).cut(36).bytes()],
            Answer {
                replies: vec![Reply::success(&[]); 2],
                closed: false,
            },
        )
        .ours(SHORT_DATAGRAM, Answer::reply(Reply::success(&[]))),
    ]
}

/// The differences that the tables show.
pub fn differences() -> Vec<Difference> {
    let probes = over_streams().into_iter().chain(over_datagrams());
    probes.filter_map(|probe| probe.difference).collect()
}

/// Asks each of the servers, and compares.
fn compare(servers: &Servers, probes: &[Probe], ask: impl Fn(&Host, &[Vec<u8>]) -> Answer) {
    let mut wrong = String::new();
    for probe in probes {
        if let Some(fault) = probe.fault() {
            let _ = writeln!(wrong, "{}: {fault}", probe.what);
        }
        servers.each(|whose, host| {
            let expected = match whose {
                Whose::Blocking => &probe.blocking,
                Whose::Nonblocking => &probe.nonblocking,
                Whose::Ours => &probe.ours,
            };
            let seen = ask(host, &probe.sent);
            if seen != *expected {
                let _ = writeln!(
                    wrong,
                    "{} ({whose:?}):\n  expected {expected:?}\n  seen     {seen:?}",
                    probe.what
                );
            }
        });
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn streams_are_answered_as_the_table_says() {
    needs_root!();
    let netids = ["tcp", "local"];
    let servers = Servers::start(&netids);
    for netid in netids {
        println!("over {netid}");
        compare(&servers, &over_streams(), |host, records| {
            host.probe_bytes(netid, &records.concat())
        });
    }
}

#[test]
fn datagrams_are_answered_as_the_table_says() {
    needs_root!();
    let servers = Servers::start(&["udp"]);
    compare(&servers, &over_datagrams(), Host::probe_datagrams);
}

#[test]
fn a_reply_leaves_from_the_address_that_was_asked() {
    needs_root!();
    Servers::start(&["udp", "udp6"]).each(|whose, host| {
        // The kernel makes the route to a new address in its own time.
        let link_local = "ip address add fe80::1/64 dev v0 nodad\n\
            until ip -6 route show table local | grep -q '^local fe80::1 '; do :; done\n\
            ip -oneline link show v0";
        let interface = host.run(link_local).success();
        let number = interface.split(':').next().unwrap_or_default();
        let scope = number.parse().expect("an interface has a number");
        let own = Host::ADDRESSES
            .iter()
            .chain(&["127.0.0.1", "127.0.0.9", "::1"]);
        let own = own.map(|address| address.parse().expect("an address"));
        let own = own.map(|address| SocketAddr::new(address, PROBE_PORT));
        let link_local = SocketAddrV6::new(
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
            PROBE_PORT,
            0,
            scope,
        );
        for at in own.chain([SocketAddr::from(link_local)]) {
            // It is connected, and so hears nothing from any other address.
            let answer = host.probe_datagrams_at(at, &[probe(0).bytes()]);
            assert_eq!(
                answer,
                Answer::reply(Reply::success(&[])),
                "{whose:?} at {at}"
            );
        }
    });
}

/// ADD 1 three times in the same words, and what is answered.
fn three_times(host: &Host) -> Vec<Vec<u8>> {
    let call = probe(2).u32(1).bytes();
    host.probe_datagrams(&vec![call; 3]).replies
}

#[test]
fn a_call_that_comes_again_is_executed_again_unless_answers_are_kept() {
    needs_root!();
    let sums = |sums: [u32; 3]| sums.map(|sum| Reply::success(&[sum])).to_vec();
    let servers = Servers::start(&["udp"]);
    servers.each(|whose, host| {
        assert_eq!(three_times(host), sums([1, 2, 3]), "{whose:?}");
    });
    let keep: [fn(&Host) -> Daemon; 2] = [
        |host| host.c_probe_server(&["-c", "32"], &["udp"]),
        |host| host.our_probe_server(&["-c"], &["udp"]),
    ];
    for keep in keep {
        let host = Host::new();
        let _rpcbind = host.rpcbind(Which::Theirs, &[]);
        let _server = keep(&host);
        assert_eq!(three_times(&host), sums([1, 1, 1]));
    }
}
