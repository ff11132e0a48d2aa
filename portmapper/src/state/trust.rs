//! Files that are believed, owners and all: only those that nobody else can have written.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

use super::StateError;

/// Opens a file that only we, or root, can have written, and that has at most so many bytes; `None` if there
/// is none.
pub(crate) fn open(path: &Path, max_len: u64) -> Result<Option<File>, StateError> {
    let failed = |error| StateError::Io {
        path: path.to_owned(),
        error,
    };
    // Not to wait for the other end, should it be a pipe.
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path);
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    if let Some(reason) = distrust(&file, max_len).map_err(failed)? {
        let path = path.to_owned();
        return Err(StateError::NotTrusted { path, reason });
    }
    Ok(Some(file))
}

/// Why a file is not to be trusted, if it is not.
fn distrust(file: &File, max_len: u64) -> io::Result<Option<String>> {
    let metadata = file.metadata()?;
    let us = nix::unistd::geteuid().as_raw();
    let (owner, mode, len) = (metadata.uid(), metadata.mode() & 0o7777, metadata.len());
    Ok(if !metadata.is_file() {
        Some("it is not a file".to_owned())
    } else if owner != us && owner != 0 {
        Some(format!("it belongs to user {owner}"))
    } else if mode & 0o077 != 0 {
        Some(format!("its mode is {mode:04o}, expected 0600"))
    } else if len > max_len {
        Some(format!("it has {len} bytes, allowed are {max_len}"))
    } else {
        None
    })
}
