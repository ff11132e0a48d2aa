//! Datagrams from elsewhere: from one network, and from as many as there are.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use oncrpc_interop::{Caller, Host, Transport, Which, call, needs_root};

use crate::{MOST_MEMORY, either, memory};

#[test]
fn a_network_elsewhere_has_its_rate_and_nobody_else_notices() {
    needs_root!();
    let host = Host::new();
    let rpcbind = host.rpcbind(Which::Ours, &[]);
    let null = call(2, 0).bytes();
    let (answers, took) = host.in_network(|| {
        let socket = UdpSocket::bind((Host::REMOTE, 0)).expect("there is a port");
        socket
            .connect((Host::ADDRESSES[0], 111))
            .expect("it is an address");
        let soon = Some(Duration::from_millis(200));
        socket.set_read_timeout(soon).expect("it is a socket");
        let begun = Instant::now();
        let mut answers = 0;
        for _ in 0..5_000 {
            socket.send(&null).expect("it is sent");
            socket.set_nonblocking(true).expect("it is a socket");
            while socket.recv(&mut [0; 100]).is_ok() {
                answers += 1;
            }
            socket.set_nonblocking(false).expect("it is a socket");
        }
        while socket.recv(&mut [0; 100]).is_ok() {
            answers += 1;
        }
        (answers, begun.elapsed())
    });
    let most = 400 + (200.0 * took.as_secs_f64()).ceil() as u32;
    println!("{answers} of 5000 answered in {took:.1?}");
    assert!((1..=most).contains(&answers), "{answers} of {most}");
    for caller in [Caller::Root, Caller::OtherLoopback] {
        let answer = host.ask(caller, Transport::Udp, &call(2, 0));
        assert_eq!(answer.replies.len(), 1, "{caller:?}");
    }
    let answer = host.ask(Caller::Remote, Transport::Tcp, &call(2, 0));
    assert_eq!(answer.replies.len(), 1, "a connection is held to no rate");
    assert!(memory(&rpcbind, "VmHWM") <= MOST_MEMORY);
}

/// Waits for an answer to a datagram from this host; those that arrive at a full socket are lost.
fn answered(host: &Host, message: &[u8]) {
    host.in_network(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
        socket.connect("127.0.0.1:111").expect("it is an address");
        let soon = Some(Duration::from_millis(100));
        socket.set_read_timeout(soon).expect("it is a socket");
        let mut tries = 0..100;
        let is_answered = tries.any(|_| {
            socket.send(message).expect("it is sent");
            socket.recv(&mut [0; 100]).is_ok()
        });
        assert!(is_answered, "this host is answered");
    });
}

#[test]
fn a_spread_of_sources_elsewhere_fills_a_table_that_does_not_grow() {
    needs_root!();
    let host = Host::new();
    host.run("ip route add local 10.0.0.0/8 dev lo").success();
    let rpcbind = host.rpcbind(Which::Ours, &[]);
    let null = call(2, 0).bytes();
    // Each comes from a /24 of its own, as far as there are as many.
    let spread = |from: u32, count: u32| {
        host.in_network(|| {
            for number in from..from + count {
                let network = number % 0xffff;
                let host = number / 0xffff + 1;
                let source = Ipv4Addr::from_bits(0x0a00_0000 | network << 8 | host);
                let socket = UdpSocket::bind((source, 0)).expect("it is local");
                let sent = socket.send_to(&null, (Host::ADDRESSES[0], 111));
                sent.expect("it is sent");
            }
        });
    };
    let begun = Instant::now();
    spread(0, 10_000);
    let before = memory(&rpcbind, "RssAnon");
    let count = either(20_000, 1_000_000);
    spread(10_000, count);
    answered(&host, &null);
    let grown = memory(&rpcbind, "RssAnon").saturating_sub(before);
    let took = begun.elapsed();
    println!("{count} networks in {took:.1?}: {grown} KiB more");
    assert!(grown <= 512, "{grown} KiB");
    assert!(memory(&rpcbind, "VmHWM") <= MOST_MEMORY);
}
