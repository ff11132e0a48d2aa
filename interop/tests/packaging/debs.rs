//! The packages, as `interop/debs.sh` leaves them in cargo's target directory.

use std::path::PathBuf;

/// Ours.
pub(crate) const OURS: &str = "ours";
/// Ours of another day.
pub(crate) const NEWER: &str = "newer";
/// Debian's.
pub(crate) const THEIRS: &str = "theirs";

/// The package in this folder.
pub(crate) fn deb(folder: &str) -> PathBuf {
    // `<target>/debug/deps/<program>`
    let program = std::env::current_exe().unwrap();
    let folder = program
        .ancestors()
        .nth(3)
        .unwrap()
        .join("debian")
        .join(folder);
    let files = std::fs::read_dir(&folder).into_iter().flatten();
    let mut files = files.map(|entry| entry.unwrap().path());
    files
        .find(|file| file.extension().is_some_and(|extension| extension == "deb"))
        .unwrap_or_else(|| panic!("no package in {}: run interop/debs.sh", folder.display()))
}
