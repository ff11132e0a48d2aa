//! What a journal tells, up to where it stops making sense.

use thiserror::Error;

use super::record::{BadRecord, MAGIC, Record};
use crate::registry::Registry;
use crate::state::Fingerprint;

/// A journal that is being read, from its start, in pieces of any length.
#[derive(Debug, Default)]
pub struct Replay {
    told: Told,
    /// Bytes of the journal that have been understood.
    at: u64,
}

/// What a journal tells.
#[derive(Debug, Default)]
pub struct Told {
    /// The registrations, without the daemon's own.
    pub registry: Registry,
    /// What rpcbind's own files were like when they told no more than the journal did; `None` of a journal
    /// that is damaged before it says so.
    pub files: Option<Fingerprint>,
    /// How many bytes are good.
    pub len: u64,
    /// Where the good part ends, if there is more.
    pub damage: Option<Damage>,
}

/// Where a journal stops making sense, and why. All that is before it is good, and nothing behind it counts.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{fault} at byte {at}")]
pub struct Damage {
    /// How many bytes are good.
    pub at: u64,
    /// What is wrong with those that follow.
    pub fault: Fault,
}

/// What is wrong.
#[derive(Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Fault {
    /// It does not start like one.
    #[error("no journal of this rpcbind")]
    NotAJournal,
    /// There is no record where one should be.
    #[error(transparent)]
    Record(#[from] BadRecord),
}

impl Replay {
    /// A journal of which nothing has been read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what is whole from the start of `bytes`, which follow what was taken before; says how many bytes
    /// that is. The rest has to be there again, with more behind it, or at the [`end`](Self::end).
    pub fn take(&mut self, bytes: &[u8]) -> usize {
        let before = self.at;
        let taken = |replay: &Self| {
            usize::try_from(replay.at.saturating_sub(before)).unwrap_or(bytes.len())
        };
        while self.told.damage.is_none() {
            match self.next(bytes.get(taken(self)..).unwrap_or_default()) {
                Ok(len) => self.at = self.at.saturating_add(len as u64),
                Err(Fault::Record(BadRecord::Cut { .. })) => break,
                Err(fault) => self.damaged(fault),
            }
        }
        taken(self)
    }

    /// What the journal told, if these bytes are its last that were not taken.
    pub fn end(mut self, rest: &[u8]) -> Told {
        let is_whole = self.at > 0 && rest.is_empty();
        if self.told.damage.is_none()
            && !is_whole
            && let Err(fault) = self.next(rest)
        {
            self.damaged(fault);
        }
        self.told.len = self.at;
        self.told
    }

    fn next(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        if self.at == 0 {
            let start = bytes.get(..MAGIC.len()).unwrap_or(bytes);
            return match MAGIC.strip_prefix(start) {
                Some([]) => Ok(MAGIC.len()),
                Some(_) => Err(Fault::Record(BadRecord::Cut {
                    needed: MAGIC.len(),
                    remaining: bytes.len(),
                })),
                None => Err(Fault::NotAJournal),
            };
        }
        let (record, len) = Record::decode(bytes, self.at)?;
        match record {
            Record::Change(change) => self.told.registry.apply(change),
            Record::Files(files) => self.told.files = Some(files),
        }
        Ok(len)
    }

