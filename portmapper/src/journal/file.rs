//! The journal as a file, which only grows until it is replaced.

use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use nix::errno::Errno;

use super::record::{encode_change, encode_files, snapshot, snapshot_len};
use super::replay::{Replay, Told};
use crate::binding::reason;
use crate::registry::{Change, Registry};
use crate::state::{Fingerprint, OpenFile, StateDirectory, StateError};

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    directory: StateDirectory,
    /// `None` if it has to be written anew before anything can be added to it.
    file: Option<Box<dyn OpenFile>>,
    len: u64,
    files: Fingerprint,
    /// A length up to which it is not written anew, since that failed.
    put_off: u64,
    /// Whether there is one that was not read to its end: it is set aside before another takes its place.
    unread: bool,
    written: Written,
}

/// What was written into a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Its length now, in bytes.
    pub bytes: u64,
    /// Records that were added since the start.
    pub records: u64,
    /// How often it was written anew since the start, and at the start.
    pub renewals: u64,
}

/// Its name in the state directory.
const NAME: &str = "journal";

/// The name of one that could not be read to its end, for somebody to look at.
pub const UNREAD: &str = "journal.bad";

/// How much longer than twice what is needed it becomes, in bytes: so that a short one is not written anew
/// all the time.
const SLACK: u64 = 64 * 1024;

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// Where the journal of this directory is.
pub fn path(directory: &StateDirectory) -> PathBuf {
    directory.path().join(NAME)
}

/// What the journal of this directory tells, if there is one that nobody else can have written.
pub fn read(directory: &StateDirectory) -> Result<Option<Told>, StateError> {
    let Some(mut file) = directory.open(NAME, u64::MAX)? else {
        return Ok(None);
    };
    let mut replay = Replay::new();
    let mut unread = Vec::new();
    loop {
        let piece = (&mut file).take(PIECE as u64).read_to_end(&mut unread);
        if piece.map_err(|error| StateError::io(&path(directory), error))? == 0 {
            return Ok(Some(replay.end(&unread)));
        }
        unread.drain(..replay.take(&unread));
    }
}

impl Journal {
    /// Starts one in place of whatever is there, with what is registered now. What is there is set aside if it is `unread`:
    /// it tells more than we know.
    ///
    /// If that fails now and may not later, as where a disk is full, there is one all the same: one to which nothing
    /// is added before it could be started.
    pub fn create(
        directory: StateDirectory,
        registry: &Registry,
        files: Fingerprint,
        unread: bool,
    ) -> io::Result<Self> {
        let mut journal = Self::of(directory, files);
        journal.unread = unread;
        match journal.write_anew(registry) {
            Ok(file) => journal.file = Some(file),
            Err(error) if is_lasting(&error) => return Err(error),
            Err(error) => log::error!(
                "cannot write {}: {}; changes of the registry are refused until it can be written",
                path(&journal.directory).display(),
                reason(&error)
            ),
        }
        Ok(journal)
    }

    /// Goes on with the one that is there, whose `len` bytes tell what is registered now; starts one in its place if it
    /// cannot be added to.
    pub fn go_on(
        directory: StateDirectory,
        len: u64,
        registry: &Registry,
        files: Fingerprint,
    ) -> io::Result<Self> {
        if let Ok(Some(file)) = directory.append(NAME, len) {
            let mut journal = Self::of(directory.clone(), files);
            (journal.file, journal.len) = (Some(file), len);
            if journal.note(files, registry).is_ok() {
                return Ok(journal);
            }
        }
        Self::create(directory, registry, files, false)
    }

    fn of(directory: StateDirectory, files: Fingerprint) -> Self {
        Self {
            directory,
            file: None,
            len: 0,
            files,
            put_off: 0,
            unread: false,
            written: Written::default(),
        }
    }

