//! What may be on a disk after the power has gone: names and contents of different moments, and sectors that were never
//! written.
//!
//! A state directory is in memory on most hosts, and nothing is forced onto a disk. Where it is on one all the same, what
//! is found there was registered once.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use oncrpc_portmapper::registry::{Entry, Registry};
use oncrpc_xdr::Bytes;

use crate::daemon::{Daemon, entry};
use crate::disk::{Image, Memory, Operation};
use crate::numbers::{Numbers, either};

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// A daemon that lives through some restarts, and all that was ever registered with it.
struct History {
    operations: Vec<Operation>,
    /// The answers to DUMP, of which the last is now.
    states: HashSet<Bytes>,
}

impl History {
    fn new(numbers: &mut Numbers) -> Self {
        let disk = Memory::default();
        let mut states = HashSet::new();
        for _ in 0..4 {
            let mut daemon = Daemon::start(disk.clone());
            for _ in 0..300 {
                let before: Vec<Entry> = daemon.registry.iter().collect();
                let renewals = daemon.renewals();
                let step = entry(1 + numbers.below(30), 200);
                let _ = match daemon.registry.would_set(&step).accepted() && numbers.below(2) == 0 {
                    true => daemon.set(&step),
                    false => daemon.unset(step.program),
                };
                if daemon.renewals() > renewals {
                    // It was written anew before the step was added to it.
                    states.extend(prefixes(&before));
                }
                states.insert(daemon.list());
            }
            let left: Vec<Entry> = daemon.registry.iter().collect();
            states.extend(prefixes(&left));
            if numbers.below(2) == 0 {
                daemon.end();
            }
        }
        let operations = disk.done_since(0);
        Self { operations, states }
    }

    /// What may be there when the power goes.
    fn image(&self, numbers: &mut Numbers) -> Image {
        let mut below = |end: usize| numbers.below(u32::try_from(end).unwrap()) as usize;
        let now = 1 + below(self.operations.len());
        let done = &self.operations[..now];
        let names_of = &done[..=below(now)];
        let lost = below(now);
        let image = Image::default().after(done);
        // Names may be older than contents, and one of their changes may be lost.
        let is_lost = |(at, operation): &(usize, &Operation)| {
            let may_be = matches!(operation, Operation::Rename(..) | Operation::Remove(..));
            may_be && *at == lost
        };
        let mut names = Image::default();
        for (_, operation) in names_of.iter().enumerate().filter(|step| !is_lost(step)) {
            names.apply(operation);
        }
        let mut files = image.files;
        for bytes in &mut files {
            forget(bytes, &mut below);
        }
        files.resize(files.len().max(names.files.len()), Vec::new());
        let names = names.names;
        Image { names, files }
    }
}

/// A registry as it stands at the start of a journal, entry by entry; the first one is the daemon's own.
fn prefixes(entries: &[Entry]) -> Vec<Bytes> {
    let (own, registered) = entries.split_first().unwrap();
    let mut prefix = Registry::new();
    prefix.announce(own.clone());
    let mut prefixes = vec![prefix.dump()];
    for entry in registered {
        prefix.set(entry.clone());
        prefixes.push(prefix.dump());
    }
    prefixes
}

/// Takes away some of what was not forced onto the disk.
fn forget(bytes: &mut Vec<u8>, below: &mut impl FnMut(usize) -> usize) {
    let sectors = bytes.len().div_ceil(SECTOR);
    let from = (SECTOR * below(sectors + 1)).min(bytes.len());
    match below(6) {
        0 => {}
        1 => bytes.clear(),
        // The end, in whole sectors or in the midst of one.
        2 => bytes.truncate(from),
        3 => bytes.truncate(below(bytes.len() + 1)),
        // The length is there, the rest of the contents is not.
        4 => bytes[from..].fill(0),
        // Some sectors are not there.
        _ => bytes
            .chunks_mut(SECTOR)
            .filter(|_| below(4) == 0)
            .for_each(|sector| sector.fill(0)),
    }
}

#[test]
fn whatever_is_left_when_the_power_goes_was_registered_once() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (histories, each) = either((4, 2_500), (40, 2_500));
    let mut empty = 0;
    for _ in 0..histories {
        let history = History::new(&mut numbers);
        let nothing = Daemon::found(Image::default());
        for number in 0..each {
            let image = history.image(&mut numbers);
            let found = catch_unwind(AssertUnwindSafe(|| Daemon::found(image)));
            let found = found.unwrap_or_else(|_| panic!("image {number} panics"));
            assert!(history.states.contains(&found), "image {number}");
            empty += usize::from(found == nothing);
        }
    }
    let images = histories * each;
    println!("{images} images, of which {empty} hold nothing");
    assert!(empty < images / 2);
}
