//! Who comes and goes, and who looks up: theirs and ours by turns.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::thread;
use std::time::Instant;

use oncrpc_interop::{Host, Which, call, needs_root};

use crate::{MOST_MEMORY, either, is_full, memory};

/// Connects, calls NULL and closes, so many times by each of four; gives back how many a second.
fn connects(host: &Host, each: u32) -> f64 {
    let null = call(2, 0).record();
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                host.in_network(|| {
                    for number in 0..each {
                        // Each address of the host has ports of its own to come from.
                        let to = Ipv4Addr::new(127, 0, 0, (number % 250 + 1) as u8);
                        let mut stream = TcpStream::connect((to, 111)).expect("it listens");
                        stream.write_all(&null).expect("it reads");
                        stream.read_exact(&mut [0; 28]).expect("it answers");
                    }
                });
            });
        }
    });
    f64::from(4 * each) / begun.elapsed().as_secs_f64()
}

/// Look-ups of one caller over UDP, one after the other; gives back how many a second.
fn look_ups(host: &Host, count: u32) -> f64 {
    host.in_network(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("there is a port");
        socket.connect("127.0.0.1:111").expect("it is an address");
        let message = call(2, 3).u32s(&[100_000, 2, 17, 0]).bytes();
        let begun = Instant::now();
        for _ in 0..count {
            socket.send(&message).expect("it is sent");
            socket.recv(&mut [0; 100]).expect("it answers");
        }
        f64::from(count) / begun.elapsed().as_secs_f64()
    })
}

/// Both by turns, each at its best: what else the machine does is then the same for both, or is seen to be something else.
#[test]
fn who_comes_and_goes_and_who_looks_up_is_answered_as_fast_as_by_theirs() {
    needs_root!();
    let hosts = Which::BOTH.map(|which| {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &[]);
        (which, host, rpcbind)
    });
    let mut best = [(0.0, 0.0); 2];
    for _ in 0..5 {
        for ((_, host, _), best) in hosts.iter().zip(&mut best) {
            best.0 = connects(host, either(50, 5_000)).max(best.0);
            best.1 = look_ups(host, either(100, 20_000)).max(best.1);
        }
    }
    for ((which, _, rpcbind), best) in hosts.iter().zip(best) {
        let peak = memory(rpcbind, "VmHWM");
        println!(
            "{which:?}: {:.0} connections and {:.0} look-ups a second; memory {peak} KiB at most",
            best.0, best.1
        );
        assert!(*which == Which::Theirs || peak <= MOST_MEMORY, "{peak} KiB");
    }
    let [theirs, ours] = best;
    assert!(!is_full() || ours.0 >= theirs.0, "connections");
    // One caller who waits for each answer costs us a system call more: we look whether there is another datagram.
    assert!(!is_full() || ours.1 >= 0.8 * theirs.1, "look-ups");
}
