//! An answer to DUMP, encoded once for all who ask.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use oncrpc_xdr::Bytes;

/// Longest list that is kept though nobody reads it, in bytes: some 15,000 registrations as they are.
///
/// A longer one is shared by those who read it at the same time, and goes with the last of them: a full registry's is
/// not to be held for a question that comes once a week.
const KEPT: usize = 1 << 20;

/// Most bytes of lists at a time, of which all but one are older than the last change.
///
/// Whoever reads slowly holds the list that there was when it asked; if the registry changes meanwhile, the next one
/// has another. With a full registry, of the longest entries that there are, that makes 64 MiB.
const HELD: usize = 24 << 20;

/// An answer to DUMP, as long as the registry does not change.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    kept: Option<Bytes>,
    shared: Weak<List>,
}

/// The lists that are held, by the registry or by those who read them: their bytes together.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<AtomicUsize>);

/// A list, for as long as anybody holds it.
#[derive(Debug)]
struct List {
    bytes: Vec<u8>,
    held: Held,
}

/// A list that somebody reads.
struct Read(Arc<List>);

impl AsRef<[u8]> for Read {
    fn as_ref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl Held {
    /// Whether there is room for a list of this length beside those that are held.
    pub(super) fn has_room(&self, len: u64) -> bool {
        let left = HELD.saturating_sub(self.0.load(Ordering::Relaxed));
        len <= left as u64
    }

    fn list(&self, bytes: Vec<u8>) -> Arc<List> {
        self.0.fetch_add(bytes.len(), Ordering::Relaxed);
        let held = self.clone();
        Arc::new(List { bytes, held })
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let Held(bytes) = &self.held;
        bytes.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

impl Snapshot {
    /// The list, if anybody has it.
    pub(super) fn there(&self) -> Option<Bytes> {
        let shared = || Some(Bytes::from_owner(Read(self.shared.upgrade()?)));
        self.kept.clone().or_else(shared)
    }

    /// The list, encoded if nobody has it.
    pub(super) fn get(&mut self, held: &Held, encode: impl FnOnce() -> Vec<u8>) -> Bytes {
        if let Some(list) = self.there() {
            return list;
        }
        let list = held.list(encode());
        self.shared = Arc::downgrade(&list);
        let is_kept = list.bytes.len() <= KEPT;
        let list = Bytes::from_owner(Read(list));
        self.kept = is_kept.then(|| list.clone());
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for a list of this length, and says whether it had to be encoded.
    fn asked(snapshot: &mut Snapshot, len: usize) -> (Bytes, bool) {
        let mut encoded = false;
        let list = snapshot.get(&Held::default(), || {
            encoded = true;
            vec![7; len]
        });
        assert_eq!(list.len(), len);
        (list, encoded)
    }

    #[test]
    fn a_short_list_is_kept_and_a_long_one_while_it_is_read() {
        for (len, kept) in [(1_048_576, true), (1_048_577, false)] {
            let mut snapshot = Snapshot::default();
            let (first, encoded) = asked(&mut snapshot, len);
            assert!(encoded);
            let (second, encoded) = asked(&mut snapshot, len);
            assert!(!encoded, "it is being read");
            assert_eq!(first.as_ptr(), second.as_ptr());
            drop((first, second));
            let (_, encoded) = asked(&mut snapshot, len);
            assert_eq!(encoded, !kept);
        }
    }

    #[test]
    fn lists_take_room_for_as_long_as_anybody_holds_them() {
        assert_eq!(HELD, 25_165_824);
        let held = Held::default();
        let list = |len| Snapshot::default().get(&held, || vec![7; len]);
        assert!(held.has_room(HELD as u64) && !held.has_room(HELD as u64 + 1));
        let mut readers = vec![list(HELD - 100), list(40)];
        readers.push(readers[1].clone());
        assert!(held.has_room(60) && !held.has_room(61));
        readers.truncate(2);
        assert!(!held.has_room(61), "it is still read");
        readers.truncate(1);
        assert!(held.has_room(100) && !held.has_room(101));
        let _too_much = list(1000);
        assert!(held.has_room(0) && !held.has_room(1));
        readers.clear();
        assert!(held.has_room(HELD as u64 - 1000));
    }
}
