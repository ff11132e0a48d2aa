//! Broadcasts: hosts with Debian's rpcbind and ours, servers by libtirpc and by us, and who hears whom.

use std::net::UdpSocket;
use std::thread;

use oncrpc_interop::{Daemon, Host, Ready, Which, needs_root};

/// The port of every hello server.
const PORT: u16 = 2900;

const NETIDS: [&str; 4] = ["udp", "tcp", "udp6", "tcp6"];

/// A host with cables to two others, on which rpcbind and the hello program run: of libtirpc on the first, ours
/// on the second.
struct Network {
    // Before the hosts that they run on.
    _daemons: [Daemon; 4],
    here: Host,
    others: [Host; 2],
}

impl Network {
    fn new(rpcbind: Which, flags: &[&str]) -> Self {
        let here = Host::new();
        let others = [Host::new(), Host::new()];
        for (other, number) in others.iter().zip(1..) {
            here.cable(number, other);
        }
        let [first, second] = &others;
        let daemons = [
            first.rpcbind(rpcbind, flags),
            first.c_hello_server(PORT, &NETIDS),
            second.rpcbind(rpcbind, flags),
            second.our_hello_server(PORT, &NETIDS),
        ];
        Self {
            _daemons: daemons,
            here,
            others,
        }
    }

    /// What a question is answered over IPv4, in order: a line of two addresses each.
    fn both(line: impl Fn(&str) -> String) -> Vec<String> {
        [1, 2]
            .map(|number| line(&Host::cable_end(number, 2)))
            .to_vec()
    }
}

/// What our program hears, in order; it is content with so many answers.
fn heard(host: &Host, answers: usize, question: &str) -> Vec<String> {
    let arguments = format!("--seconds 50 --answers {answers} {question}");
    let said = host.our_hello_everybody(&arguments).success();
    let mut lines: Vec<_> = said.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// What it hears over IPv4 of so many answers: where our rpcbinds have joined the group of IPv6, hosts are heard over
/// both.
fn heard_over_ipv4(host: &Host, answers: usize, question: &str) -> Vec<String> {
    let mut lines = heard(host, answers, question);
    lines.retain(|line| !line.starts_with('['));
    lines
}

#[test]
fn a_program_is_found_on_every_host_that_has_it() {
    needs_root!();
    for which in Which::BOTH {
        let network = Network::new(which, &[]);
        // Of this host, which does not have it, nothing is heard.
        let _rpcbind = network.here.rpcbind(which, &[]);
        for netid in ["udp", "tcp"] {
            let found = heard(&network.here, 2, &format!("find {netid} world"));
            let expected = Network::both(|ip| format!("{netid} {ip}:{PORT}: Hello, world"));
            assert_eq!(found, expected, "{which:?}");
        }
    }
}

#[test]
fn a_port_is_heard_on_every_host() {
    needs_root!();
    let network = Network::new(Which::Ours, &[]);
    // What libtirpc answers to a group does not get out.
    let greeted = heard_over_ipv4(&network.here, 3, &format!("direct {PORT} world"));
    let expected = Network::both(|ip| format!("{ip}:{PORT}: Hello, world"));
    assert_eq!(greeted, expected);
}

/// Each rpcbind answers twice, in versions 2 and 3, and is one host all the same.
#[test]
fn an_rpcbind_that_calls_for_others_is_heard_once() {
    needs_root!();
    for which in Which::BOTH {
        let network = Network::new(which, &["-r"]);
        let answers = match which {
            Which::Theirs => 2,
            Which::Ours => 4,
        };
        let greeted = heard_over_ipv4(&network.here, answers, "callit world");
        let expected = Network::both(|ip| format!("{ip}:{PORT}: Hello, world"));
        assert_eq!(greeted, expected, "{which:?}");
    }
}

#[test]
fn this_host_is_found_by_each_of_its_addresses() {
    needs_root!();
    for which in Which::BOTH {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &[]);
        let _server = host.c_hello_server(PORT, &NETIDS);
        let addresses = ["127.0.0.1", "192.0.2.1", "198.51.100.1"];
        let expected = addresses.map(|ip| format!("tcp {ip}:{PORT}: Hello, world"));
        assert_eq!(heard(&host, 3, "find tcp world"), expected, "{which:?}");
        let loopback = [format!("tcp6 [::1]:{PORT}: Hello, world")];
        assert_eq!(heard(&host, 1, "find tcp6 world"), loopback, "{which:?}");
    }
}

/// As it is with link-local addresses: the routes know one of the interfaces, and all are asked.
#[test]
fn a_network_on_two_interfaces_is_asked_on_both() {
    needs_root!();
    let network = Network::new(Which::Ours, &[]);
    for (host, number, end) in [
        (&network.here, 1, 1),
        (&network.here, 2, 2),
        (&network.others[0], 1, 3),
        (&network.others[1], 2, 4),
    ] {
        let line = format!(
            "ip address flush dev c{number} && ip address add 169.254.7.{end}/16 dev c{number}"
        );
        host.run(&line).success();
    }
    let greeted = heard(&network.here, 2, &format!("direct {PORT} world"));
    let expected = [3, 4].map(|end| format!("169.254.7.{end}:{PORT}: Hello, world"));
    assert_eq!(greeted, expected);
}

