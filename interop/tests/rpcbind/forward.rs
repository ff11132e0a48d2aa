//! Calls for others, with `-r`: single ones are answered as theirs answers them, and broadcasts find services.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use oncrpc_interop::{
    Answer, Caller, Daemon, Host, Message, PMAPPROG, Ready, Reply, Transport, Which, call,
    needs_root,
};

const HELLO: u32 = 536_874_512;

/// The port of every hello server.
const PORT: u16 = 2900;

const NETIDS: [&str; 4] = ["udp", "tcp", "udp6", "tcp6"];

// Procedures of hello.x.
const NULL: u32 = 0;
const ADD: u32 = 2;

/// CALLIT of versions 2 and 3, BCAST and INDIRECT.
const WAYS: [(u32, u32); 4] = [(2, 5), (3, 5), (4, 5), (4, 10)];

/// A socket of this host that takes replies from anywhere: theirs answers from another port than it was asked at.
fn socket(host: &Host, local: &str) -> UdpSocket {
    let socket = host.in_network(|| UdpSocket::bind(local));
    let socket = socket.expect("the port is free");
    socket.set_broadcast(true).expect("it is a UDP socket");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("it is a UDP socket");
    socket
}

/// A call of a procedure by rpcbind.
fn through((version, procedure): (u32, u32), target: [u32; 3], args: &[u8]) -> Message {
    call(version, procedure).u32s(&target).opaque(args)
}

/// What follows every other call: its answer shows that the other has got all that it will get.
fn last_word() -> Message {
    through((4, 10), [HELLO, 1, NULL], &[]).xid(0x7fff_fffe)
}

/// What a call to this address brings, and where from; nothing if only the calls behind it are answered.
fn heard(socket: &UdpSocket, to: SocketAddr, message: &Message) -> Vec<(Vec<u8>, SocketAddr)> {
    let mut heard = Vec::new();
    socket.send_to(&message.bytes(), to).expect("it fits");
    // One after the other, since those that are called for together may be answered in any order.
    for last in [last_word(), last_word().xid(0x7fff_fffd)] {
        socket.send_to(&last.bytes(), to).expect("it fits");
        loop {
            let (reply, from) = receive(socket);
            if last.is_answered_by(&reply) {
                break;
            }
            heard.push((reply, from));
        }
    }
    heard
}

/// Procedures that may be asked for, and what becomes of it.
fn targets() -> Vec<([u32; 3], Vec<u8>)> {
    let numbers = [40_u32, 2].map(u32::to_be_bytes).concat();
    let none = Vec::new();
    vec![
        ([HELLO, 1, NULL], none.clone()),
        ([HELLO, 1, ADD], numbers),
        // Refused by the service.
        ([HELLO, 1, 99], none.clone()),
        // Refused by rpcbind: the version, the program.
        ([HELLO, 2, NULL], none.clone()),
        ([HELLO + 1, 1, NULL], none.clone()),
        ([PMAPPROG, 9, NULL], none.clone()),
        // Not called for others.
        ([PMAPPROG, 2, 1], none.clone()),
        ([PMAPPROG, 4, 4], none.clone()),
        ([100_003, 3, 1], none.clone()),
        ([100_005, 3, 1], none.clone()),
        ([100_004, 2, 3], none),
    ]
}

#[test]
fn single_calls_are_answered_alike() {
    needs_root!();
    for (local, to) in [("0.0.0.0:0", "127.0.0.1:111"), ("[::]:0", "[::1]:111")] {
        let ask = |which| {
            let host = Host::new();
            let _rpcbind = host.rpcbind(which, &["-r"]);
            let _server = host.c_hello_server(PORT, &NETIDS);
            let socket = socket(&host, local);
            let to = to.parse().expect("an address");
            let mut said = Vec::new();
            for way in WAYS {
                for (target, args) in targets() {
                    let message = through(way, target, &args);
                    for message in [message.clone(), message.auth_sys(1000, &[24])] {
                        let what = format!("{way:?} of {target:?} to {to}");
                        let heard = heard(&socket, to, &message);
                        // Theirs answers from another port.
                        let replies: Vec<_> = heard.into_iter().map(|(reply, _)| reply).collect();
                        said.push((what, replies));
                    }
                }
            }
            said
        };
        let [theirs, ours] = Which::BOTH.map(ask);
        for (theirs, ours) in theirs.iter().zip(&ours) {
            assert_eq!(theirs, ours);
        }
    }
}

/// Theirs calls itself for it, and so answers late.
#[test]
fn rpcbind_itself_is_found() {
    needs_root!();
    let ask = |which| {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &["-r"]);
        let socket = socket(&host, "0.0.0.0:0");
        let mut said = Vec::new();
        for way in WAYS {
            for version in [2, 3, 4] {
                let message = through(way, [PMAPPROG, version, NULL], &[]);
                let to = "127.0.0.1:111";
                socket.send_to(&message.bytes(), to).expect("it fits");
                said.push(receive(&socket).0);
            }
        }
        said
    };
    let [theirs, ours] = Which::BOTH.map(ask);
    assert_eq!(theirs, ours);
}

