//! The lock file: one rpcbind at a time.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// A lock that is held until it is dropped; the file goes with it, where we may remove it.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: Flock<File>,
}

impl Lock {
    /// Takes the lock, or says `WouldBlock` if somebody else has it.
    pub fn take(path: &Path) -> io::Result<Self> {
        // Nothing is ever written to it.
        let mut options = OpenOptions::new();
        options
            .read(true)
            .custom_flags(nix::libc::O_CREAT)
            .mode(0o444);
        let file = options.open(path)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                _file: file,
            }),
            Err((_, Errno::EWOULDBLOCK)) => Err(io::ErrorKind::WouldBlock.into()),
            Err((_, errno)) => Err(errno.into()),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still held: whoever waits for the name finds a file that is not locked, never one of another's.
        if let Err(error) = fs::remove_file(&self.path) {
            log::debug!("cannot remove {}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_lock_is_held_once_and_gone_afterwards() {
        let name = format!("oncrpc-lock-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let lock = Lock::take(&path).unwrap();
        let second = Lock::take(&path).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::WouldBlock);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o222, 0);
        drop(lock);
        assert!(!path.exists());
        assert!(Lock::take(&path).is_ok());
    }
}
