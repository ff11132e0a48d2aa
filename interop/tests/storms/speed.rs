//! Who comes and goes, and who looks up: theirs and ours by turns.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use oncrpc_interop::{Daemon, Host, Which, call, needs_root};

use crate::{MOST_MEMORY, either, is_full, memory, processor_time};

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

/// The middle one of these.
fn middle<T: PartialOrd + Copy>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<_> = values.collect();
    values.sort_by(|one, other| one.partial_cmp(other).expect("they are numbers"));
    values[values.len() / 2]
}

/// What one of them takes for a connection and for a look-up, and how many of each there are in a second.
struct Turn {
    connection: Duration,
    look_up: Duration,
    connections: f64,
    look_ups: f64,
}

impl Turn {
    fn of(host: &Host, rpcbind: &Daemon) -> Self {
        let (connections, look_ups_made) = (either(50, 5_000), either(100, 20_000));
        let begun = processor_time(rpcbind);
        let connections_a_second = connects(host, connections);
        let between = processor_time(rpcbind);
        let look_ups_a_second = look_ups(host, look_ups_made);
        Self {
            connection: (between - begun) / (4 * connections),
            look_up: (processor_time(rpcbind) - between) / look_ups_made,
            connections: connections_a_second,
            look_ups: look_ups_a_second,
        }
    }
}

/// Both by turns, so that what else the machine does is the same for both. How many there are in a second is also a matter of
/// whether others leave a processor to them; so it is what they take themselves that is compared.
#[test]
fn who_comes_and_goes_and_who_looks_up_is_answered_as_fast_as_by_theirs() {
    needs_root!();
    let hosts = Which::BOTH.map(|which| {
        let host = Host::new();
        let rpcbind = host.rpcbind(which, &[]);
        (which, host, rpcbind)
    });
    let mut turns = Vec::new();
    for _ in 0..either(3, 15) {
        turns.push(
            hosts
                .each_ref()
                .map(|(_, host, rpcbind)| Turn::of(host, rpcbind)),
        );
    }
    let [theirs, ours] = [0, 1].map(|at: usize| {
        let (which, _, rpcbind) = &hosts[at];
        let of = |value: fn(&Turn) -> f64| middle(turns.iter().map(|turn| value(&turn[at])));
        let took = |value: fn(&Turn) -> Duration| middle(turns.iter().map(|turn| value(&turn[at])));
        let (connection, look_up) = (took(|turn| turn.connection), took(|turn| turn.look_up));
        let peak = memory(rpcbind, "VmHWM");
        println!(
            "{which:?}: {:.0} connections a second at {connection:.1?} of the processor, {:.0} look-ups at {look_up:.1?}; memory {peak} KiB \
             at most",
            of(|turn| turn.connections),
            of(|turn| turn.look_ups),
        );
        assert!(*which == Which::Theirs || peak <= MOST_MEMORY, "{peak} KiB");
        (connection, look_up)
    });
    assert!(!is_full() || ours.0 <= theirs.0, "connections");
    assert!(!is_full() || ours.1 <= theirs.1, "look-ups");
}
