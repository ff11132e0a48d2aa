//! Files that are believed, owners and all: only those that nobody else can have written.

use std::io;
use std::path::Path;

use nix::unistd::{getegid, geteuid};

use super::StateError;
use super::disk::{Disk, Kind, OpenFile, Standing};

/// Whether nobody else can put files into this directory, or take them away; one that is not there yet is nobody's.
pub(crate) fn directory(disk: &dyn Disk, path: &Path) -> Result<(), StateError> {
    match disk.standing(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        standing => believe(path, standing, distrust_directory),
    }
}

/// A file that was opened, if only we, or root, can have written it, and it has at most so many bytes; `None` if there
/// is none.
pub(crate) fn file(
    opened: io::Result<Box<dyn OpenFile>>,
    path: &Path,
    max_len: u64,
) -> Result<Option<Box<dyn OpenFile>>, StateError> {
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| StateError::io(path, error))?,
    };
    believe(path, file.standing(), |standing| {
        distrust_file(standing, max_len)
    })?;
    Ok(Some(file))
}

fn believe(
    path: &Path,
    standing: io::Result<Standing>,
    distrust: impl FnOnce(&Standing) -> Option<String>,
) -> Result<(), StateError> {
    let standing = standing.map_err(|error| StateError::io(path, error))?;
    match distrust(&standing) {
        None => Ok(()),
        Some(reason) => Err(StateError::NotTrusted {
            path: path.to_owned(),
            reason,
        }),
    }
}

/// Why a directory is not to be trusted, if it is not.
///
/// Where everybody may add files and nobody may take away those of others, as in `/tmp`, each file speaks for itself.
fn distrust_directory(standing: &Standing) -> Option<String> {
    let &Standing {
        kind,
        owner,
        group,
        mode,
        ..
    } = standing;
    let of_our_group = [0, getegid().as_raw()].contains(&group);
    let others = if of_our_group { 0o002 } else { 0o022 };
    if kind != Kind::Directory {
        Some("it is not a directory".to_owned())
    } else if !is_ours(owner) {
        Some(format!("it belongs to user {owner}"))
    } else if mode & others != 0 && mode & STICKY == 0 {
        Some(format!("its mode is {mode:04o}: others can write in it"))
    } else {
        None
    }
}

/// Why a file is not to be trusted, if it is not.
fn distrust_file(standing: &Standing, max_len: u64) -> Option<String> {
    let &Standing {
        kind,
        owner,
        mode,
        names,
        len,
        ..
    } = standing;
    if kind != Kind::File {
        Some("it is not a file".to_owned())
    } else if !is_ours(owner) {
        Some(format!("it belongs to user {owner}"))
    } else if mode & 0o077 != 0 {
        Some(format!("its mode is {mode:04o}, expected 0600"))
    } else if names != 1 {
        // We give each file one name; another one is somebody else's.
        Some(format!("it has {names} names, expected one"))
    } else if len > max_len {
        Some(format!("it has {len} bytes, allowed are {max_len}"))
    } else {
        None
    }
}

fn is_ours(owner: u32) -> bool {
    [0, geteuid().as_raw()].contains(&owner)
}

/// The bit of a directory in which files are removed by their owners alone.
const STICKY: u32 = 0o1000;
