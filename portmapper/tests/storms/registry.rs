//! A registry that is full.

use std::os::unix::net::UnixStream;
use std::time::Instant;

use crate::instance::{Place, ask, rpcb, words};
use crate::others::Way;
use crate::weather::{Storm, either};

/// Entries of version 4's DUMP whose program is one of these tests'.
fn listed(dump: &[u8]) -> usize {
    let programs = dump.chunks(4).map(|word| word == words(&[0x3000_0000]));
    // Each is of its own version, which is the word behind.
    programs.filter(|&is| is).count()
}

#[test]
fn a_full_registry_says_no_to_one_more_and_nothing_else_changes() {
    let most: u32 = either(500, 65_536);
    let place = Place::new("storm-registry");
    let instance = place.start(&["--set", &format!("registrations = {most}")]);
    // Those who register would not find room.
    let ways = [Way::Datagrams, Way::Kept, Way::New];
    let storm = Storm::over("registry", place, instance, &ways);
    let mut stream = UnixStream::connect(&storm.instance.socket).unwrap();
    let entry = |version: u32| {
        let mut entry = rpcb(0x3000_0000, "tcp", "0.0.0.0.8.1");
        entry[4..8].copy_from_slice(&version.to_be_bytes());
        entry
    };
    let (yes, no) = (words(&[1]), words(&[0]));
    let begun = Instant::now();
    let full = (0..=most)
        .find(|&version| ask(&mut stream, 1, &entry(version)) == no)
        .unwrap();
    let took = begun.elapsed();
    assert!(
        (most - 16..most).contains(&full),
        "the daemon's own are some: {full}"
    );
    for version in [full, full + 1, u32::MAX] {
        assert_eq!(
            ask(&mut stream, 1, &entry(version)),
            no,
            "version {version}"
        );
    }
    let begun = Instant::now();
    assert_eq!(listed(&ask(&mut stream, 4, &[])), full as usize);
    let dump = begun.elapsed();
    // Whoever is in has its answer, can come again, and can leave for another.
    let address = ask(&mut storm.connect(), 3, &entry(full / 2));
    assert_eq!(address[4..], *b"127.0.0.1.8.1\0\0\0");
    assert_eq!(ask(&mut stream, 1, &entry(0)), yes);
    assert_eq!(ask(&mut stream, 2, &entry(0)), yes);
    assert_eq!(ask(&mut stream, 1, &entry(full)), yes);
    assert_eq!(ask(&mut stream, 1, &entry(full + 1)), no);
    storm.end(&format!(
        "{full} SETs in {took:.1?}; a DUMP of them in {dump:.1?}"
    ));
}
