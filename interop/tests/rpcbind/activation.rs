//! Sockets that a service manager passes.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use nix::sys::socket::sockopt::Ipv6V6Only;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrStorage, bind, listen, setsockopt, socket,
};
use oncrpc_interop::{Answer, Caller, Host, Reply, Transport, Which, call, needs_root};

fn inet(kind: SockType, address: &str) -> OwnedFd {
    let address: SocketAddr = address.parse().expect("an address");
    let family = if address.is_ipv6() {
        AddressFamily::Inet6
    } else {
        AddressFamily::Inet
    };
    let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None).expect("a socket");
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        setsockopt(&socket, Ipv6V6Only, &true).expect("it is IPv6");
    }
    let raw = std::os::fd::AsRawFd::as_raw_fd(&socket);
    bind(raw, &SockaddrStorage::from(address)).expect("the port is free");
    if kind == SockType::Stream {
        listen(&socket, Backlog::MAXCONN).expect("it is bound");
    }
    socket
}

fn unix(host: &Host) -> OwnedFd {
    UnixListener::bind(host.path("/run/rpcbind.sock"))
        .expect("the name is free")
        .into()
}

/// The sockets of Debian's rpcbind.socket.
fn as_in_the_unit(host: &Host) -> Vec<OwnedFd> {
    let mut sockets = vec![unix(host)];
    sockets.extend(
        host.in_network(|| {
            ["0.0.0.0:111", "[::]:111"].map(|address| {
                [SockType::Stream, SockType::Datagram].map(|kind| inet(kind, address))
            })
        })
        .into_iter()
        .flatten(),
    );
    sockets
}

/// What listens in a host, without the numbers of processes.
fn listening(host: &Host) -> String {
    let all =
        host.run("ss --no-header --numeric --listening --tcp --udp | awk '{print $1, $5}' | sort");
    all.success()
}

#[test]
fn with_the_sockets_of_debians_unit_both_are_the_same() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let sockets = as_in_the_unit(&host);
        let rpcbind = host.rpcbind_activated(which, &["-w"], sockets);
        let asked = [
            "rpcinfo -T tcp 127.0.0.1 100000",
            "rpcinfo -T udp 127.0.0.1 100000",
            "rpcinfo -T tcp6 ::1 100000",
            "rpcinfo -T udp6 ::1 100000",
            "rpcinfo -p 127.0.0.1",
        ];
        let said = asked.map(|line| host.run(line).success());
        let listening = listening(&host);
        assert_eq!(rpcbind.terminate().code, Some(0), "{which:?}");
        let left = host
            .run("stat --format='%n %F' /run/rpcbind.sock")
            .success();
        (said, listening, left)
    });
    assert_eq!(ours, theirs);
}

/// Theirs opens what the unit leaves out on all addresses, and says 111 in version 2 whatever the port.
#[test]
fn a_unit_with_an_address_of_its_own_opens_nothing_else() {
    needs_root!();
    let [theirs, ours] = Which::BOTH.map(|which| {
        let host = Host::new();
        let sockets = host.in_network(|| {
            vec![
                inet(SockType::Stream, "192.0.2.1:1234"),
                inet(SockType::Datagram, "192.0.2.1:1234"),
            ]
        });
        let _rpcbind = host.rpcbind_activated(which, &["-w"], sockets);
        listening(&host)
    });
    let passed = "tcp 192.0.2.1:1234\nudp 192.0.2.1:1234\n";
    assert_eq!(ours, passed);
    assert!(
        theirs.contains("tcp [::]:111") && theirs.contains("udp [::]:111"),
        "{theirs}"
    );
}

#[test]
fn what_the_unit_leaves_out_is_opened_on_request() {
    needs_root!();
    let [theirs, ours] =
        [(Which::Theirs, &[][..]), (Which::Ours, &["--bind-missing"])].map(|(which, flags)| {
            let host = Host::new();
            let sockets = host.in_network(|| {
                vec![
                    TcpListener::bind("0.0.0.0:111").expect("it is free").into(),
                    UdpSocket::bind("0.0.0.0:111").expect("it is free").into(),
                ]
            });
            let _rpcbind = host.rpcbind_activated(which, flags, sockets);
            (listening(&host), host.run("rpcinfo").success())
        });
    assert_eq!(ours, theirs);
}

/// Theirs has to be root; ours never has a privilege.
#[test]
fn ours_needs_no_root_where_all_is_passed() {
    needs_root!();
    let host = Host::new();
    let sockets = as_in_the_unit(&host);
    let lock = ["--lock", "/run/rpcbind/lock"];
    let _rpcbind = host.rpcbind_activated_as(65534, Which::Ours, &lock, sockets);
    host.run("rpcinfo -p 127.0.0.1").success();
}

/// Theirs closes such a socket and serves nothing behind it.
#[test]
fn a_socket_for_both_families_is_two_transports() {
    needs_root!();
    let host = Host::new();
    let sockets = host.in_network(|| {
        vec![
            TcpListener::bind("[::]:111").expect("it is free").into(),
            UdpSocket::bind("[::]:111").expect("it is free").into(),
        ]
    });
    let _rpcbind = host.rpcbind_activated(Which::Ours, &[], sockets);
    for (netid, address) in [
        ("tcp", "127.0.0.1"),
        ("udp", "127.0.0.1"),
        ("tcp6", "::1"),
        ("udp6", "::1"),
    ] {
        let line = format!("rpcinfo -T {netid} {address} 100000 4");
        host.run(&line).success();
    }
    // A caller over IPv4 is on this host if it is 127.0.0.1, and root if its port is low.
    let set = call(2, 1).u32s(&[400_000, 1, 17, 2049]);
    let yes = Answer::reply(Reply::success(&[1]));
    for transport in [Transport::Udp, Transport::Tcp] {
        assert_eq!(
            host.ask(Caller::Root, transport, &set),
            yes,
            "{transport:?}"
        );
        let refused = host.ask(Caller::Remote, transport, &set);
        assert_eq!(
            refused,
            Answer::reply(Reply::auth_error(5)),
            "{transport:?}"
        );
    }
    let listed = host.run("rpcinfo 127.0.0.1").success();
    assert!(
        listed.contains("superuser") && listed.contains("0.0.0.0.8.1"),
        "{listed}"
    );
}
