use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

/// Returns from the test, noting its name, where it does not run as root.
///
/// The names are appended to `not-run` in cargo's target directory, which the README's test command
/// prints at its end. Under `CI=true` the test fails instead: there nothing may be left out.
#[macro_export]
macro_rules! needs_root {
    () => {
        if !$crate::run_or_note({
            fn here() {}
            std::any::type_name_of_val(&here)
        }) {
            return;
        }
    };
}

/// Returns from the test, noting its name, where Debian's rpcgen, its .x files, libtirpc or gcc are missing.
///
/// It is noted as [`needs_root!`] does, and fails where that does.
#[macro_export]
macro_rules! needs_c {
    () => {
        if !$crate::compile_or_note({
            fn here() {}
            std::any::type_name_of_val(&here)
        }) {
            return;
        }
    };
}

/// Whether we are root; notes the test that holds the function `here` where we are not.
/// [`needs_root!`] calls it.
pub fn run_or_note(here: &str) -> bool {
    geteuid().is_root() || note(here, "root")
}

/// Whether C can be made of .x files and compiled; notes the test that holds the function `here` where it
/// cannot. [`needs_c!`] calls it.
pub fn compile_or_note(here: &str) -> bool {
    let needed = [
        "/usr/bin/rpcgen",
        "/usr/bin/gcc",
        "/usr/include/rpcsvc/nis.x",
        "/usr/include/tirpc/rpc/rpcb_prot.x",
    ];
    needed.iter().all(|path| Path::new(path).exists())
        || note(here, "what interop/install.sh installs")
}

/// Notes that a test is not run because it needs `what`; false.
fn note(here: &str, what: &str) -> bool {
    let test = here.trim_end_matches("::here");
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} needs {what}, and CI=true lets nothing be left out"
    );
    let note = format!("not run: {test} (needs {what})\n");
    // Past libtest's capture, so that it is seen even of a test that passes.
    std::io::stderr()
        .write_all(note.as_bytes())
        .expect("stderr is open");
    let ledger = target_directory().join("not-run");
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&ledger)
        .and_then(|mut file| file.write_all(note.as_bytes()))
        .expect("cargo's target directory is writable");
    false
}

/// Cargo's target directory, from where this test program lies in it: `<target>/debug/deps/<program>`.
pub(crate) fn target_directory() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its path");
    program
        .ancestors()
        .nth(3)
        .expect("test programs lie three levels below the target directory")
        .to_path_buf()
}