    /// Adds a change with one write(2), given the registry as it is before. If that fails, the journal tells
    /// what it did before.
    pub fn append(&mut self, change: &Change<'_>, registry: &Registry) -> io::Result<()> {
        self.add(registry, |at| encode_change(change, at))
    }

    /// Takes note of rpcbind's own files, which tell what the journal does.
    pub fn note(&mut self, files: Fingerprint, registry: &Registry) -> io::Result<()> {
        self.files = files;
        self.add(registry, |at| encode_files(files, at))
    }

    fn add(&mut self, registry: &Registry, record: impl FnOnce(u64) -> Vec<u8>) -> io::Result<()> {
        if self.is_overgrown(registry) {
            match self.write_anew(registry) {
                Ok(file) => self.file = Some(file),
                // The old one is as good as before.
                Err(error) => {
                    log::debug!(
                        "cannot shorten {}: {error}",
                        path(&self.directory).display()
                    );
                    self.put_off = self.len.saturating_mul(2);
                }
            }
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = self.write_anew(registry)?;
                self.file.insert(file)
            }
        };
        let bytes = record(self.len);
        let written = write_once(&mut **file, &bytes);
        if written.is_ok() {
            self.len = self.len.saturating_add(bytes.len() as u64);
            self.written.records = self.written.records.saturating_add(1);
        } else if file.cut(self.len).is_err() {
            // Half a record is at its end, and nothing may follow it.
            self.file = None;
        }
        written
    }

    /// What was written into it.
    pub fn written(&self) -> Written {
        Written {
            bytes: self.len,
            ..self.written
        }
    }

    fn is_overgrown(&self, registry: &Registry) -> bool {
        let of_use = snapshot_len(registry).saturating_mul(2);
        self.len > self.put_off && self.len > of_use.saturating_add(SLACK)
    }

    /// Replaces what is there by what is registered now.
    fn write_anew(&mut self, registry: &Registry) -> io::Result<Box<dyn OpenFile>> {
        if self.unread {
            set_aside(&self.directory)?;
            self.unread = false;
        }
        let mut len = 0_u64;
        let file = self.directory.replace(NAME, |file| {
            let mut out = BufWriter::with_capacity(PIECE, file);
            for part in snapshot(registry, self.files) {
                out.write_all(&part)?;
                len = len.saturating_add(part.len() as u64);
            }
            out.flush()
        })?;
        self.len = len;
        self.put_off = 0;
        self.written.renewals = self.written.renewals.saturating_add(1);
        Ok(file)
    }
}

/// Keeps what is there for somebody to look at: a copy of it, since it tells its beginning until another has taken its place, or
/// itself if it cannot be read.
fn set_aside(directory: &StateDirectory) -> io::Result<()> {
    let Ok(Some(mut file)) = directory.open(NAME, u64::MAX) else {
        return directory.rename(NAME, UNREAD);
    };
    let mut is_readable = true;
    let copied = directory.replace(UNREAD, |copy| {
        let mut piece = Vec::with_capacity(PIECE);
        loop {
            piece.clear();
            let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece);
            is_readable = read.is_ok();
            if read? == 0 {
                return Ok(());
            }
            copy.write_all(&piece)?;
        }
    });
    match copied {
        Err(_) if !is_readable => directory.rename(NAME, UNREAD),
        copied => copied.map(drop),
    }
}

/// Whether this is how the host is set up: no such directory, or none that we may write in.
fn is_lasting(error: &io::Error) -> bool {
    use io::ErrorKind::{
        IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
    };
    matches!(
        error.kind(),
        IsADirectory | NotADirectory | NotFound | PermissionDenied | ReadOnlyFilesystem
    )
}

fn write_once(file: &mut dyn OpenFile, bytes: &[u8]) -> io::Result<()> {
    loop {
        match file.write(bytes) {
            Ok(len) if len == bytes.len() => return Ok(()),
            // It does so where there is room for a part.
            Ok(_) => return Err(Errno::ENOSPC.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
