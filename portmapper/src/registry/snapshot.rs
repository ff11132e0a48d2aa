//! An answer to DUMP, encoded once for all who ask.

use std::sync::{Arc, Weak};

use oncrpc_xdr::Bytes;

/// Longest list that is kept though nobody reads it, in bytes: some 15,000 registrations as they are.
///
/// A longer one is shared by those who read it at the same time, and goes with the last of them: a full registry's is
/// 19 MB, which is not to be held for a question that comes once a week.
const KEPT: usize = 1 << 20;

/// An answer to DUMP, as long as the registry does not change.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    kept: Option<Bytes>,
    shared: Weak<Vec<u8>>,
}

/// A list that somebody reads.
struct Read(Arc<Vec<u8>>);

impl AsRef<[u8]> for Read {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Snapshot {
    /// The list, encoded if nobody has it.
    pub(super) fn get(&mut self, encode: impl FnOnce() -> Vec<u8>) -> Bytes {
        if let Some(kept) = &self.kept {
            return kept.clone();
        }
        if let Some(shared) = self.shared.upgrade() {
            return Bytes::from_owner(Read(shared));
        }
        let list = encode();
        if list.len() <= KEPT {
            return self.kept.insert(list.into()).clone();
        }
        let list = Arc::new(list);
        self.shared = Arc::downgrade(&list);
        Bytes::from_owner(Read(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for a list of this length, and says whether it had to be encoded.
    fn asked(snapshot: &mut Snapshot, len: usize) -> (Bytes, bool) {
        let mut encoded = false;
        let list = snapshot.get(|| {
            encoded = true;
            vec![7; len]
        });
        assert_eq!(list.len(), len);
        (list, encoded)
    }

    #[test]
    fn a_short_list_is_kept_and_a_long_one_while_it_is_read() {
        for (len, kept) in [(KEPT, true), (KEPT + 1, false)] {
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
}
