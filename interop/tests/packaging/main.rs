//! What goes beside the programs, judged by Debian's tools: manual pages, units, and what Debian's
//! units have that others rely on.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::path::{Path, PathBuf};
use std::process::Command;

mod activation;
mod debs;
mod init_script;
mod package;
mod pages;
mod units;

/// Tells which sockets are open at rpcbind's port: the numbers that the kernel has for them.
const SOCKETS: &str = "ss --listening --numeric --extended --tcp --udp --no-header 'sport = 111' \
    | grep --only-matching 'ino:[0-9]*' | sort";

/// A file of the portmapper's folder.
fn portmapper(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../portmapper")
        .join(path)
}

/// What a program says, which must be content; both streams, since some complain on the one and some on the other.
fn success(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error} (run interop/install.sh as root)");
    });
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{command:?}:\n{said}");
    said
}
