//! The two sides asked the same.

use std::collections::{BTreeMap, BTreeSet};

use super::manners::Manner;
use super::peer::{Peer, Said};
use super::programs::{INLINED, Programs, case_number};
use super::protocols::{Case, Protocol};
use super::reading::{Difference, Read, Side, Words, read};

/// The programs made of one .x file, running.
pub struct Sides<'a> {
    /// The file.
    pub protocol: &'a Protocol,
    file: usize,
    theirs: Vec<(&'static str, Peer)>,
    ours: Peer,
    met: Met,
}

/// What came of asking.
#[derive(Debug, Default)]
pub struct Met {
    /// The differences that are known.
    pub differences: BTreeSet<Difference>,
    /// How often something was not as it should have been.
    pub failures: usize,
    /// The fewest bytes that show it, and what was said of them, by type and by who said it.
    pub shortest: BTreeMap<(usize, &'static str), (usize, String)>,
}

impl<'a> Sides<'a> {
    /// Starts those of the file with this number.
    pub fn start(programs: &'a Programs, file: usize) -> Self {
        let theirs = programs.theirs[file].iter();
        Self {
            protocol: &programs.protocols[file],
            file,
            theirs: theirs
                .map(|(flags, program)| (*flags, Peer::start(program)))
                .collect(),
            ours: Peer::start(&programs.ours),
            met: Met::default(),
        }
    }

    /// What ours says of bytes.
    pub fn ours(&mut self, manner: Manner, case: usize, bytes: Vec<u8>) -> Said {
        let number = case_number(manner, self.file, case);
        self.ours.ask(number, &[bytes]).remove(0)
    }

    /// What theirs says of bytes, made in each way.
    pub fn theirs(&mut self, case: usize, bytes: &[u8]) -> Vec<Said> {
        let requests = [bytes.to_vec()];
        let theirs = self.theirs.iter_mut();
        theirs
            .map(|(_, peer)| peer.ask(case, &requests).remove(0))
            .collect()
    }

    /// Both sides make of each of these bytes what `expected` says.
    pub fn both_make(
        &mut self,
        case: usize,
        requests: &[Vec<u8>],
        expected: impl Fn(&[u8], Side) -> (Read, BTreeSet<Difference>),
    ) {
        for manner in Manner::ALL {
            let number = case_number(manner, self.file, case);
            let requests = match manner {
                Manner::Usual => requests,
                _ => &requests[..requests.len().min(OF_OTHER_MANNERS)],
            };
            let ours = self.ours.ask(number, requests);
            for (bytes, said) in requests.iter().zip(&ours) {
                let (read, seen) = expected(bytes, Side::Ours(manner));
                self.met.differences.extend(seen);
                if !is(said, &read) {
                    self.failed(case, bytes, manner.module(), said, &read);
                }
            }
        }
        let theirs = self.theirs.iter_mut();
        let theirs: Vec<_> = theirs
            .map(|(flags, peer)| (*flags, peer.ask(case, requests)))
            .collect();
        for (index, bytes) in requests.iter().enumerate() {
            let (read, seen) = expected(bytes, Side::Theirs);
            for (flags, said) in &theirs {
                let said = &said[index];
                let kept = *flags == INLINED
                    && seen.contains(&Difference::Bool)
                    && self.keeps_bools(case, said, &read);
                if kept {
                    self.met.differences.insert(Difference::InlinedBool);
                } else if !is(said, &read) {
                    self.failed(case, bytes, flags, said, &read);
                }
            }
            self.met.differences.extend(seen);
        }
    }

    /// Whether this is the value expected but for bools, which are still what they were.
    fn keeps_bools(&self, case: usize, said: &Said, expected: &Read) -> bool {
        let (
            Ok(Read::Value { taken, bytes }),
            Read::Value {
                taken: all,
                bytes: normal,
            },
        ) = (said, expected)
        else {
            return false;
        };
        let Protocol { unit, cases, .. } = self.protocol;
        let (again, _) = read(unit, Side::Theirs, &cases[case].types, bytes);
        taken == all && bytes != normal && again == Read::whole(normal)
    }

    fn failed(
        &mut self,
        case: usize,
        bytes: &[u8],
        who: &'static str,
        said: &Said,
        expected: &Read,
    ) {
        self.met.failures += 1;
        let shortest = self.met.shortest.get(&(case, who));
        if shortest.is_some_and(|(length, _)| *length <= bytes.len()) {
            return;
        }
        let Case { name, .. } = &self.protocol.cases[case];
        let said = match said {
            Ok(read) => read.to_string(),
            Err(wrong) => format!("a value of which something does not hold: {wrong}"),
        };
        let failure = format!(
            "{}.x, {name}, of {}\n    expected {expected}\n    {who} says {said}",
            self.protocol.name,
            Words(bytes),
        );
        let shortest = &mut self.met.shortest;
        shortest.insert((case, who), (bytes.len(), failure));
    }

    /// What came of all that was asked.
    pub fn met(self) -> Met {
        self.met
    }
}

/// Whether this was said; a refusal needs no words.
fn is(said: &Said, expected: &Read) -> bool {
    match (said, expected) {
        (Ok(Read::Refused(_)), Read::Refused(_)) => true,
        (Ok(said), expected) => said == expected,
        (Err(_), _) => false,
    }
}

/// Values of each type that are tried in manners other than the usual.
const OF_OTHER_MANNERS: usize = 200;
