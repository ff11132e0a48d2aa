//! What is asked of a file system: one system call at a time, so that tests can put another one in its place, which
//! refuses, or forgets, or is no longer asked.

use std::fmt::Debug;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::libc::{O_NOFOLLOW, O_NONBLOCK};

/// Where state directories are.
pub trait Disk: Debug + Send + Sync {
    /// What is at this path, or where a link there leads.
    fn standing(&self, path: &Path) -> io::Result<Standing>;

    /// Opens a file to be read; no link is followed, and nothing waited for.
    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// Opens a file that is there, to be added to; no link is followed, and nothing waited for.
    fn append(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// Makes a file for our eyes alone, where there is nothing yet, to be added to.
    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>>;

    /// Gives a file another name, and takes that from whatever had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
}

/// A file that is read from its start, or written at its end.
pub trait OpenFile: Read + Write + Debug + Send {
    /// What it is.
    fn standing(&self) -> io::Result<Standing>;

    /// Takes away what is beyond this length.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// By what it is known who can have written a file, or what is in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it is.
    pub kind: Kind,
    /// The user whose it is.
    pub owner: u32,
    /// The group whose it is.
    pub group: u32,
    /// The bits that chmod(1) sets.
    pub mode: u32,
    /// Its names.
    pub names: u64,
    /// Its length in bytes.
    pub len: u64,
}

/// What there can be at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Bytes.
    File,
    /// Names.
    Directory,
    /// A pipe, a socket, a device.
    Other,
}

/// The file system of this host.
#[derive(Clone, Copy, Debug)]
pub struct Host;

impl Disk for Host {
    fn standing(&self, path: &Path) -> io::Result<Standing> {
        fs::metadata(path).map(|metadata| Standing::of(&metadata))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut options = OpenOptions::new();
        // A pipe is not waited for until somebody opens its other end.
        options.read(true).custom_flags(O_NOFOLLOW | O_NONBLOCK);
        Ok(Box::new(options.open(path)?))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut options = OpenOptions::new();
        options.append(true).custom_flags(O_NOFOLLOW | O_NONBLOCK);
        Ok(Box::new(options.open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn OpenFile>> {
        let mut options = OpenOptions::new();
        options.append(true).create_new(true).mode(0o600);
        Ok(Box::new(options.custom_flags(O_NOFOLLOW).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

impl OpenFile for File {
    fn standing(&self) -> io::Result<Standing> {
        self.metadata().map(|metadata| Standing::of(&metadata))
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

impl Standing {
    fn of(metadata: &Metadata) -> Self {
        let kind = if metadata.is_file() {
            Kind::File
        } else if metadata.is_dir() {
            Kind::Directory
        } else {
            Kind::Other
        };
        Self {
            kind,
            owner: metadata.uid(),
            group: metadata.gid(),
            mode: metadata.mode() & 0o7777,
            names: metadata.nlink(),
            len: metadata.len(),
        }
    }
}
