//! From root to somebody who may do nothing.

use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, User, geteuid, setgid, setgroups, setuid};

/// Whom the daemon becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    uid: Uid,
    gid: Gid,
}

/// Debian's user for rpcbind.
const OWN_USER: &str = "_rpc";

/// The user of `-s`, and of hosts that have no other for us.
const DAEMON_USER: &str = "daemon";

impl Account {
    /// The account to serve as: `daemon` if that is wanted or there is no `_rpc`.
    pub fn find(as_daemon: bool) -> io::Result<Self> {
        let own = if as_daemon {
            None
        } else {
            User::from_name(OWN_USER)?
        };
        let user = match own {
            Some(user) => Some(user),
            None => User::from_name(DAEMON_USER)?,
        };
        let missing = || io::Error::new(io::ErrorKind::NotFound, "no user to run as");
        let User { uid, gid, .. } = user.ok_or_else(missing)?;
        Ok(Self { uid, gid })
    }

    /// Becomes the account, for good.
    pub fn become_it(self) -> nix::Result<()> {
        setgid(self.gid)?;
        setgroups(&[])?;
        setuid(self.uid)?;
        prctl::set_no_new_privs()?;
        // Nobody gets back from here; should we, something is very wrong with this system.
        match setuid(Uid::from_raw(0)) {
            Err(Errno::EPERM) => Ok(()),
            Err(errno) => Err(errno),
            Ok(()) => Err(Errno::EPERM),
        }
    }
}

/// Makes the directory of the state files, if there is none, and gives it to the account that we will be.
pub fn make_directory(path: &Path, account: Option<Account>) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o770).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => match account {
            Some(Account { uid, gid }) => chown(path, Some(uid.as_raw()), Some(gid.as_raw())),
            None => Ok(()),
        },
    }
}

/// Whether we are root.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Whether we may bind ports below 1024 without being root: CAP_NET_BIND_SERVICE.
pub fn may_bind_any_port() -> bool {
    const CAP_NET_BIND_SERVICE: u32 = 10;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    effective.is_some_and(|bits| bits >> CAP_NET_BIND_SERVICE & 1 == 1)
}

/// Lets us have as many descriptors as the host allows.
pub fn raise_descriptor_limit() -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
}
