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
    // What is for errors alone stands by itself, where nothing has it brought into memory.
    println!("cargo::rustc-link-arg-bins=-Wl,-z,keep-text-section-prefix");
    // A panic is unwound by 24 KB of what belongs to the compiler; in a library of its own 100 KB of it are resident.
    if has_static_unwinder() {
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}

/// Whether we are built for the host that builds us.
fn is_for_this_host() -> bool {
    let [host, target] = ["HOST", "TARGET"].map(|name| std::env::var(name).ok());
    host == target
}

/// Whether the linker of this host finds the part of libgcc that unwinds.
fn has_static_unwinder() -> bool {
    let is_gnu = std::env::var("CARGO_CFG_TARGET_ENV").is_ok_and(|env| env == "gnu");
    let said = Command::new("cc")
        .arg("-print-file-name=libgcc_eh.a")
        .output();
    let said = said.map(|said| said.stdout).unwrap_or_default();
    // Of what it does not find it says the name as it was.
    is_gnu && is_for_this_host() && said.starts_with(b"/")
}

/// The version of this host's glibc, if that is what we are built for.
fn glibc() -> Option<(u32, u32)> {
    if !is_for_this_host() {
        return None;
    }
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = String::from_utf8(said.ok()?.stdout).ok()?;
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
