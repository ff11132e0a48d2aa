//! Crowds of connections.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::instance::{ask, call};
use crate::weather::{PATIENCE, Storm, either, is_full};

/// A call of NULL as a record.
fn null() -> Vec<u8> {
    let call = call(0, &[]);
    let mark = 0x8000_0000 | u32::try_from(call.len()).unwrap();
    [&mark.to_be_bytes()[..], &call].concat()
}

/// Waits for the end of a connection, which may be a reset.
fn ended(stream: &mut TcpStream) {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert_eq!(rest, []);
}

#[test]
fn connections_that_come_and_go_are_all_answered_and_nothing_is_left_of_them() {
    let storm = Storm::begin("connects", &[]);
    let before = storm.instance.descriptors();
    let (each, host) = (either(500, 25_000), AtomicU8::new(0));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..each {
                    // Each address of the host has ports of its own to come from.
                    let host = host.fetch_add(1, Ordering::Relaxed) % 250 + 1;
                    let mut stream = TcpStream::connect(storm.address(host)).unwrap();
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    assert!(ask(&mut stream, 0, &[]).is_empty());
                }
            });
        }
    });
    let rate = f64::from(4 * each) / begun.elapsed().as_secs_f64();
    // The others have one or two.
    while storm.instance.descriptors() > before + 2 {
        thread::yield_now();
    }
    storm.end(&format!("{} connections, {rate:.0} a second", 4 * each));
}

#[test]
fn idle_connections_cost_little_and_whoever_calls_stays() {
    // More than select(2) can count, in any case.
    let places = either(1_200, 4096);
    let storm = Storm::begin("idle", &[&format!("connections = {places}")]);
    let mut active = storm.connect();
    let before = storm.instance.memory("RssAnon");
    let mut idle: Vec<_> = (0..places * 3 / 2)
        .map(|number| {
            if number % 50 == 0 {
                assert!(ask(&mut active, 0, &[]).is_empty());
            }
            storm.connect()
        })
        .collect();
    let grown = storm.instance.memory("RssAnon").saturating_sub(before);
    for _ in 0..either(2, 40) {
        assert!(ask(&mut active, 0, &[]).is_empty());
        thread::park_timeout(Duration::from_millis(100));
    }
    // Those who came first have left for those who came last, and not because their own 10 s were over.
    for stream in idle.iter_mut().take(places / 3) {
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        ended(stream);
        assert!(ask(&mut active, 0, &[]).is_empty());
    }
    let bytes = grown * 1024 / places as u64;
    storm.end(&format!("{} connections, {bytes} bytes each", idle.len()));
    // What is optimised takes less, and of few connections the first buffers of a process are a part.
    assert!(bytes <= either(8192, 4096), "{bytes}");
}

/// Connections that send the beginning of a record, and wait.
fn halves(name: &'static str, bytes: usize) {
    let storm = Storm::begin(name, &[]);
    let begun = Instant::now();
    let mut streams: Vec<_> = (0..either(100, 1000)).map(|_| storm.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&null()[..bytes]).unwrap();
    }
    streams.iter_mut().for_each(ended);
    let closed = begun.elapsed();
    storm.end(&format!(
        "{} of {bytes} bytes, all closed in {closed:.1?}",
        streams.len()
    ));
    assert!(closed < Duration::from_secs(12), "{closed:?}");
}

#[test]
fn half_headers_are_closed() {
    halves("half-header", 3);
}

#[test]
fn half_records_are_closed() {
    halves("half-record", 36);
}

#[test]
fn records_that_trickle_in_are_closed() {
    let storm = Storm::begin("trickle", &[]);
    let begun = Instant::now();
    let mut streams: Vec<_> = (0..either(100, 500)).map(|_| storm.connect()).collect();
    let count = streams.len();
    let mut round = 0;
    // A byte a second, until nobody takes another. The last bytes are never sent.
    while !streams.is_empty() && round < 36 {
        streams.retain_mut(|stream| stream.write_all(&null()[round..=round]).is_ok());
        round += 1;
        thread::park_timeout(Duration::from_secs(1));
    }
    assert!(streams.is_empty(), "{} are left", streams.len());
    storm.end(&format!(
        "{count} at 1 B/s, all closed in {:.1?}",
        begun.elapsed()
    ));
}

#[test]
fn who_never_reads_a_reply_holds_nobody_up() {
    let storm = Storm::begin("never-reads", &[]);
    for program in 500_000..500_170 {
        storm.instance.set(program);
    }
    let before = storm.instance.memory("VmHWM");
    let dump = call(4, &[]);
    let mark = 0x8000_0000 | u32::try_from(dump.len()).unwrap();
    let dumps = [&mark.to_be_bytes()[..], &dump]
        .concat()
        .repeat(either(2_000, 12_000));
    let mut streams: Vec<_> = (0..either(40, 200)).map(|_| storm.connect()).collect();
    for stream in &mut streams {
        stream.set_nonblocking(true).unwrap();
        // As much as is taken; the daemon stops reading where replies stand still.
        let mut rest = &dumps[..];
        while let Ok(sent @ 1..) = stream.write(rest) {
            rest = &rest[sent..];
        }
    }
    for stream in &mut streams {
        stream.set_nonblocking(false).unwrap();
        // Whoever takes nothing for 5 s is closed, and the reset comes before what it has sent is taken.
        while stream.write_all(&dumps).is_ok() {}
    }
    let grown = storm.instance.memory("VmHWM").saturating_sub(before);
    let each = grown / streams.len() as u64;
    storm.end(&format!(
        "{} that ask for the list and take none, {each} KiB each",
        streams.len()
    ));
    // Of few, what the list itself takes is a part; `tests/tests/shares.rs` counts one exactly.
    assert!(!is_full() || each <= 64, "{each} KiB");
}
