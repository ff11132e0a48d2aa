//! The state files: registrations that outlive the daemon.
//!
//! They are rpcbind's own, so that either daemon can start where the other left off: `rpcbind.xdr` is the
//! answer to DUMP of version 3, `portmap.xdr` that of version 2. They are written when the daemon ends; what
//! happens until then is in the [`journal`](crate::journal) beside them. Unlike rpcbind we replace them whole
//! and keep them after reading.
//!
//! The registrations are trusted, owners and all; so are the files only if nobody else can have written
//! them, and the directory only if nobody else can have put them there.
// What reads what others have written computes nothing that could overflow and indexes nothing that could be missing.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::indexing_slicing,
        clippy::unwrap_used
    )
)]

mod disk;
mod files;
mod lists;
mod trust;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oncrpc_xdr::DecodeError;
use thiserror::Error;

use crate::registry::Entry;
pub use disk::{Disk, Host, Kind, OpenFile, Standing};
pub use files::{Condition, Files, Fingerprint};
pub use lists::{pmaplist, rpcblist, wildcard};

/// The directory of the state files, `/run/rpcbind` on Debian.
#[derive(Clone, Debug)]
pub struct StateDirectory {
    path: PathBuf,
    disk: Arc<dyn Disk>,
}

/// What was read, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The registrations, without the daemon's own.
    pub entries: Vec<Entry>,
    /// How many were left out because one of their texts is too long.
    pub too_long: usize,
}

/// Why a state file was not read. It is left as it is.
#[derive(Debug, Error)]
pub enum StateError {
    /// It cannot be opened or read; a symbolic link cannot.
    #[error("cannot read {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
    /// Somebody else can have written it.
    #[error("{path} is not trusted: {reason}")]
    NotTrusted {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// It holds something other than registrations.
    #[error("{path} is damaged: {error}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        error: DecodeError,
    },
}

impl StateError {
    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { path, error }
    }
}

