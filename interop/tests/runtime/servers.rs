//! Our clients, with a runtime and without, hear of libtirpc's servers what libtirpc's client hears.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;

use oncrpc_interop::{Daemon, Host, PROBE_PORT, Which, needs_root};

use crate::clients::{NETIDS, host_of, largest};

/// A host with rpcbind and libtirpc's server.
fn host_with_server(flags: &[&str]) -> (Host, [Daemon; 2]) {
    let host = Host::new();
    let rpcbind = host.rpcbind(Which::Theirs, &[]);
    let server = host.c_probe_server(flags, &NETIDS);
    (host, [rpcbind, server])
}

/// What a client says to the same calls over every transport.
fn says(flags: &[&str], client: impl Fn(&Host, &str) -> String) -> String {
    let (host, _daemons) = host_with_server(flags);
    let say = |netid: &&str| {
        let calls = format!(
            "null echo:0 echo:1 echo:{} add:1 wait:3 add:2",
            largest(netid)
        );
        format!(
            "{netid}: {}",
            host.run(&format!("{} {calls}", client(&host, netid)))
                .success()
        )
    };
    NETIDS.iter().map(say).collect()
}

#[test]
fn our_clients_hear_what_libtirpcs_hears() {
    needs_root!();
    for flags in [&[][..], &["-c", "64"]] {
        let theirs = says(flags, |host, netid| {
            format!(
                "{} tp {netid} {}",
                host.c_probe_client(false),
                host_of(netid)
            )
        });
        assert!(
            theirs.ends_with("1048576 bytes came back\n13\n3\n15\n"),
            "{theirs}"
        );
        let ours = says(flags, |host, netid| {
            format!("{} {netid} {}", host.our_probe_client(), host_of(netid))
        });
        assert_eq!(ours, theirs);
        let blocking = says(flags, |host, netid| {
            // A thread finds hosts; a Unix socket it is told.
            let place = if netid == "local" {
                "/run/probe.sock"
            } else {
                host_of(netid)
            };
            format!("{} --blocking {netid} {place}", host.our_probe_client())
        });
        assert_eq!(blocking, theirs);
    }
}

#[test]
fn our_clients_find_the_version_that_libtirpcs_finds() {
    needs_root!();
    let (host, _daemons) = host_with_server(&[]);
    let theirs = host.run(&format!(
        "{} vers tcp 127.0.0.1 version",
        host.c_probe_client(false)
    ));
    assert_eq!(theirs.success(), "4\n");
    let client = host.our_probe_client();
    for way in ["", "--blocking"] {
        for netid in ["tcp", "udp"] {
            // Version 3 is not there, and neither are 5 to 9.
            let calls = "versions:1-9 versions:1-3 versions:2-2 versions:5-9 versions:3-3";
            let said = host
                .run(&format!("{client} {way} {netid} 127.0.0.1 {calls}"))
                .stdout;
            let none = "RPC: Program/version mismatch\n";
            assert_eq!(said, format!("4\n2\n2\n{none}{none}"), "{way} {netid}");
        }
    }
}

#[test]
fn a_user_of_many_groups_calls_in_the_name_of_sixteen() {
    needs_root!();
    let (host, _daemons) = host_with_server(&[]);
    let groups: Vec<_> = (1000..1040).map(|group| group.to_string()).collect();
    let ours = host.our_probe_client();
    for client in [
        format!("{} tp tcp 127.0.0.1 sys", host.c_probe_client(false)),
        format!("{ours} --sys tcp 127.0.0.1"),
        format!("{ours} --sys --blocking tcp 127.0.0.1"),
    ] {
        let said = host.run(&format!(
            "setpriv --groups {} {client} null",
            groups.join(",")
        ));
        assert_eq!(said.success(), "null\n", "{client}");
    }
}

/// Passes each datagram on twice, to the server and back, until `call` has ended.
fn with_everything_twice<T>(host: &Host, call: impl FnOnce(u16) -> T) -> T {
    let [front, back, end] = [(); 3].map(|()| {
        let bound = host.in_network(|| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)));
        bound.expect("a port is free")
    });
    back.connect((Ipv4Addr::LOCALHOST, PROBE_PORT))
        .expect("an address");
    let port = front.local_addr().expect("it is bound").port();
    thread::scope(|scope| {
        let passing = scope.spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            loop {
                let (length, from) = front.recv_from(&mut bytes).expect("a call comes");
                if length == 0 {
                    return;
                }
                for _ in 0..2 {
                    back.send(&bytes[..length]).expect("the server is there");
                }
                for _ in 0..2 {
                    let length = back.recv(&mut bytes).expect("both are answered");
                    for _ in 0..2 {
                        front
                            .send_to(&bytes[..length], from)
                            .expect("the client is there");
                    }
                }
            }
        });
        let result = call(port);
        end.send_to(&[], (Ipv4Addr::LOCALHOST, port))
            .expect("an address");
        passing.join().expect("it does not fail");
        result
    })
}

#[test]
fn calls_that_arrive_twice_are_executed_once_where_the_server_keeps_answers() {
    needs_root!();
    for (flags, sums) in [(&["-c", "64"][..], "1\n2\n3\n"), (&[], "1\n3\n5\n")] {
        for way in ["", "--blocking"] {
            let (host, _daemons) = host_with_server(flags);
            let client = host.our_probe_client();
            let said = with_everything_twice(&host, |port| {
                host.run(&format!(
                    "{client} {way} udp 127.0.0.1:{port} add:1 add:1 add:1"
                ))
            });
            assert_eq!(said.success(), sums, "{flags:?} {way}");
        }
    }
}
