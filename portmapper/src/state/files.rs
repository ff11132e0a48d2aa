//! rpcbind's own files as they were found, and by what they are known again.

use std::io::{self, Read, Write};

use crc32fast::Hasher;
use oncrpc_xdr::{Bytes, DecodeError};

use super::lists::{pmaplist, rpcblist};
use super::{State, StateDirectory, StateError};
use crate::registry::{MAX_ENTRIES, MAX_NETID, MAX_OWNER, MAX_UADDR};

/// What both files were like. Nothing is kept of what is in them, since nearly always that is known already.
#[derive(Debug)]
pub struct Files {
    directory: StateDirectory,
    rpcbind: Found,
    portmap: Found,
}

/// What one of them is like, or why it is refused.
type Found = Result<Condition, StateError>;

type ReadList = fn(&Bytes) -> Result<State, DecodeError>;

/// By what both files are known again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// `rpcbind.xdr`
    pub rpcbind: Condition,
    /// `portmap.xdr`
    pub portmap: Condition,
}

/// What a file is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// There is none.
    Missing,
    /// It cannot be read, or is not trusted: nothing is known of it.
    Refused,
    /// It holds these bytes.
    Whole {
        /// How many.
        length: u32,
        /// Their CRC-32.
        checksum: u32,
    },
}

impl Fingerprint {
    /// Whether both files are what they were then, as far as anything is known of them.
    pub fn may_be(&self, then: &Self) -> bool {
        let same =
            |now, then| now == then || now == Condition::Refused || then == Condition::Refused;
        same(self.rpcbind, then.rpcbind) && same(self.portmap, then.portmap)
    }
}

/// The registrations of versions 3 and 4.
pub(super) const RPCBIND: &str = "rpcbind.xdr";

/// The registrations of version 2.
pub(super) const PORTMAP: &str = "portmap.xdr";

/// Longest file that is read, in bytes: a full registry of the longest entries.
const MAX_FILE: u64 = (MAX_ENTRIES * (12 + 3 * 4 + MAX_NETID + MAX_UADDR + MAX_OWNER) + 4) as u64;

impl Files {
    /// Reads the files of this directory.
    pub(super) fn read(directory: &StateDirectory) -> Self {
        let [rpcbind, portmap] = [RPCBIND, PORTMAP].map(|name| condition(directory, name));
        Self {
            directory: directory.clone(),
            rpcbind,
            portmap,
        }
    }

    /// By what they are known again.
    pub fn fingerprint(&self) -> Fingerprint {
        let known = |found: &Found| found.as_ref().copied().unwrap_or(Condition::Refused);
        Fingerprint {
            rpcbind: known(&self.rpcbind),
            portmap: known(&self.portmap),
        }
    }

    /// Why those are refused that are.
    pub fn refusals(&self) -> impl Iterator<Item = &StateError> {
        let found = [&self.rpcbind, &self.portmap].into_iter();
        found.filter_map(|found| found.as_ref().err())
    }

    /// What they tell; nothing if there are none.
    ///
    /// `portmap.xdr` says nothing that `rpcbind.xdr` does not, and is heard only where the latter is missing:
    /// an older portmapper may have left it alone. It names no owners; the superuser gets them.
    pub fn registrations(self) -> Result<State, StateError> {
        let lists = [
            (self.rpcbind, RPCBIND, rpcblist as ReadList),
            (self.portmap, PORTMAP, pmaplist),
        ];
        for (found, name, read) in lists {
            if found? != Condition::Missing
                && let Some(list) = contents(&self.directory, name)?
            {
                let path = self.directory.path().join(name);
                return read(&list).map_err(|error| StateError::Damaged { path, error });
            }
        }
        Ok(State::default())
    }
}

/// What a file is like that only we, or root, can have written.
fn condition(directory: &StateDirectory, name: &str) -> Found {
    let Some(file) = directory.open(name, MAX_FILE)? else {
        return Ok(Condition::Missing);
    };
    let mut sum = Sum::default();
    let length = io::copy(&mut file.take(MAX_FILE), &mut sum);
    let length = length.map_err(|error| StateError::io(&directory.path().join(name), error))?;
    Ok(Condition::Whole {
        #[expect(clippy::cast_possible_truncation, reason = "MAX_FILE has 32 bits")]
        length: length as u32,
        checksum: sum.0.finalize(),
    })
}

/// The checksum of what is written.
#[derive(Default)]
struct Sum(Hasher);

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The bytes of a file that only we, or root, can have written; `None` if there is none.
fn contents(directory: &StateDirectory, name: &str) -> Result<Option<Bytes>, StateError> {
    let Some(file) = directory.open(name, MAX_FILE)? else {
        return Ok(None);
    };
    let mut contents = Vec::new();
    match file.take(MAX_FILE).read_to_end(&mut contents) {
        Ok(_) => Ok(Some(contents.into())),
        Err(error) => Err(StateError::io(&directory.path().join(name), error)),
    }
}
