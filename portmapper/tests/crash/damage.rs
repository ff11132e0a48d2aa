//! Files that were damaged: what stands before the damage is known, and nothing is made up.

use oncrpc_portmapper::registry::{Entry, Owner};
use oncrpc_xdr::Bytes;

use crate::daemon::{Daemon, entry};
use crate::disk::{Image, Memory};
use crate::numbers::{Numbers, either};

/// A journal, and what it tells up to where.
struct Journal {
    bytes: Vec<u8>,
    states: Vec<(usize, Bytes)>,
}

impl Journal {
    fn new() -> Self {
        let mut daemon = Daemon::start(Memory::default());
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        let mut states = vec![(0, daemon.list())];
        for _ in 0..60 {
            let step = entry(1 + numbers.below(20), 12 + numbers.below(40) as usize);
            let done = match daemon.registry.would_set(&step).accepted() {
                true => daemon.set(&step),
                false => daemon.unset(step.program),
            };
            assert!(done);
            let end = daemon.disk.image().read("journal").len();
            states.push((end, daemon.list()));
        }
        let bytes = daemon.disk.image().read("journal").to_vec();
        Self { bytes, states }
    }

    /// What it tells if nothing from this byte on can be believed.
    fn up_to(&self, at: usize) -> &Bytes {
        let states = self.states.iter().rev();
        let mut before = states.skip_while(|(end, _)| *end > at);
        &before.next().unwrap().1
    }

    /// Asserts that this is what a start makes of these bytes, which are good up to there.
    fn is_good_up_to(&self, at: usize, bytes: &[u8]) {
        let mut daemon = Daemon::start(Memory::holding(Image::default().with("journal", bytes)));
        assert!(daemon.list() == self.up_to(at), "damage at byte {at}");
        // Nothing of it is lost.
        let image = daemon.disk.image();
        let kept = ["journal", "journal.bad"].map(|name| image.get(name));
        let is_kept = |kept: &[u8]| kept.starts_with(bytes);
        assert!(kept.into_iter().flatten().any(is_kept), "{at}");
    }
}

/// Some bytes with one of their bits the other way round, and its place.
fn flipped(bytes: &[u8], numbers: &mut Numbers) -> (usize, Vec<u8>) {
    let bit = numbers.below(8 * u32::try_from(bytes.len()).unwrap()) as usize;
    let mut changed = bytes.to_vec();
    changed[bit / 8] ^= 1 << (bit % 8);
    (bit / 8, changed)
}

/// Some bytes with another word in the place of one, and the place of the first byte that is another.
fn with_another_word(bytes: &[u8], numbers: &mut Numbers) -> (usize, Vec<u8>) {
    let at = 4 * numbers.below(u32::try_from(bytes.len() / 4).unwrap()) as usize;
    // Small numbers, those next to the old one, and any.
    let old = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let word = match numbers.below(4) {
        0 => numbers.below(16),
        1 => old.wrapping_add(1),
        2 => old.wrapping_sub(1),
        _ => numbers.below(u32::MAX),
    };
    let mut changed = bytes.to_vec();
    changed[at..at + 4].copy_from_slice(&word.to_be_bytes());
    let differs = |index: &usize| bytes[*index] != changed[*index];
    let first = (0..bytes.len()).find(differs);
    (first.unwrap_or(bytes.len()), changed)
}

/// So many bits and words, in CI and in full.
fn counts() -> (usize, usize) {
    either((5_000, 2_000), (50_000, 20_000))
}

#[test]
fn a_damaged_journal_tells_what_stands_before_the_damage() {
    let journal = Journal::new();
    let bytes = &journal.bytes;
    for len in 0..=bytes.len() {
        journal.is_good_up_to(len, &bytes[..len]);
    }
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let (flips, words) = counts();
    for _ in 0..flips {
        let (at, changed) = flipped(bytes, &mut numbers);
        journal.is_good_up_to(at, &changed);
    }
    for _ in 0..words {
        let (at, changed) = with_another_word(bytes, &mut numbers);
        journal.is_good_up_to(at, &changed);
    }
    println!("{} lengths, {flips} bits, {words} words", bytes.len());
}

/// How many of these are not among those, which are in the same order.
fn made_up(found: &[Entry], registered: &[Entry]) -> usize {
    found
        .iter()
        .filter(|entry| !registered.contains(entry))
        .count()
}

/// rpcbind's own files have no checksums: what is still a list is believed. It is the one that was written, but for one
/// entry at most.
#[test]
fn damage_to_a_file_of_rpcbinds_own_is_refused_or_in_one_entry() {
    let mut daemon = Daemon::start(Memory::default());
    for program in 1..=40 {
        let uaddr = format!("0.0.0.0.8.{program}").into();
        let udp = Entry::new((program, 1), &"udp".into(), &uaddr, Owner::User(1000));
        assert!(daemon.set(&udp.unwrap()));
    }
    daemon.end();
    let image = daemon.disk.image();
    for name in ["rpcbind.xdr", "portmap.xdr"] {
        let bytes = image.read(name);
        let found = |bytes: &[u8]| -> Vec<Entry> {
            let image = Image::default().with(name, bytes);
            let daemon = Daemon::start(Memory::holding(image));
            let registered = daemon.registry.registered();
            registered.map(|there| there.entry()).collect()
        };
        let registered = found(bytes);
        assert_eq!(registered.len(), 40);
        for len in 0..bytes.len() {
            assert!(found(&bytes[..len]).is_empty(), "{name}, {len} bytes");
        }
        let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
        let (flips, words) = counts();
        let mut refused = 0;
        for number in 0..flips + words {
            let (at, changed) = match number < flips {
                true => flipped(bytes, &mut numbers),
                false => with_another_word(bytes, &mut numbers),
            };
            let found = found(&changed);
            refused += usize::from(found.is_empty());
            let is_well =
                found.is_empty() || found.len() >= 39 && made_up(&found, &registered) <= 1;
            assert!(is_well, "{name}, byte {at}: {found:?}");
        }
        println!(
            "{name}: {} lengths, {flips} bits, {words} words, of which {refused} refused",
            bytes.len()
        );
    }
}
