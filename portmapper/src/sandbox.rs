//! What the daemon can still do once it serves: Landlock, landlock(7).
//!
//! Being another user keeps it from what is not that user's. This keeps it from the rest: it reads /etc, writes its
//! state, removes its socket and its lock, and that is all, whatever a peer's bytes may make of it. A kernel that
//! knows less of Landlock does what it can.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// What is still needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files and directories that are read. Editors put a new file in an old one's place: what may be edited is
    /// known by its directory.
    pub read: Vec<PathBuf>,
    /// Directories whose files are made, written and removed.
    pub write: Vec<PathBuf>,
    /// Files that are removed.
    pub remove: Vec<PathBuf>,
    /// Whether somebody at an abstract Unix socket is to be told something.
    pub abstract_peers: bool,
}

/// How much of it the kernel holds us to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforced {
    /// All.
    Fully,
    /// What it knows of.
    Partly,
    /// Nothing: it has no Landlock.
    NotAtAll,
}

/// What we know of; a kernel may know less. The next one, V8, is about other threads: there are none yet.
const KNOWN: ABI = ABI::V7;

/// Gives up for good what is not needed: files, listening and connecting over TCP, signals to others.
///
/// It holds for this thread and for those that it starts.
pub fn enter(needs: &Needs) -> Result<Enforced, RulesetError> {
    let mut scope = BitFlags::from(Scope::Signal);
    if !needs.abstract_peers {
        scope |= Scope::AbstractUnixSocket;
    }
    let write = AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::RemoveFile;
    // Who removes a file changes its directory.
    let directories = needs.remove.iter().filter_map(|file| file.parent());
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(scope)?
        .create()?
        .add_rules(path_beneath_rules(
            &needs.read,
            AccessFs::ReadFile | AccessFs::ReadDir,
        ))?
        .add_rules(path_beneath_rules(&needs.write, write))?
        .add_rules(path_beneath_rules(directories, AccessFs::RemoveFile))?
        .restrict_self()?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => Enforced::Fully,
        RulesetStatus::PartiallyEnforced => Enforced::Partly,
        RulesetStatus::NotEnforced => Enforced::NotAtAll,
    })
}

/// What is read while the daemon serves: the tables of /etc, and the rules for the time that log lines carry.
pub fn always_read() -> Vec<PathBuf> {
    ["/etc", "/usr/share/zoneinfo"].map(PathBuf::from).to_vec()
}

impl Needs {
    /// The needs of a daemon with these files, which reads more than it always does.
    pub fn of(state: &Path, lock: &Path, socket: Option<&Path>, more: Vec<PathBuf>) -> Self {
        let remove = [Some(lock), socket].into_iter().flatten();
        Self {
            read: [always_read(), more].concat(),
            write: vec![state.to_owned()],
            remove: remove.map(Path::to_owned).collect(),
            abstract_peers: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    #[test]
    fn what_is_needed_can_be_done_and_nothing_else() {
        let name = format!("oncrpc-sandbox-{}", std::process::id());
        let place = std::env::temp_dir().join(name);
        let [etc, state, run] = ["etc", "state", "run"].map(|name| place.join(name));
        for directory in [&etc, &state, &run] {
            fs::create_dir_all(directory).unwrap();
        }
        let [table, lock] = [etc.join("hosts.deny"), run.join("lock")];
        for file in [&table, &lock] {
            fs::write(file, "x").unwrap();
        }
        let needs = Needs {
            read: vec![etc.clone()],
            ..Needs::of(&state, &lock, None, Vec::new())
        };
        // Landlock holds for the thread that asks for it; the others of this test program are free.
        let inside = std::thread::spawn(move || {
            let enforced = enter(&needs).unwrap();
            let denied = |result: std::io::Result<()>| {
                let kind = result.err().map(|error| error.kind());
                kind == Some(ErrorKind::PermissionDenied)
            };
            let (new, kept) = (state.join("new"), state.join("kept"));
            fs::write(&new, "state").unwrap();
            fs::rename(&new, &kept).unwrap();
            assert_eq!(fs::read(&kept).unwrap(), b"state");
            assert_eq!(fs::read(&table).unwrap(), b"x");
            fs::remove_file(&lock).unwrap();
            UdpSocket::bind("127.0.0.1:0").unwrap();
            let refused = [
                denied(fs::write(run.join("other"), "x")),
                denied(fs::write(&table, "y")),
                denied(fs::remove_file(&table)),
                denied(fs::read("/proc/self/maps").map(drop)),
                denied(fs::create_dir(state.join("directory"))),
            ];
            let tcp = denied(TcpListener::bind("127.0.0.1:0").map(drop));
            (enforced, refused, tcp)
        });
        let (enforced, refused, tcp) = inside.join().unwrap();
        let holds = enforced != Enforced::NotAtAll;
        assert_eq!(refused, [holds; 5], "{enforced:?}");
        if enforced == Enforced::Fully {
            assert!(tcp);
        }
        fs::remove_dir_all(place).unwrap();
    }
}
