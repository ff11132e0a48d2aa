//! rpcbind's own files as they were found, and by what they are known again.

use std::io::Read;
use std::path::{Path, PathBuf};

use oncrpc_xdr::Bytes;

use super::lists::{pmaplist, rpcblist};
use super::{State, StateError, trust};
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
    /// It cannot be read, or is not trusted.
    Refused,
    /// It holds these bytes.
    Whole {
        /// How many.
        length: u32,
        /// Their CRC-32.
        checksum: u32,
    },
}

/// The registrations of versions 3 and 4.
pub(super) const RPCBIND: &str = "rpcbind.xdr";

/// The registrations of version 2.
pub(super) const PORTMAP: &str = "portmap.xdr";

/// Longest file that is read, in bytes: a full registry of the longest entries.
const MAX_FILE: u32 = (MAX_ENTRIES * (12 + 3 * 4 + MAX_NETID + MAX_UADDR + MAX_OWNER) + 4) as u32;

impl Files {
    /// Reads the files of this directory.
    pub(super) fn read(directory: &Path) -> Self {
        let [rpcbind, portmap] = [RPCBIND, PORTMAP].map(|name| Found::read(directory.join(name)));
        Self { rpcbind, portmap }
    }

    /// By what they are known again.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            rpcbind: self.rpcbind.condition(),
            portmap: self.portmap.condition(),
        }
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
    fn read(path: PathBuf) -> Self {
        let contents = read(&path);
        Self { path, contents }
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
fn read(path: &Path) -> Result<Option<Bytes>, StateError> {
    let Some(file) = trust::open(path, u64::from(MAX_FILE))? else {
        return Ok(None);
    };
    let mut contents = Vec::new();
    match file.take(u64::from(MAX_FILE)).read_to_end(&mut contents) {
        Ok(_) => Ok(Some(contents.into())),
        Err(error) => Err(StateError::Io {
            path: path.to_owned(),
            error,
        }),
    }
}
