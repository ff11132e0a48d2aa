//! Floods of datagrams, and look-ups of what there is not.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::instance::{Place, call, rpcb};
use crate::others::Way;
use crate::weather::{Storm, either, is_full};

/// Sends so many calls, or as much garbage, as fast as can be; gives back how many answers came.
fn flood(storm: &Storm, count: u32, garbage: bool) -> u64 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(storm.address(1)).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut message = call(0, &[]);
    let mut answers = 0;
    for number in 0..count {
        if garbage {
            // The message type is neither a call's nor a reply's.
            message.fill(1 + (number % 250) as u8);
        }
        // What the daemon does not take in time is lost in the kernel.
        let _ = socket.send(&message);
        while socket.recv(&mut [0; 100]).is_ok() {
            answers += 1;
        }
    }
    answers
}

/// Makes one call after the other.
fn undisturbed(port: u16, calls: u32) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    for _ in 0..calls {
        socket.send(&call(0, &[])).unwrap();
        socket.recv(&mut [0; 100]).unwrap();
    }
}

/// How long the processor takes for an answer: how fast there are answers is also a matter of what else runs.
fn per_answer(took: Duration, answers: u64) -> Duration {
    took.div_f64(answers.max(1) as f64)
}

#[test]
fn in_a_flood_of_datagrams_half_of_them_garbage_calls_are_answered() {
    let place = Place::new("storm-flood");
    let instance = place.start(&[]);
    let calls = either(1_000, 100_000);
    undisturbed(place.port, calls);
    let quiet = per_answer(instance.processor_time(), calls.into());
    // A datagram of theirs would be lost as those of the flood are.
    let ways = [Way::Kept, Way::New, Way::Unix];
    let storm = Storm::over("flood", place, instance, &ways);
    let (memory, before) = (
        storm.instance.memory("RssAnon"),
        storm.instance.processor_time(),
    );
    let (each, begun) = (either(20_000, 500_000), Instant::now());
    let answers = thread::scope(|scope| {
        let garbage = scope.spawn(|| flood(&storm, each, true));
        let answers = flood(&storm, each, false);
        assert_eq!(garbage.join().unwrap(), 0);
        answers
    });
    let took = begun.elapsed();
    let flooded = per_answer(storm.instance.processor_time() - before, answers);
    let grown = storm.instance.memory("RssAnon").saturating_sub(memory);
    storm.end(&format!(
        "{} datagrams in {took:.1?}, {answers} answers, {flooded:.1?} of the processor for each, {quiet:.1?} before; {grown} KiB more",
        2 * each
    ));
    assert!(answers > 0);
    assert!(grown <= 1024, "{grown} KiB");
    assert!(!is_full() || flooded <= quiet * 2);
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

#[test]
fn look_ups_of_ever_new_programs_leave_nothing_behind_and_stay_as_fast() {
    let storm = unchanged("look-ups");
    let mut stream = storm.connect();
    let batch = 500;
    // A round is a part of them; answers are 32 bytes, an empty address.
    let mut look_up = |from: u32, count: u32| {
        let (begun, before) = (Instant::now(), storm.instance.processor_time());
        for batch_at in (from..from + count).step_by(batch as usize) {
            let calls: Vec<u8> = (batch_at..batch_at + batch)
                .flat_map(|program| {
                    let call = call(3, &rpcb(0x3000_0000 + program, "udp", ""));
                    let mark = 0x8000_0000 | u32::try_from(call.len()).unwrap();
                    [&mark.to_be_bytes()[..], &call].concat()
                })
                .collect();
            stream.write_all(&calls).unwrap();
            stream
                .read_exact(&mut vec![0; 32 * batch as usize])
                .unwrap();
        }
        (begun.elapsed(), storm.instance.processor_time() - before)
    };
    let count = either(50_000, 5_000_000);
    look_up(0, count / 10);
    let before = storm.instance.memory("RssAnon");
    let (took, first) = look_up(count / 10, count);
    let (_, second) = look_up(2 * count, count);
    let grown = storm.instance.memory("RssAnon").saturating_sub(before);
    storm.end(&format!(
        "{count} distinct in {took:.1?}, of which {first:.1?} of the processor; as many again {second:.1?}; {grown} KiB more"
    ));
    assert!(grown <= 256, "{grown} KiB");
    assert!(!is_full() || second < first * 11 / 10, "slower and slower");
}
