//! The house keeps its order: who knows whom, and who touches the world.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The rooms from the bottom up: each may know those before it.
const ORDER: [(&str, &str); 6] = [
    ("xdr", "oncrpc-xdr"),
    ("rpc", "oncrpc"),
    ("transport", "oncrpc-transport"),
    ("client", "oncrpc-client"),
    ("server", "oncrpc-server"),
    ("portmapper", "oncrpc-portmapper"),
];

/// Rooms and files that are pure: no I/O, no clock.
const PURE: [&str; 14] = [
    "xdr/src",
    "rpc/src",
    "portmapper/src/registry",
    "portmapper/src/journal/record.rs",
    "portmapper/src/journal/replay.rs",
    "portmapper/src/policy.rs",
    "portmapper/src/merge.rs",
    "portmapper/src/rpcinfo/cli.rs",
    "portmapper/src/rpcinfo/request.rs",
    "portmapper/src/rpcinfo/layout",
    "rpcgen/src/lexer.rs",
    "rpcgen/src/parser",
    "rpcgen/src/ir",
    "rpcgen/src/rust",
];

/// What does I/O or reads a clock.
const WORLDLY: [&str; 9] = [
    "std::fs",
    "std::process",
    "std::thread",
    "TcpStream",
    "UdpSocket",
    "UnixStream",
    "tokio::",
    "Instant::now",
    "SystemTime::now",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names under `[dependencies]` in the room's Cargo.toml.
fn dependencies(room: &str) -> Vec<String> {
    let manifest = read(&root().join(room).join("Cargo.toml"));
    let section = manifest
        .split("[dependencies]\n")
        .nth(1)
        .unwrap_or_default();
    section
        .lines()
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .map(str::to_owned)
        .collect()
}

/// Every Rust file at or below `path`.
fn rust_files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| rust_files(&path))
        .filter(|p| p.extension() == Some("rs".as_ref()))
        .collect()
}

#[test]
fn each_room_knows_only_those_below_it() {
    for (index, (room, _)) in ORDER.iter().enumerate() {
        let known = dependencies(room);
        assert!(!known.is_empty(), "{room} has dependencies");
        for (_, above) in &ORDER[index..] {
            assert!(
                !known.iter().any(|name| name == above),
                "{room} must not know {above}"
            );
        }
    }
}

#[test]
fn rpcgen_knows_no_room_and_no_room_knows_rpcgen() {
    assert!(
        !dependencies("rpcgen")
            .iter()
            .any(|name| name.starts_with("oncrpc"))
    );
    for (room, _) in ORDER {
        assert!(
            !dependencies(room)
                .iter()
                .any(|name| name == "oncrpc-rpcgen"),
            "{room}"
        );
    }
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    for path in PURE {
        let files = rust_files(&root().join(path));
        assert!(!files.is_empty(), "{path} is there");
        for file in files {
            let text = read(&file);
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            for (number, line) in code.enumerate() {
                let found = WORLDLY.iter().find(|word| line.contains(**word));
                assert!(
                    found.is_none(),
                    "{}: {} ({number})",
                    file.display(),
                    line.trim()
                );
            }
        }
    }
}

#[test]
fn every_crate_takes_the_workspace_lints_which_forbid_unsafe() {
    assert!(read(&root().join("Cargo.toml")).contains("unsafe_code = \"forbid\""));
    for room in ORDER.map(|(room, _)| room).into_iter().chain([
        "rpcgen",
        "tests",
        "tests/fuzz/targets",
        "interop",
    ]) {
        let manifest = read(&root().join(room).join("Cargo.toml"));
        assert!(manifest.contains("[lints]\nworkspace = true"), "{room}");
    }
}

#[test]
fn no_file_lifts_the_ban_on_unsafe() {
    // Pasted together, so that this file does not hold what it looks for.
    let lint = concat!("unsafe", "_code");
    let lifts = ["allow", "expect", "warn", "deny"].map(|level| format!("{level}({lint}"));
    for room in ORDER.map(|(room, _)| room) {
        for file in rust_files(&root().join(room).join("src")) {
            let text = read(&file);
            let lift = lifts.iter().find(|lift| text.contains(lift.as_str()));
            assert_eq!(lift, None, "{}", file.display());
        }
    }
}

/// Most crates that the daemon may be made of, ours counted, those that only run while it is compiled not.
///
/// A limit of our own: each crate is one more to trust, and what comes in shall be noticed. 36 when it was set.
const MOST_CRATES: usize = 40;

#[test]
fn the_daemon_is_made_of_few_crates() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--locked"])
        .args(["--package", "oncrpc-portmapper", "--prefix", "none"])
        .args(["--edges", "normal,no-proc-macro", "--format", "{p}"])
        .current_dir(root())
        .output();
    let output = output.unwrap_or_else(|error| panic!("cargo tree: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    // A crate that was shown before has a mark behind it.
    let crates = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    let crates: BTreeSet<&str> = crates.collect();
    assert!(crates.len() > ORDER.len(), "{tree}");
    assert!(crates.len() <= MOST_CRATES, "{}: {crates:#?}", crates.len());
}

#[test]
fn the_blocking_client_brings_no_runtime() {
    let tree = |features: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args([
                "tree",
                "--offline",
                "--locked",
                "--package",
                "oncrpc-client",
            ])
            .args(["--edges", "normal", "--prefix", "none"])
            .args(features)
            .current_dir(root())
            .output();
        let output = output.unwrap_or_else(|error| panic!("cargo tree: {error}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let tokio = |tree: &str| tree.lines().any(|line| line.starts_with("tokio "));
    assert!(tokio(&tree(&[])), "the async client does");
    let blocking = tree(&["--no-default-features"]);
    assert!(blocking.contains("oncrpc v"), "{blocking}");
    assert!(!tokio(&blocking), "{blocking}");
}
