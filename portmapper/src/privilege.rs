//! From root to somebody who may do nothing.

use std::fmt;
use std::io;
use std::os::unix::fs::{DirBuilderExt, lchown};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{Gid, Uid, User, geteuid, setgid, setgroups, setuid};

/// Whom the daemon becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
}

/// Debian's user for rpcbind.
const OWN_USER: &str = "_rpc";

/// The user of hosts that have no other for us.
const DAEMON_USER: &str = "daemon";

impl Account {
    /// The account to serve as: that of the user who is named, or else `_rpc`, or `daemon` where there is none.
    pub fn find(named: Option<&str>) -> io::Result<Self> {
        let candidates = match named {
            Some(name) => vec![name],
            None => vec![OWN_USER, DAEMON_USER],
        };
        for name in &candidates {
            if let Some(User { name, uid, gid, .. }) = User::from_name(name)? {
                return match uid.is_root() {
                    false => Ok(Self { name, uid, gid }),
                    true => Err(io::Error::other(format!("{name} is root"))),
                };
            }
        }
        let missing = format!("there is no user {}", candidates.join(" or "));
        Err(io::Error::new(io::ErrorKind::NotFound, missing))
    }

    /// Becomes the account, for good.
    pub fn become_it(&self) -> nix::Result<()> {
        setgid(self.gid)?;
        setgroups(&[])?;
        setuid(self.uid)?;
        never_more()?;
        // Nobody gets back from here; should we, something is very wrong with this system.
        match setuid(Uid::from_raw(0)) {
            Err(Errno::EPERM) => Ok(()),
            Err(errno) => Err(errno),
            Ok(()) => Err(Errno::EPERM),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, uid, gid } = self;
        write!(f, "{name} (user {uid}, group {gid})")
    }
}

/// Gives up the way to more privileges that programs with the setuid bit are.
pub fn never_more() -> nix::Result<()> {
    prctl::set_no_new_privs()
}

/// Makes the directory of the state files, if there is none, and gives it to the account that we will be.
pub fn make_directory(path: &Path, account: Option<&Account>) -> io::Result<()> {
    match std::fs::DirBuilder::new().mode(0o770).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(()) => match account {
            Some(Account { uid, gid, .. }) => lchown(path, Some(uid.as_raw()), Some(gid.as_raw())),
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

/// Descriptors that we can have beside those that are open.
pub fn free_descriptors() -> nix::Result<usize> {
    let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // The directory that is read is open for as long, too.
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, |open| open.count() - 1);
    Ok(usize::try_from(limit)
        .unwrap_or(usize::MAX)
        .saturating_sub(open))
}

/// Lets us have as many descriptors as the host allows.
pub fn raise_descriptor_limit() -> nix::Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
}
