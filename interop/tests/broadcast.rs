//! Broadcasts: hosts with Debian's rpcbind and ours, servers by libtirpc and by us, and who hears whom.

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
    let greeted = heard(&network.here, 2, &format!("direct {PORT} world"));
    let expected = Network::both(|ip| format!("{ip}:{PORT}: Hello, world"));
    assert_eq!(greeted, expected);
}

/// Each rpcbind answers twice, in versions 2 and 3, and is one host all the same.
#[test]
fn an_rpcbind_that_calls_for_others_is_heard_once() {
    needs_root!();
    let network = Network::new(Which::Theirs, &["-r"]);
    let greeted = heard(&network.here, 2, "callit world");
    let expected = Network::both(|ip| format!("{ip}:{PORT}: Hello, world"));
    assert_eq!(greeted, expected);
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
    ] {
        let network = Network::new(which, &["-r"]);
        for (other, number) in network.others.iter().zip(1..) {
            let join = format!("ip address add ff02::202/128 dev c{number} autojoin");
            other.run(&join).success();
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

/// rpcinfo broadcasts by libtirpc's rpc_broadcast, which needs to be told the broadcast address of a network.
#[test]
fn a_c_program_hears_our_server() {
    needs_root!();
    let [here, there] = [Host::new(), Host::new()];
    here.cable(1, &there);
    let address = format!("{}/24", Host::cable_end(1, 1));
    let renewed =
        format!("ip address del {address} dev c1 && ip address add {address} brd + dev c1");
    here.run(&renewed).success();
    let _rpcbind = there.rpcbind(Which::Theirs, &["-r"]);
    let _server = there.our_hello_server(PORT, &NETIDS);
    let mut command = here.command(0, "stdbuf");
    command.args(["-oL", "rpcinfo", "-b", "536874512", "1"]);
    let said = here.start(command, Ready::Line).terminate();
    // 2900 is 11 times 256 and 84; of which interface the address is, is rpcbind's choice.
    let uaddr = said.stdout.split_whitespace().next().unwrap_or_default();
    assert!(uaddr.ends_with(".11.84"), "{said:?}");
}