/// Two hosts with two cables between them; on the second, rpcbind and our hello server.
struct Hosts {
    // Before the hosts that they run on.
    _daemons: [Daemon; 2],
    here: Host,
    there: Host,
}

impl Hosts {
    fn new(rpcbind: Which) -> Self {
        let [here, there] = [Host::new(), Host::new()];
        for cable in [1, 2] {
            here.cable(cable, &there);
            // C programs broadcast where they have been told the address for it.
            let address = format!("{}/24", Host::cable_end(cable, 1));
            let device = format!("dev c{cable}");
            let again = format!(
                "ip address del {address} {device} && ip address add {address} brd + {device}"
            );
            here.run(&again).success();
        }
        let daemons = [
            there.rpcbind(rpcbind, &["-r"]),
            there.our_hello_server(PORT, &NETIDS),
        ];
        let hosts = Self {
            _daemons: daemons,
            here,
            there,
        };
        if rpcbind == Which::Ours {
            hosts.wait_for_ipv6();
        }
        hosts
    }

    /// Asks until there is an answer: what is sent over a new cable gets lost until the kernel has its routes.
    fn wait_for_ipv6(&self) {
        for cable in [1, 2] {
            let socket = socket(&self.here, "[::]:0");
            let again = Some(Duration::from_millis(50));
            socket.set_read_timeout(again).expect("it is a UDP socket");
            let group = format!("[ff02::202%{}]:111", self.scope(cable));
            let asks = (0..600).map(|_| {
                socket
                    .send_to(&call(4, 0).bytes(), &group)
                    .expect("it fits");
                socket.recv(&mut [0; 100])
            });
            assert!(asks.flatten().next().is_some(), "{group} is not reached");
        }
    }

    /// The first line that a C program of this host prints, which then ends.
    fn first_line(&self, program: &[&str]) -> String {
        let mut command = self.here.command(0, "stdbuf");
        command.arg("-oL").args(program);
        let said = self.here.start(command, Ready::Line).terminate();
        said.stdout.lines().next().unwrap_or_default().to_owned()
    }

    /// The number of a cable's interface on this host.
    fn scope(&self, cable: u8) -> u32 {
        let link = self.here.run(&format!("ip -o link show c{cable}"));
        let link = link.success();
        let index = link.split(':').next().unwrap_or_default();
        index.parse().expect("a number")
    }
}

/// It broadcasts by libtirpc's rpc_broadcast. Of 2900, 11 is the high byte and 84 the low one.
#[test]
fn rpcinfo_finds_a_service() {
    needs_root!();
    for which in Which::BOTH {
        let hosts = Hosts::new(which);
        if which == Which::Theirs {
            let join = "ip address add ff02::202/128 dev c1 autojoin";
            hosts.there.run(join).success();
        }
        let found = hosts.first_line(&["rpcinfo", "-b", "-T", "udp", "536874512", "1"]);
        assert!(found.contains(".11.84\t"), "{which:?}: {found}");
        let found = hosts.first_line(&["rpcinfo", "-b", "-T", "udp6", "536874512", "1"]);
        assert!(found.contains(".11.84\t"), "{which:?}: {found}");
    }
}

#[test]
fn a_c_program_has_a_procedure_called_on_every_host() {
    needs_root!();
    let hosts = Hosts::new(Which::Ours);
    let _probe = hosts.there.our_probe_server(&[], &["udp"]);
    let client = hosts.here.c_probe_client(false);
    let said = hosts.here.run(&format!("{client} broadcast")).success();
    assert_eq!(said, "1\n");
}

/// A connected socket hears replies from the address alone that it asked, whichever cable is the way back.
#[test]
fn the_reply_comes_from_the_address_and_the_port_that_were_asked() {
    needs_root!();
    let hosts = Hosts::new(Which::Ours);
    let scope = hosts.scope(2);
    for (from, to) in [
        ("198.18.1.1:0", "198.18.1.2:111".to_owned()),
        ("198.18.1.1:0", "198.18.2.2:111".to_owned()),
        ("[::]:0", format!("[fe80::2%{scope}]:111")),
    ] {
        let socket = socket(&hosts.here, from);
        hosts
            .here
            .in_network(|| socket.connect(&to))
            .expect("a route");
        for way in [(3, 5), (4, 10)] {
            let hello = through(way, [HELLO, 1, NULL], &[]);
            socket.send(&hello.bytes()).expect("it fits");
            assert!(hello.is_answered_by(&receive(&socket).0), "{to}");
        }
    }
    // A broadcast and the group have no address of their own to answer from.
    for (from, to, replies_from) in [
        (
            "0.0.0.0:0",
            "198.18.2.255:111".to_owned(),
            "198.18.2.2:111".to_owned(),
        ),
        (
            "[::]:0",
            format!("[ff02::202%{scope}]:111"),
            format!("[fe80::2%{scope}]:111"),
        ),
    ] {
        let socket = socket(&hosts.here, from);
        let hello = through((3, 5), [HELLO, 1, NULL], &[]);
        socket.send_to(&hello.bytes(), &to).expect("it fits");
        let replies_from: SocketAddr = replies_from.parse().expect("an address");
        assert_eq!(receive(&socket).1, replies_from);
    }
}

