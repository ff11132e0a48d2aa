use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Whose program: each test runs with both, theirs first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Which {
    /// Debian's.
    Theirs,
    /// The one of this workspace.
    Ours,
}

impl Which {
    /// Theirs first, since what they do is what ours is held to.
    pub const BOTH: [Self; 2] = [Self::Theirs, Self::Ours];

    /// The daemon's program. Ours is `$ONCRPC_RPCBIND`, or is built.
    pub fn rpcbind(self) -> PathBuf {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        match self {
            Self::Theirs => debian("/usr/sbin/rpcbind"),
            Self::Ours => OURS
                .get_or_init(|| ours("ONCRPC_RPCBIND", "oncrpc-portmapper", "rpcbind"))
                .clone(),
        }
    }

    /// The command that asks it. Ours is `$ONCRPC_RPCINFO`, or is built.
    pub fn rpcinfo(self) -> PathBuf {
        static OURS: OnceLock<PathBuf> = OnceLock::new();
        match self {
            Self::Theirs => debian("/usr/sbin/rpcinfo"),
            Self::Ours => OURS
                .get_or_init(|| ours("ONCRPC_RPCINFO", "oncrpc-portmapper", "rpcinfo"))
                .clone(),
        }
    }
}

/// A program of Debian's, which has to be there.
pub(crate) fn debian(path: &str) -> PathBuf {
    let path = PathBuf::from(path);
    assert!(
        path.exists(),
        "{} is missing: run interop/install.sh as root",
        path.display()
    );
    path
}

/// A program of this workspace: what the environment variable names, or what cargo builds.
pub fn ours(variable: &str, package: &str, bin: &str) -> PathBuf {
    if let Some(path) = std::env::var_os(variable) {
        let path = PathBuf::from(path);
        assert!(
            path.exists(),
            "{variable} names {}, which does not exist",
            path.display()
        );
        return path;
    }
    built(package, "--bin", bin)
}

/// An example of this workspace, which cargo builds.
pub fn ours_example(package: &str, example: &str) -> PathBuf {
    built(package, "--example", example)
}

/// What cargo builds of a package: a `--bin` or an `--example`.
fn built(package: &str, kind: &str, name: &str) -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args([
            "build",
            "--quiet",
            "--message-format=json",
            "--package",
            package,
            kind,
            name,
        ])
        .args(if cfg!(debug_assertions) {
            &[][..]
        } else {
            &["--release"][..]
        })
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");
    assert!(
        built.status.success(),
        "{name} of {package} cannot be built:\n{}",
        String::from_utf8_lossy(&built.stderr),
    );
    // One JSON object a line; the one of the program names it.
    let messages = String::from_utf8_lossy(&built.stdout);
    let executable = messages
        .lines()
        .filter_map(|line| line.split_once("\"executable\":\"")?.1.split_once('"'))
        .map(|(path, _)| PathBuf::from(path))
        .find(|path| path.file_name().is_some_and(|file| file == name));
    executable.expect("cargo names the program that it built")
}
