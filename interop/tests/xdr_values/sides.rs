//! The two sides asked the same.

use std::collections::BTreeSet;

use super::peer::{Peer, Said};
use super::programs::{CASES_OF_A_FILE, INLINED, Programs};
use super::protocols::{Case, Protocol};
use super::reading::{Difference, Read, Side, read};

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
    /// What was not as it should have been: how many bytes it takes to see it, and what was said.
    pub failures: Vec<(usize, String)>,
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
    pub fn ours(&mut self, case: usize, bytes: Vec<u8>) -> Said {
        let number = self.file * CASES_OF_A_FILE + case;
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

    /// Both sides make of each of these what `expected` says.
    pub fn make(
        &mut self,
        case: usize,
        requests: &[Vec<u8>],
        expected: impl Fn(&[u8], Side) -> (Read, BTreeSet<Difference>),
    ) {
        let number = self.file * CASES_OF_A_FILE + case;
        let ours = self.ours.ask(number, requests);
        let theirs = self.theirs.iter_mut();
        let theirs: Vec<_> = theirs
            .map(|(flags, peer)| (*flags, peer.ask(case, requests)))
            .collect();
        for (index, bytes) in requests.iter().enumerate() {
            let (read, seen) = expected(bytes, Side::Ours);
            self.met.differences.extend(seen);
            if !is(&ours[index], &read) {
                self.failed(case, bytes, "ours", &ours[index], &read);
            }
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

    /// Whether the value is `read` but for bools, which are still what they were.
    fn keeps_bools(&self, case: usize, said: &Said, read: &Read) -> bool {
        let (Ok(Read::Value { taken, bytes }), Read::Value { bytes: normal, .. }) = (said, read)
        else {
            return false;
        };
        if bytes == normal {
            return false;
        }
        let again = self.read(case, Side::Theirs, bytes).0;
        let bytes = normal.clone();
        let length = bytes.len();
        let whole = Read::Value {
            taken: length,
            bytes,
        };
        let same_taken = matches!(read, Read::Value { taken: expected, .. } if expected == taken);
        again == whole && same_taken
    }

    /// What a side makes of bytes by all that is known of it.
    pub fn read(&self, case: usize, side: Side, bytes: &[u8]) -> (Read, BTreeSet<Difference>) {
        let types = &self.protocol.cases[case].types;
        read(&self.protocol.unit, side, types, bytes)
    }

    fn failed(&mut self, case: usize, bytes: &[u8], who: &str, said: &Said, expected: &Read) {
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
        self.met.failures.push((bytes.len(), failure));
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

/// Bytes in words, as hexadecimal.
pub struct Words<'a>(pub &'a [u8]);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (index, word) in self.0.chunks(4).enumerate() {
            let blank = if index == 0 { "" } else { " " };
            f.write_str(blank)?;
            word.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}
