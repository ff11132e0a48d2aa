//! libtirpc's clients, as C programs make them, hear the same of our server as of libtirpc's.

use oncrpc_interop::{Daemon, Host, Which, needs_root};

/// The transports of both.
pub const NETIDS: [&str; 5] = ["udp", "tcp", "udp6", "tcp6", "local"];

/// The host by the name that leads to it over this transport.
pub fn host_of(netid: &str) -> &'static str {
    match netid {
        "udp6" | "tcp6" => "::1",
        "local" => "localhost",
        _ => "127.0.0.1",
    }
}

/// The most that goes over this transport: the bound of probe.x, or what libtirpc's datagrams hold.
pub fn largest(netid: &str) -> usize {
    if netid.starts_with("udp") {
        8_000
    } else {
        1 << 20
    }
}

/// What these clients say of libtirpc's server, which ours has to have them say, too.
#[track_caller]
fn same_of_ours(flags: &[&str], lines: impl Fn(&Host) -> Vec<String>) -> String {
    let said_of = |serve: &dyn Fn(&Host) -> Daemon| {
        let host = Host::new();
        let _rpcbind = host.rpcbind(Which::Theirs, flags);
        let _server = serve(&host);
        let says = |line: String| {
            // The path of the program is no part of what is said.
            let name = line.rsplit('/').next().unwrap_or(&line).to_owned();
            format!("$ {name}\n{}", host.run(&line).success())
        };
        lines(&host).into_iter().map(says).collect::<String>()
    };
    let theirs = said_of(&|host| host.c_probe_server(&[], &NETIDS));
    let ours = said_of(&|host| host.our_probe_server(&[], &NETIDS));
    assert_eq!(ours, theirs, "ours is on the left");
    theirs
}

#[test]
fn clients_of_every_transport_hear_the_same() {
    needs_root!();
    for threads in [false, true] {
        let said = same_of_ours(&[], |host| {
            let client = host.c_probe_client(threads);
            let line = |netid: &&str| {
                let (at, most) = (host_of(netid), largest(netid));
                format!(
                    "{client} tp {netid} {at} version null echo:0 echo:1 echo:{most} add:1 sys wait:3 add:2"
                )
            };
            NETIDS.iter().map(line).collect()
        });
        // The sum grows from one client to the next.
        let last =
            "null\n0 bytes came back\n1 bytes came back\n1048576 bytes came back\n13\n3\n15\n";
        assert!(said.ends_with(last), "{said}");
    }
}

#[test]
fn clients_of_every_class_of_transports_hear_the_same() {
    needs_root!();
    let classes = [
        "netpath",
        "visible",
        "circuit_v",
        "datagram_v",
        "circuit_n",
        "datagram_n",
        "tcp",
        "udp",
    ];
    let said = same_of_ours(&[], |host| {
        let client = host.c_probe_client(false);
        let line = |class: &&str| format!("{client} create {class} 127.0.0.1 version null add:1");
        classes.iter().map(line).collect()
    });
    assert!(said.ends_with("2\nnull\n8\n"), "{said}");
}

#[test]
fn clients_that_look_for_a_version_find_the_same() {
    needs_root!();
    let said = same_of_ours(&[], |host| {
        let client = host.c_probe_client(false);
        // The highest; version 4 has no ECHO.
        let line = |class: &&str| format!("{client} vers {class} 127.0.0.1 version add:1 echo:1");
        ["tcp", "udp"].iter().map(line).collect()
    });
    assert!(
        said.ends_with("4\n2\nRPC: Procedure unavailable\n"),
        "{said}"
    );
}

#[test]
fn batched_calls_are_executed_in_their_order_and_not_answered() {
    needs_root!();
    let said = same_of_ours(&[], |host| {
        let client = host.c_probe_client(false);
        let line = |netid: &&str| {
            format!(
                "{client} tp {netid} {} batch:5000 add:0 batch:10 add:0",
                host_of(netid)
            )
        };
        ["tcp", "tcp6", "local"].iter().map(line).collect()
    });
    assert!(said.ends_with("batched\n15020\nbatched\n15030\n"), "{said}");
}

#[test]
fn sixty_four_clients_at_once_are_all_answered() {
    needs_root!();
    let said = same_of_ours(&[], |host| {
        let client = |index: usize, netid: &str| {
            let client = host.c_probe_client(index % 2 == 1);
            format!(
                "{client} tp {netid} {} add:1 echo:1000 null add:1",
                host_of(netid)
            )
        };
        // Each says what it hears of the sum to nobody: that depends on who comes first.
        let crowd = |netid: &&str| {
            let all = (0..64).map(|index| format!("{} | sed -n 2,3p &", client(index, netid)));
            format!(
                "({}\nwait) | sort | uniq -c",
                all.collect::<Vec<_>>().join("\n")
            )
        };
        let last = format!("{} tp tcp 127.0.0.1 add:0", host.c_probe_client(false));
        NETIDS.iter().map(crowd).chain([last]).collect()
    });
    let all_came_back = said.matches("64 1000 bytes came back\n").count();
    assert_eq!(all_came_back, NETIDS.len(), "{said}");
    assert!(
        said.ends_with("$ probe_client tp tcp 127.0.0.1 add:0\n640\n"),
        "{said}"
    );
}

#[test]
fn a_broadcast_finds_ours_through_rpcbind() {
    needs_root!();
    // Calls are forwarded with -r alone; the addresses to broadcast to are those that interfaces tell.
    let said = same_of_ours(&["-r"], |host| {
        vec![
            "ip address change 192.0.2.1/24 broadcast 192.0.2.255 dev v0".to_owned(),
            format!("{} broadcast", host.c_probe_client(false)),
        ]
    });
    assert!(said.ends_with("broadcast\n1\n"), "{said}");
}
