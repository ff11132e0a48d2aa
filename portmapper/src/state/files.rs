//! rpcbind's own files as they were found, and by what they are known again.

use std::io::Read;
use std::path::PathBuf;

use oncrpc_xdr::Bytes;

use super::lists::{pmaplist, rpcblist};
use super::{State, StateDirectory, StateError};
use crate::registry::{MAX_ENTRIES, MAX_NETID, MAX_OWNER, MAX_UADDR};

/// Both files, read or refused.
#[derive(Debug)]
pub struct Files {
    rpcbind: Found,
    portmap: Found,
}

#[derive(Debug)]
struct Found {
    path: PathBuf,
    contents: Result<Option<Bytes>, StateError>,
}

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
        let [rpcbind, portmap] = [RPCBIND, PORTMAP].map(|name| Found::read(directory, name));
        Self { rpcbind, portmap }
    }

    /// By what they are known again.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            rpcbind: self.rpcbind.condition(),
            portmap: self.portmap.condition(),
        }
    }

    /// Why those are refused that are.
    pub fn refusals(&self) -> impl Iterator<Item = &StateError> {
        let found = [&self.rpcbind, &self.portmap].into_iter();
        found.filter_map(|found| found.contents.as_ref().err())
    }

    /// What they tell; nothing if there are none.
    ///
    /// `portmap.xdr` says nothing that `rpcbind.xdr` does not, and is heard only where the latter is missing:
    /// an older portmapper may have left it alone. It names no owners; the superuser gets them.
    pub fn registrations(self) -> Result<State, StateError> {
        let Self { rpcbind, portmap } = self;
        let (path, read) = if let Some(list) = rpcbind.contents? {
            (rpcbind.path, rpcblist(&list))
        } else if let Some(list) = portmap.contents? {
            (portmap.path, pmaplist(&list))
        } else {
            return Ok(State::default());
        };
        read.map_err(|error| StateError::Damaged { path, error })
    }
}

impl Found {
    fn read(directory: &StateDirectory, name: &str) -> Self {
        Self {
            path: directory.path().join(name),
            contents: read(directory, name),
        }
    }

    fn condition(&self) -> Condition {
        match &self.contents {
            Err(_) => Condition::Refused,
            Ok(None) => Condition::Missing,
            #[expect(clippy::cast_possible_truncation, reason = "MAX_FILE has 32 bits")]
            Ok(Some(bytes)) => Condition::Whole {
                length: bytes.len() as u32,
                checksum: crc32fast::hash(bytes),
            },
        }
    }
}

/// The bytes of a file that only we, or root, can have written; `None` if there is none.
fn read(directory: &StateDirectory, name: &str) -> Result<Option<Bytes>, StateError> {
    let Some(file) = directory.open(name, MAX_FILE)? else {
        return Ok(None);
    };
    let mut contents = Vec::new();
    match file.take(MAX_FILE).read_to_end(&mut contents) {
        Ok(_) => Ok(Some(contents.into())),
        Err(error) => Err(StateError::io(&directory.path().join(name), error)),
    }
}
