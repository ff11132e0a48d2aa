//! Storms where it matters who else can do it, and what comes from elsewhere: Debian's rpcbind is measured in the same run.
//!
//! Each is a sample; `make storms` has the full figures (`ONCRPC_STORMS=full`), of release builds, one after the other. A
//! comparison is printed always and judged in the full figures only, where nothing else runs.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use oncrpc_interop::{Caller, Daemon, Host, Message, Transport, Which, call, needs_root};

/// The most memory that the daemon has ever had, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

fn is_full() -> bool {
    std::env::var_os("ONCRPC_STORMS").is_some_and(|wanted| wanted == "full")
}

/// How much of a storm: the sample, or the full figure.
fn either<T>(sample: T, full: T) -> T {
    if is_full() { full } else { sample }
}

/// A line of the kernel's account of the daemon, in KiB.
fn memory(daemon: &Daemon, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id()));
    let status = status.expect("it runs");
    let line = status.lines().find_map(|known| known.strip_prefix(line));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse().ok()).expect("a number")
}

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

/// What a procedure of rpcbind's may be asked with.
fn questions(version: u32, procedure: u32) -> Vec<Message> {
    let asked = || call(version, procedure);
    vec![
        asked(),
        asked().rpcb(100_000, 4, "udp", "", ""),
        asked().rpcb(500_000, 1, "", "", ""),
        asked().u32s(&[100_000, 2, 17, 0]),
        asked().opaque("127.0.0.1.0.111"),
        asked().opaque([0; 400]),
    ]
}

/// The longest answer to a stranger's datagram, as a multiple of the question, with the version and the procedure.
fn longest_answer(host: &Host, transport: Transport) -> (f64, usize, (u32, u32)) {
    let mut line = host.line(Caller::Remote, transport);
    let mut longest = (0.0, 0, (0, 0));
    for version in 1..=5 {
        for procedure in 0..=13 {
            for question in questions(version, procedure) {
                let sent = question.bytes().len();
                for reply in line.ask(&question).replies {
                    let ratio = reply.len() as f64 / sent as f64;
                    if ratio > longest.0 {
                        longest = (ratio, reply.len(), (version, procedure));
                    }
                }
            }
        }
    }
    longest
}

#[test]
fn no_answer_to_a_stranger_is_more_than_three_times_the_question_however_much_is_registered() {
    needs_root!();
    let mut compared = Vec::new();
    for size in [0, 40, 173, 4_096] {
        for which in Which::BOTH {
            // Theirs goes through all of its list for each; the figure is known by then.
            if which == Which::Theirs && size > 173 && !is_full() {
                continue;
            }
            let host = Host::new();
            // The rate would answer less; here it is about the size.
            let flags: &[&str] = match which {
                Which::Ours => &["--set", "udp-calls-per-network = 20000"],
                Which::Theirs => &[],
            };
            let _rpcbind = host.rpcbind(which, flags);
            let mut registers = host.line(Caller::Root, Transport::Local);
            for number in 0..size {
                let set = call(3, 1).rpcb(500_000, number, "udp", "0.0.0.0.8.1", "superuser");
                assert_eq!(registers.ask(&set).replies.len(), 1);
            }
            for transport in Transport::DATAGRAM {
                let (ratio, bytes, (version, procedure)) = longest_answer(&host, transport);
                println!(
                    "{which:?}, {size} registered, {}: {ratio:.1} times, {bytes} bytes (version {version}, procedure {procedure})",
                    transport.netid()
                );
                compared.push((which, ratio));
                if which == Which::Ours {
                    assert!(
                        ratio <= 3.0 && bytes <= 512,
                        "{ratio:.1} times, {bytes} bytes"
                    );
                }
            }
        }
    }
    let theirs = compared.iter().filter(|(which, _)| *which == Which::Theirs);
    assert!(
        theirs.clone().any(|(_, ratio)| *ratio > 3.0),
        "the measure would show it"
    );
}