    fn damaged(&mut self, fault: Fault) {
        let at = self.at;
        self.told.damage = Some(Damage { at, fault });
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::journal::record::{encode_change, snapshot};
    use crate::registry::model::{Model, Step, step};
    use crate::registry::{Change, Entry, Owner};
    use crate::state::Condition;

    const FILES: Fingerprint = Fingerprint {
        rpcbind: Condition::Missing,
        portmap: Condition::Refused,
    };

    /// A journal as it grows, and what was registered when.
    struct History {
        journal: Vec<u8>,
        /// The end of each good prefix, and what it tells.
        states: Vec<(usize, Vec<Entry>)>,
    }

    impl History {
        fn new() -> Self {
            let journal: Vec<u8> = snapshot(&Registry::new(), FILES).flatten().collect();
            let states = vec![
                (0, Vec::new()),
                (MAGIC.len(), Vec::new()),
                (journal.len(), Vec::new()),
            ];
            Self { journal, states }
        }

        /// What these steps leave in a list that is looked through; only what changes it is written.
        fn of(steps: Vec<Step>) -> Self {
            let mut history = Self::new();
            let mut model = Model::default();
            for step in steps {
                let before = model.0.clone();
                let change = match step {
                    Step::Announce(entry) | Step::Set(entry) => {
                        model.set(entry.clone(), before.len());
                        Change::Set(Cow::Owned(entry))
                    }
                    Step::Unset(program, version, netid, owner) => {
                        model.unset(program, version, &netid, &owner);
                        let netids = vec![netid.into()];
                        Change::Unset {
                            program,
                            version,
                            netids,
                        }
                    }
                };
                if model.0 != before {
                    history.add(change, model.0.clone());
                }
            }
            history
        }

        fn add(&mut self, change: Change<'_>, after: Vec<Entry>) {
            let record = encode_change(&change, self.journal.len() as u64);
            self.journal.extend(record);
            self.states.push((self.journal.len(), after));
        }

        /// The good prefix of what is good up to here, and what it tells.
        fn up_to(&self, at: usize) -> &(usize, Vec<Entry>) {
            let is_good = |(end, _): &&(usize, _)| *end <= at;
            self.states.iter().rev().find(is_good).unwrap()
        }
    }

    fn told(journal: &[u8]) -> Told {
        let mut replay = Replay::new();
        let taken = replay.take(journal);
        replay.end(&journal[taken..])
    }

    fn in_pieces(journal: &[u8], piece: usize) -> Told {
        let mut replay = Replay::new();
        let mut unread = Vec::new();
        for piece in journal.chunks(piece) {
            unread.extend(piece);
            unread.drain(..replay.take(&unread));
        }
        replay.end(&unread)
    }

    /// Asserts that a journal tells what stands in this history before the byte at `damaged`, and where it
    /// stops.
    fn tells_what_is_before(history: &History, told: &Told, damaged: usize) {
        let (end, entries) = history.up_to(damaged);
        assert!(told.registry.iter().eq(entries.iter().cloned()), "{told:?}");
        assert_eq!(told.damage.as_ref().unwrap().at, *end as u64);
    }

    fn short_history() -> History {
        let mut history = History::new();
        let entry = |netid: &str, uaddr: &str| {
            let owner = Owner::User(1000);
            Entry::new((400_000, 1), &netid.into(), &uaddr.into(), owner).unwrap()
        };
        let (udp, tcp) = (entry("udp", "0.0.0.0.8.1"), entry("tcp", "0.0.0.0.8.2"));
        let set = |entry| Change::Set(Cow::Borrowed(entry));
        history.add(set(&udp), vec![udp.clone()]);
        history.add(set(&tcp), vec![udp.clone(), tcp.clone()]);
        let both = Change::Unset {
            program: 400_000,
            version: 1,
            netids: vec!["tcp".into(), "udp".into()],
        };
        history.add(both, vec![]);
        history
    }

    #[test]
    fn every_prefix_tells_a_prefix_of_the_history_and_every_changed_byte_is_noticed() {
        let history = short_history();
        for at in 0..history.journal.len() {
            let prefix = told(&history.journal[..at]);
            let (end, entries) = history.up_to(at);
            assert!(prefix.registry.iter().eq(entries.iter().cloned()));
            let is_whole = at == *end && at > 0;
            assert_eq!(prefix.damage.is_none(), is_whole, "{at}: {prefix:?}");
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = history.journal.clone();
                changed[at] ^= flip;
                tells_what_is_before(&history, &told(&changed), at);
            }
        }
    }

    #[test]
    fn damage_is_told_with_its_place() {
        let history = short_history();
        let mut changed = history.journal.clone();
        changed[history.states[3].0] ^= 1;
        let len = history.journal.len();
        for (journal, words) in [
            (&b""[..], "18 bytes needed, 0 remain at byte 0"),
            (
                b"rpcbind journal 2\n",
                "no journal of this rpcbind at byte 0",
            ),
            (
                &history.journal[..len - 1],
                "40 bytes needed, 39 remain at byte 142",
            ),
            (&changed, "length 300 with complement 65491 at byte 90"),
            (
                &[&history.journal[..], &[0; 8]].concat(),
                "length 0 with complement 0 at byte 182",
            ),
        ] {
            assert_eq!(told(journal).damage.unwrap().to_string(), words);
        }
    }

    proptest! {
        #[test]
        fn a_journal_tells_what_happened(
            steps in prop::collection::vec(step(), 0..40),
            piece in 1_usize..200,
        ) {
            let history = History::of(steps);
            let (_, expected) = history.states.last().unwrap();
            for told in [told(&history.journal), in_pieces(&history.journal, piece)] {
                prop_assert!(told.registry.iter().eq(expected.iter().cloned()));
                prop_assert!(told.damage.is_none());
                prop_assert_eq!(told.files, Some(FILES));
            }
            let again: Vec<u8> = snapshot(&told(&history.journal).registry, FILES).flatten().collect();
            prop_assert!(told(&again).registry.iter().eq(expected.iter().cloned()));
        }

        #[test]
        fn damage_takes_away_only_what_follows_it(
            steps in prop::collection::vec(step(), 1..40),
            at in any::<prop::sample::Index>(),
            flip in 1..=u8::MAX,
        ) {
            let history = History::of(steps);
            let at = at.index(history.journal.len());
            let cut = told(&history.journal[..at]);
            prop_assert!(cut.registry.iter().eq(history.up_to(at).1.iter().cloned()));
            let mut changed = history.journal.clone();
            changed[at] ^= flip;
            tells_what_is_before(&history, &told(&changed), at);
        }

        #[test]
        fn whatever_the_bytes_are_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let journal = [MAGIC, &bytes].concat();
            prop_assert!(told(&journal).registry.is_empty());
            prop_assert!(told(&bytes).registry.is_empty());
        }
    }
}
