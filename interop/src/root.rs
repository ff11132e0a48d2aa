use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;

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

/// Whether we are root; notes the test that holds the function `here` where we are not.
/// [`needs_root!`] calls it.
pub fn run_or_note(here: &str) -> bool {
    if geteuid().is_root() {
        return true;
    }
    let test = here.trim_end_matches("::here");
    assert!(
        std::env::var("CI").as_deref() != Ok("true"),
        "{test} needs root, and CI=true lets nothing be left out"
    );
    let note = format!("not run: {test} (needs root)\n");
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