impl StateDirectory {
    /// The directory at this path, which need not exist.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::on(Arc::new(Host), path)
    }

    /// The directory at this path of another file system than this host's.
    pub fn on(disk: Arc<dyn Disk>, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        Self { path, disk }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says if others can write in it, so that what is there is not believed.
    pub fn trusted(&self) -> Result<(), StateError> {
        trust::directory(&*self.disk, &self.path)
    }

    /// What the last rpcbind left, ours or another.
    pub fn files(&self) -> Files {
        Files::read(self)
    }

    /// Opens a file of this name that only we, or root, can have written, and that has at most so many bytes; `None`
    /// if there is none.
    pub(crate) fn open(
        &self,
        name: &str,
        max_len: u64,
    ) -> Result<Option<Box<dyn OpenFile>>, StateError> {
        let path = self.path.join(name);
        trust::file(self.disk.open(&path), &path, max_len)
    }

    /// The same of a file that is to be added to.
    pub(crate) fn append(
        &self,
        name: &str,
        max_len: u64,
    ) -> Result<Option<Box<dyn OpenFile>>, StateError> {
        let path = self.path.join(name);
        trust::file(self.disk.append(&path), &path, max_len)
    }

    /// Gives a file another name, in place of whatever has that; nothing is to be done where there is none.
    pub(crate) fn rename(&self, name: &str, to: &str) -> io::Result<()> {
        let (from, to) = (self.path.join(name), self.path.join(to));
        match self.disk.rename(&from, &to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            renamed => renamed,
        }
    }

    /// Replaces both files, given the answers to DUMP of versions 3 and 2.
    pub fn write(&self, rpcblist: &[u8], pmaplist: &[u8]) -> io::Result<()> {
        self.replace(files::RPCBIND, |file| file.write_all(rpcblist))?;
        self.replace(files::PORTMAP, |file| file.write_all(pmaplist))?;
        Ok(())
    }

    /// Replaces a file whole: at any moment there is the old one or the new one. Gives it back to be added to.
    pub(crate) fn replace(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn OpenFile) -> io::Result<()>,
    ) -> io::Result<Box<dyn OpenFile>> {
        let new = self.path.join(format!("{name}.new"));
        match self.disk.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.disk.create(&new)?;
        let written =
            write(&mut *file).and_then(|()| self.disk.rename(&new, &self.path.join(name)));
        if written.is_err() {
            // What there is of it takes room that may be what is missing.
            let _ = self.disk.remove(&new);
        }
        written.map(|()| file)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::lists::OWN_PROGRAM;
    use super::*;
    use crate::registry::{Owner, Registry};

    fn entry(program: u32, netid: &str, uaddr: &str, owner: Owner) -> Entry {
        Entry::new((program, 3), &netid.into(), &uaddr.into(), owner).unwrap()
    }

    pub(super) fn registry() -> Registry {
        let mut registry = Registry::new();
        registry.announce(entry(OWN_PROGRAM, "tcp", "0.0.0.0.0.111", Owner::Superuser));
        registry.set(entry(100_003, "tcp", "0.0.0.0.8.1", Owner::Superuser));
        registry.set(entry(100_003, "udp6", "::.8.1", Owner::Superuser));
        registry.set(entry(OWN_PROGRAM, "bogus", "mine", Owner::User(1000)));
        registry.set(entry(100_024, "udp", "0.0.0.0.200.3", Owner::User(103)));
        registry.set(entry(400_000, "local", "/tmp/x", Owner::Unknown));
        registry
    }

    /// A directory of our own that goes away with the test.
    pub(crate) struct Scratch(pub(crate) StateDirectory);

    impl Scratch {
        pub(crate) fn new(name: &str) -> Self {
            let name = format!("oncrpc-state-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).unwrap();
            Self(StateDirectory::new(path))
        }

        pub(crate) fn file(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self) {
            let mut registry = registry();
            self.0.write(&registry.dump(), &registry.dump_v2()).unwrap();
        }

        fn refusal(&self) -> String {
            self.0.files().registrations().unwrap_err().to_string()
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.0.path());
        }
    }

    #[test]
    fn what_was_written_is_read_without_the_daemons_own() {
        let scratch = Scratch::new("round-trip");
        assert_eq!(
            scratch.0.files().registrations().unwrap(),
            State::default(),
            "no file yet"
        );
        for _ in 0..2 {
            scratch.write();
            let state = scratch.0.files().registrations().unwrap();
            let expected = registry();
            let expected = expected.iter().filter(|e| e.program != OWN_PROGRAM);
            assert!(state.entries.into_iter().eq(expected));
            assert_eq!(state.too_long, 0);
        }
        let mode = fs::metadata(scratch.file("rpcbind.xdr")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(fs::read_dir(scratch.0.path()).unwrap().count(), 2);
    }

    #[test]
    fn without_rpcbind_xdr_the_mappings_of_version_2_are_read() {
        let scratch = Scratch::new("portmap");
        scratch.write();
        fs::remove_file(scratch.file("rpcbind.xdr")).unwrap();
        let expected = [
            entry(100_003, "tcp", "0.0.0.0.8.1", Owner::Superuser),
            entry(100_024, "udp", "0.0.0.0.200.3", Owner::Superuser),
        ];
        assert_eq!(scratch.0.files().registrations().unwrap().entries, expected);
    }

    #[test]
    fn a_file_that_others_can_have_written_is_not_read() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let scratch = Scratch::new("distrust");
        scratch.write();
        let file = scratch.file("rpcbind.xdr");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
        assert!(
            scratch
                .refusal()
                .ends_with("its mode is 0620, expected 0600")
        );
        fs::rename(&file, scratch.file("elsewhere")).unwrap();
        symlink(scratch.file("elsewhere"), &file).unwrap();
        assert!(scratch.refusal().contains("cannot read"));
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(scratch.refusal().contains("it is not a file"));
        fs::remove_dir(&file).unwrap();
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(scratch.refusal().contains("it is not a file"));
    }

    #[test]
    fn a_link_in_the_way_of_a_new_file_is_not_followed() {
        let scratch = Scratch::new("link");
        let victim = scratch.file("victim");
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, scratch.file("rpcbind.xdr.new")).unwrap();
        scratch.write();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert!(
            fs::symlink_metadata(scratch.file("rpcbind.xdr"))
                .unwrap()
                .is_file()
        );
    }
}
