//! Floods of datagrams, and look-ups of what there is not.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::instance::{Instance, Place, call, rpcb};
use crate::others::Way;
use crate::weather::{PATIENCE, Storm, either, is_full, middle};

/// What fills a datagram that is neither a call nor a reply.
const GARBAGE: u8 = 7;

/// Sends so many datagrams as fast as can be, calls or, by turns, a call and garbage; gives back how many answers came.
fn send(storm: &Storm, count: u32, half_garbage: bool) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(storm.address(1)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let good = call(0, &[]);
    let mut answers = 0;
    for number in 0..count {
        let message = match half_garbage && number % 2 == 1 {
            true => &[GARBAGE; 40][..],
            false => &good,
        };
        // What the daemon does not take in time is lost in the kernel.
        let _ = socket.send(message);
        while socket.recv(&mut [0; 100]).is_ok() {
            answers += 1;
        }
    }
    // Where others are at work, the daemon's turn may come after the last of them: what the kernel has kept is answered then.
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    if answers == 0 && socket.recv(&mut [0; 100]).is_ok() {
        answers = 1;
    }
    answers
}

/// A flood from two at once; gives back the answers.
fn flood(storm: &Storm, each: u32, half_garbage: bool) -> u64 {
    thread::scope(|scope| {
        let other = scope.spawn(|| send(storm, each, half_garbage));
        send(storm, each, half_garbage) + other.join().unwrap()
    })
}

/// What the processor takes for each of so many calls, a few at a time so that none is lost, with garbage before each or without.
/// The daemon finds them all together, however the processors are dealt out: it is stopped while they are sent.
fn cost(storm: &Storm, calls: u32, with_garbage: bool) -> Duration {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(storm.address(1)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let good = call(0, &[]);
    let before = storm.instance.processor_time();
    for _ in 0..calls / TOGETHER {
        storm.instance.signal(Signal::SIGSTOP);
        for _ in 0..TOGETHER {
            if with_garbage {
                socket.send(&[GARBAGE; 40]).unwrap();
            }
            socket.send(&good).unwrap();
        }
        storm.instance.signal(Signal::SIGCONT);
        for _ in 0..TOGETHER {
            socket.recv(&mut [0; 100]).unwrap();
        }
    }
    (storm.instance.processor_time() - before) / calls
}

/// Calls that are sent before their answers are waited for.
const TOGETHER: u32 = 16;

#[test]
fn in_a_flood_of_datagrams_half_of_them_garbage_calls_are_answered() {
    let place = Place::new("storm-flood");
    let instance = place.start(&[]);
    // A datagram of theirs would be lost as those of the flood are.
    let storm = Storm::over("flood", place, instance, &[Way::Kept, Way::New, Way::Unix]);
    let (rounds, each) = either((3, 10_000), (9, 60_000));
    // While no flood has left anything behind.
    let mut costs: Vec<_> = (0..7)
        .map(|_| [false, true].map(|with_garbage| cost(&storm, each, with_garbage)))
        .collect();
    // A machine has one speed now and another one then, so what is compared are two in a row.
    let ratio = |[pure, half]: &[Duration; 2]| half.div_duration_f64(*pure);
    costs.sort_by(|one, other| ratio(one).total_cmp(&ratio(other)));
    let [pure, half] = costs[costs.len() / 2];
    flood(&storm, each, true);
    let memory = storm.instance.memory("RssAnon");
    let floods = (0..rounds).flat_map(|_| [false, true]);
    let fewest = floods.map(|half_garbage| flood(&storm, each, half_garbage));
    let fewest = fewest.min().unwrap();
    let grown = storm.instance.memory("RssAnon").saturating_sub(memory);
    storm.end(&format!(
        "{rounds} times {} datagrams, {fewest} answers at least; {half:.1?} of the processor for a call, {pure:.1?} without garbage; \
         {grown} KiB more",
        2 * each
    ));
    assert!(fewest > 0);
    assert!(grown <= 1024, "{grown} KiB");
    // Garbage takes no more than a call, so half of the answers are left at least.
    assert!(half <= pure * 2, "{half:?}, and {pure:?} without garbage");
}

/// A storm in which nobody registers, so that nothing of what is written for that counts as growth.
fn unchanged(name: &'static str) -> Storm {
    let place = Place::new(&format!("storm-{name}"));
    let instance = place.start(&[]);
    Storm::over(
        name,
        place,
        instance,
        &[Way::Datagrams, Way::Kept, Way::New],
    )
}

#[test]
fn a_spread_of_sources_leaves_nothing_behind() {
    let storm = unchanged("spread");
    let ask = |number: u32| {
        let source = Ipv4Addr::from(0x7f01_0000 + number);
        let socket = UdpSocket::bind((source, 0)).unwrap();
        socket.send_to(&call(0, &[]), storm.address(1)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        socket.recv(&mut [0; 100]).unwrap();
    };
    (0..500).for_each(ask);
    let before = storm.instance.memory("RssAnon");
    let sources = either(5_000, 1_000_000);
    (0..sources).for_each(ask);
    let grown = storm.instance.memory("RssAnon").saturating_sub(before);
    storm.end(&format!("{sources} source addresses; {grown} KiB more"));
    assert!(grown <= 256, "{grown} KiB");
}

/// Looks so many programs up, from this one on, in batches over one connection; gives back what the processor took. Nobody
/// has registered them, so answers are 32 bytes, an empty address.
fn look_up(instance: &Instance, stream: &mut TcpStream, from: u32, count: u32) -> Duration {
    const BATCH: u32 = 500;
    let before = instance.processor_time();
    for first in (from..from + count).step_by(BATCH as usize) {
        let calls: Vec<u8> = (first..first + BATCH)
            .flat_map(|program| {
                let call = call(3, &rpcb(0x3000_0000 + program, "udp", ""));
                let mark = 0x8000_0000 | u32::try_from(call.len()).unwrap();
                [&mark.to_be_bytes()[..], &call].concat()
            })
            .collect();
        stream.write_all(&calls).unwrap();
        stream
            .read_exact(&mut vec![0; 32 * BATCH as usize])
            .unwrap();
    }
    instance.processor_time() - before
}

#[test]
fn look_ups_of_ever_new_programs_leave_nothing_behind_and_stay_as_fast() {
    const ROUND: u32 = 50_000;
    let storm = unchanged("look-ups");
    let mut stream = storm.connect();
    look_up(&storm.instance, &mut stream, 0, ROUND);
    let before = storm.instance.memory("RssAnon");
    let count = either(1_000_000, 10_000_000);
    let begun = Instant::now();
    look_up(&storm.instance, &mut stream, ROUND, count);
    let took = begun.elapsed();
    let grown = storm.instance.memory("RssAnon").saturating_sub(before);
    // More of them, and as many of a daemon that was never asked for others than these.
    let (calm, mut other) = storm.calm();
    look_up(calm, &mut other, 0, ROUND);
    let (mut late, mut early) = (Vec::new(), Vec::new());
    for round in 0..either(3, 31) {
        let next = ROUND + count + round * ROUND;
        late.push(look_up(&storm.instance, &mut stream, next, ROUND));
        early.push(look_up(calm, &mut other, 0, ROUND));
    }
    let [late, early] = [late, early].map(|took| middle(took) / ROUND);
    storm.end(&format!(
        "{count} distinct in {took:.1?}, {grown} KiB more; {late:?} of the processor for one more, {early:?} where all are known"
    ));
    assert!(grown <= 256, "{grown} KiB");
    assert!(!is_full() || late <= early * 11 / 10, "slower and slower");
}