/// Over IPv6 whoever is in the group hears it, and is known by its address on the link.
///
/// Debian's rpcbind leaves the group as soon as it is in it, and what it answers there by itself does not get
/// out; what it has called for us does.
#[test]
fn over_ipv6_the_group_is_asked_on_each_link() {
    needs_root!();
    for (which, question, answers) in [
        (Which::Theirs, "callit world", 4),
        (Which::Ours, "find tcp6 world", 2),
        (Which::Ours, "callit world", 4),
    ] {
        let network = Network::new(which, &["-r"]);
        if which == Which::Theirs {
            for (other, number) in network.others.iter().zip(1..) {
                let join = format!("ip address add ff02::202/128 dev c{number} autojoin");
                other.run(&join).success();
            }
        }
        let heard = heard(&network.here, answers, question);
        for number in [1, 2] {
            let link = network.here.run(&format!("ip -o link show c{number}"));
            let link = link.success();
            let index = link.split(':').next().unwrap_or_default();
            let line = format!("[fe80::2%{index}]:{PORT}: Hello, world");
            let found = heard.iter().any(|heard| heard.ends_with(&line));
            assert!(found, "{which:?}: {line} is not in {heard:?}");
        }
    }
}

/// Two hosts on a cable, from the first of which C programs broadcast, too: they need to be told the broadcast
/// address of a network.
fn two_hosts() -> [Host; 2] {
    let [here, there] = [Host::new(), Host::new()];
    here.cable(1, &there);
    let address = format!("{}/24", Host::cable_end(1, 1));
    let again = format!("ip address del {address} dev c1 && ip address add {address} brd + dev c1");
    here.run(&again).success();
    [here, there]
}

/// The first line that rpcinfo prints, which broadcasts by libtirpc's rpc_broadcast: who answers.
fn rpcinfo_hears(here: &Host) -> String {
    let mut command = here.command(0, "stdbuf");
    command.args(["-oL", "rpcinfo", "-b", "536874512", "1"]);
    here.start(command, Ready::Line).terminate().stdout
}

#[test]
fn a_c_program_hears_our_server() {
    needs_root!();
    for which in Which::BOTH {
        let [here, there] = two_hosts();
        let _rpcbind = there.rpcbind(which, &["-r"]);
        let _server = there.our_hello_server(PORT, &NETIDS);
        let said = rpcinfo_hears(&here);
        // 2900 is 11 times 256 and 84; of which interface the address is, is rpcbind's choice.
        let uaddr = said.split_whitespace().next().unwrap_or_default();
        assert!(uaddr.ends_with(".11.84"), "{which:?}: {said:?}");
    }
}

/// The words of a call: xid, version of rpcbind, procedure; and behind the credential what is called.
fn asked(call: &[u8]) -> (u32, [u32; 5]) {
    let (words, _) = call.as_chunks::<4>();
    let words: Vec<_> = words.iter().map(|word| u32::from_be_bytes(*word)).collect();
    let credential = words[7] as usize / 4;
    let called = &words[8 + credential + 2..];
    (
        words[0],
        [words[3], words[4], words[5], called[0], called[1]],
    )
}

/// Plays an rpcbind: takes a call in each version, and answers the first with this address. What it was asked.
fn answer_once(rpcbind: &UdpSocket, uaddr: &str) -> [(u32, [u32; 5]); 2] {
    let mut buffer = [0; 2048];
    let mut receive = || {
        let received = rpcbind.recv_from(&mut buffer);
        received.map(|(len, from)| (buffer[..len].to_vec(), from))
    };
    let heard = [(); 2].map(|()| receive());
    let [Ok((version3, from)), Ok((version2, _))] = heard else {
        panic!("{heard:?}");
    };
    let success = [1, 0, 0, 0, 0].map(u32::to_be_bytes).concat();
    let length = (uaddr.len() as u32).to_be_bytes();
    let results = b"\0\0\0\x08\0\0\0\x04Hey!";
    let reply = [&version3[..4], &success, &length, uaddr.as_bytes(), results].concat();
    let sent = rpcbind.send_to(&reply, from);
    assert!(sent.is_ok(), "{sent:?}");
    [asked(&version3), asked(&version2)]
}

/// rpcinfo calls procedure 0, we call the one that greets; all else is the same. From an IPv6 address, which some
/// rpcbinds answer over IPv4, libtirpc means to take the port and does not.
#[test]
fn we_ask_and_hear_what_a_c_program_asks_and_hears() {
    needs_root!();
    let [here, there] = two_hosts();
    let bound = there.in_network(|| UdpSocket::bind("0.0.0.0:111"));
    let rpcbind = bound.unwrap_or_else(|error| panic!("{error}"));
    let theirs = || rpcinfo_hears(&here);
    let ours = || heard(&here, 1, "callit world").concat();
    let questions: [(&(dyn Fn() -> String + Sync), &str, &str); 4] = [
        (&theirs, "198.18.1.2.11.84", "198.18.1.2.11.84\t"),
        (&ours, "198.18.1.2.11.84", "198.18.1.2:2900: Hey!"),
        (&theirs, "::.11.84", "198.18.1.2.0.0\t"),
        (&ours, "::.11.84", "198.18.1.2:2900: Hey!"),
    ];
    for (question, uaddr, answer) in questions {
        let ([(xid, version3), (next, version2)], said) = thread::scope(|scope| {
            let asking = scope.spawn(question);
            let asked = answer_once(&rpcbind, uaddr);
            (asked, asking.join().unwrap_or_default())
        });
        assert_eq!(next, xid.wrapping_add(1));
        let callit = |version| [100_000, version, 5, 536_874_512, 1];
        assert_eq!([version3, version2], [callit(3), callit(2)]);
        assert!(said.starts_with(answer), "{uaddr}: {said:?}");
    }
}
