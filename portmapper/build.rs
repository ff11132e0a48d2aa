//! How the commands are linked.

use std::process::Command;

/// The C library that knows packed relocations: Debian 12's.
const KNOWS_PACKED: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Thousands of places are filled in when a program starts, each by a record of 24 bytes that is read and stays in memory. As
    // bits in a map they take 1 KB instead of 60, and 0.15 MB less of rpcbind are resident. An older C library refuses to start
    // such a program; a linker that does not know of it says so and goes on.
    if glibc().is_some_and(|version| version >= KNOWS_PACKED) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this host's glibc, if that is what we are built for.
fn glibc() -> Option<(u32, u32)> {
    let [host, target] = ["HOST", "TARGET"].map(std::env::var);
    if host.ok()? != target.ok()? {
        return None;
    }
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = String::from_utf8(said.ok()?.stdout).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
