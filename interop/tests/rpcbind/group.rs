//! The IPv6 group of rpcbinds, and what is known of interfaces that come and go.

use oncrpc_interop::{Caller, Host, PMAPPROG, Transport, Which, call, needs_root};

/// The port of the hello server.
const PORT: u16 = 2900;

/// The interfaces on which somebody is in the group, in order.
fn joined(host: &Host) -> Vec<String> {
    let groups = host.run("cat /proc/net/igmp6").success();
    let rpcbinds = |line: &&str| line.contains("ff020000000000000000000000000202");
    let interface = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let mut joined: Vec<_> = groups
        .lines()
        .filter(rpcbinds)
        .filter_map(interface)
        .collect();
    joined.sort();
    joined
}

/// Theirs joins by a socket that it closes at once.
#[test]
fn the_group_is_joined_on_every_link() {
    needs_root!();
    let host = Host::new();
    {
        let _theirs = host.rpcbind(Which::Theirs, &[]);
        assert_eq!(joined(&host), [""; 0]);
    }
    let host = Host::new();
    let _ours = host.rpcbind(Which::Ours, &[]);
    assert_eq!(joined(&host), ["v0", "v1"]);
}

#[test]
fn with_addresses_of_its_own_it_is_not_joined() {
    needs_root!();
    let host = Host::new();
    let _ours = host.rpcbind(Which::Ours, &["-h", "2001:db8:1::1"]);
    assert_eq!(joined(&host), [""; 0]);
}

/// On a link that comes after the daemon, it is heard.
#[test]
fn the_group_is_joined_on_a_link_that_comes_later() {
    needs_root!();
    let [here, there] = [Host::new(), Host::new()];
    let _rpcbind = there.rpcbind(Which::Ours, &[]);
    let _server = there.our_hello_server(PORT, &["tcp6"]);
    here.cable(1, &there);
    let heard = here
        .our_hello_everybody("--seconds 50 --answers 1 find tcp6 world")
        .success();
    assert!(heard.ends_with(": Hello, world\n"), "{heard}");
    assert_eq!(joined(&there), ["c1", "v0", "v1"]);
}

/// Addresses are kept, not asked for each time; that they change is heard of.
#[test]
fn an_address_that_comes_later_is_told_and_one_that_goes_is_not() {
    needs_root!();
    let host = Host::new();
    let _rpcbind = host.rpcbind(Which::Ours, &[]);
    let question = call(4, 3).rpcb(PMAPPROG, 4, "", "198.19.0.9.0.111", "");
    let told = || format!("{:?}", host.ask(Caller::User, Transport::Tcp, &question));
    let (asked, new) = (
        r#""127.", "0.0.", "1.0.", "111""#,
        r#""198.", "19.0", ".1.0", ".111""#,
    );
    for (change, expected) in [
        ("true", asked),
        ("ip address add 198.19.0.1/24 dev v0", new),
        ("ip link set v0 down", asked),
        ("ip link set v0 up", new),
        ("ip address del 198.19.0.1/24 dev v0", asked),
    ] {
        host.run(change).success();
        let told = told();
        assert!(told.contains(expected), "after {change}: {told}");
    }
}