/// To us alone a refusal is an answer.
#[test]
fn a_broadcast_that_fails_is_met_with_silence() {
    needs_root!();
    let hosts = Hosts::new(Which::Ours);
    let scope = hosts.scope(1);
    for (from, everybody, us) in [
        (
            "0.0.0.0:0",
            "198.18.1.255:111".to_owned(),
            "198.18.1.2:111".to_owned(),
        ),
        (
            "[::]:0",
            format!("[ff02::202%{scope}]:111"),
            format!("[fe80::2%{scope}]:111"),
        ),
    ] {
        let socket = socket(&hosts.here, from);
        let [everybody, us] = [everybody, us].map(|to| to.parse().expect("an address"));
        let refused = through((3, 5), [PMAPPROG, 2, 1], &[]);
        let missing = through((3, 5), [HELLO + 1, 1, NULL], &[]);
        let failing = through((3, 5), [HELLO, 1, 99], &[]);
        for message in [&refused, &missing, &failing] {
            assert_eq!(heard(&socket, everybody, message), []);
        }
        let denied = (Reply::auth_error(5), us);
        assert_eq!(heard(&socket, us, &refused), [denied]);
    }
}

/// Beyond our networks no broadcast comes from, and nobody needs us to be called through.
#[test]
fn for_hosts_beyond_our_networks_nothing_is_called() {
    needs_root!();
    let host = Host::new();
    let _rpcbind = host.rpcbind(Which::Ours, &["-r"]);
    let _server = host.our_hello_server(PORT, &NETIDS);
    for way in WAYS {
        for transport in Transport::DATAGRAM {
            let message = through(way, [HELLO, 1, NULL], &[]);
            let answer = host.ask(Caller::Remote, transport, &message);
            assert_eq!(answer, Answer::reply(Reply::auth_error(5)));
        }
    }
}

/// Whoever asks more often than ten times in a second, after the first twenty, is not answered; others are.
#[test]
fn one_host_gets_its_rate_and_the_others_get_theirs() {
    needs_root!();
    let hosts = Hosts::new(Which::Ours);
    let greedy = socket(&hosts.here, "198.18.1.1:0");
    let to = "198.18.1.2:111".parse().expect("an address");
    let begun = Instant::now();
    for xid in 100..200 {
        let hello = through((4, 10), [HELLO, 1, NULL], &[]).xid(xid);
        greedy.send_to(&hello.bytes(), to).expect("it fits");
    }
    let modest = socket(&hosts.here, "198.18.2.1:0");
    let hello = through((3, 5), [HELLO, 1, NULL], &[]);
    assert_eq!(heard(&modest, to, &hello).len(), 1);
    greedy.set_nonblocking(true).expect("it is a UDP socket");
    let answered = std::iter::from_fn(|| greedy.recv(&mut [0; 100]).ok()).count();
    let allowed = 20 + 10 * (1 + begun.elapsed().as_secs() as usize);
    assert!((20..=allowed).contains(&answered), "{answered}");
}

/// However many ask for one that does not answer, others are answered, and descriptors stay free.
#[test]
fn a_flood_of_calls_holds_its_places_and_no_more() {
    needs_root!();
    const PLACES: usize = 64;
    let host = Host::new();
    let rpcbind = host.rpcbind(Which::Ours, &["-r"]);
    let _server = host.our_hello_server(PORT, &NETIDS);
    let descriptors = || {
        let descriptors = std::fs::read_dir(format!("/proc/{}/fd", rpcbind.id()));
        descriptors.expect("it runs").count()
    };
    let before = descriptors();
    let _silent = socket(&host, "0.0.0.0:2901");
    let set = call(4, 1).rpcb(HELLO, 7, "udp", "0.0.0.0.11.85", "");
    host.ask(Caller::Root, Transport::Local, &set);
    let socket = socket(&host, "127.0.0.1:0");
    let to = SocketAddr::from(([127, 0, 0, 1], 111));
    let hello = through((2, 5), [HELLO, 1, NULL], &[]);
    for xid in 100..300 {
        let message = through((3, 5), [HELLO, 7, NULL], &[]).xid(xid);
        socket.send_to(&message.bytes(), to).expect("it fits");
        // Others are called meanwhile, each in a place that the oldest has given up.
        if xid % 10 == 0 {
            assert_eq!(heard(&socket, to, &hello).len(), 1);
            let held = descriptors() - before;
            assert!(held <= PLACES, "{held} descriptors");
        }
    }
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = [0; 65_536];
    let (len, from) = socket.recv_from(&mut buffer).expect("an answer");
    (buffer[..len].to_vec(), from)
}

/// How long to wait for an answer that is certain to come: only what hangs ever meets it.
const PATIENCE: Duration = Duration::from_secs(30);
