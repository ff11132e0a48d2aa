//! What a registry takes in memory that is as full as it can be, while slow readers are told of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "others use more of it")]
mod instance;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use instance::{Instance, Place, ask, call, rpcb, words};

/// Most memory that the daemon may have: 64 MiB, in KiB.
const MOST_MEMORY: u64 = 64 << 10;

/// Entries that are registered at once; their answers fit into the daemon's output.
const AT_ONCE: u32 = 64;

/// A call as a record.
fn record(procedure: u32, args: &[u8]) -> Vec<u8> {
    let call = call(procedure, args);
    let mark = 0x8000_0000 | u32::try_from(call.len()).unwrap();
    [&mark.to_be_bytes()[..], &call].concat()
}

/// The longest entry that can be registered, with a netid that no other has.
fn longest(number: u32) -> Vec<u8> {
    let (netid, uaddr) = (format!("{number:064}"), format!("{number:0256}"));
    rpcb(0x3000_0000 + number, &netid, &uaddr)
}

/// Registers until there is no room; says how many there are.
fn fill(stream: &mut TcpStream) -> u32 {
    for first in (0..).step_by(AT_ONCE as usize) {
        let calls = (first..first + AT_ONCE).map(|number| record(1, &longest(number)));
        stream
            .write_all(&calls.collect::<Vec<_>>().concat())
            .unwrap();
        let mut replies = vec![0; 32 * AT_ONCE as usize];
        stream.read_exact(&mut replies).unwrap();
        let is_granted = |reply: &&[u8]| reply[28..] == [0, 0, 0, 1];
        let granted = replies.chunks(32).take_while(is_granted).count();
        if granted < AT_ONCE as usize {
            return first + u32::try_from(granted).unwrap();
        }
    }
    unreachable!("there are fewer numbers than that");
}

/// Asks for the list and reads no more than how the answer begins: its accept_stat, 0 or 5 for SYSTEM_ERR.
fn begin_to_read(place: &Place) -> (TcpStream, u32) {
    let mut stream = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    stream.write_all(&record(4, &[])).unwrap();
    let mut head = [0; 28];
    stream.read_exact(&mut head).unwrap();
    (stream, u32::from_be_bytes(head[24..].try_into().unwrap()))
}

/// The most that was in memory, in KiB.
fn peak(instance: &Instance) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", instance.process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[test]
fn a_full_registry_and_those_who_read_it_slowly_keep_within_64_mib() {
    let place = Place::new("memory");
    let instance = place.start(&[]);
    let mut stream = TcpStream::connect(("127.0.0.1", place.port)).unwrap();
    let entries = fill(&mut stream);
    let full = peak(&instance);
    let mut readers = Vec::new();
    let refused = loop {
        let (reader, status) = begin_to_read(&place);
        if status != 0 {
            break status;
        }
        readers.push(reader);
        // Who asks for the same list shares it.
        readers.push(begin_to_read(&place).0);
        let now = peak(&instance);
        assert!(now <= MOST_MEMORY, "{now} KiB, {} readers", readers.len());
        let number = u32::try_from(readers.len()).unwrap();
        assert_eq!(ask(&mut stream, 2, &longest(number)), words(&[1]));
    };
    assert_eq!(refused, 5);
    assert!(readers.len() >= 4, "some read at the same time");
    let at_most = peak(&instance);
    println!(
        "{entries} entries, {full} KiB; {} slow readers, {at_most} KiB",
        readers.len()
    );
    assert!(at_most <= MOST_MEMORY, "{at_most} KiB");
    // All else is answered meanwhile, and the list as well when there is room again.
    assert_eq!(ask(&mut stream, 1, &longest(2)), words(&[1]));
    drop(readers);
    while begin_to_read(&place).1 != 0 {
        std::thread::yield_now();
    }
}
