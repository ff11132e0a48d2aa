//! How long `cargo build` takes for what rpcgen makes of a long .x file.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use super::programs::Programs;

/// Seconds that `cargo build` takes, on two processors, for a crate of nothing but the Rust of [`LINES`] lines of .x; its
/// dependencies are built before.
pub(crate) fn seconds(programs: &Programs) -> f64 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("long");
    let source = folder.join("src/lib.rs");
    std::fs::create_dir_all(folder.join("src")).expect("cargo's target directory is writable");
    let crates = ["rpc", "xdr"].map(|room| root.join(room).display().to_string());
    let manifest = format!(
        "[package]\nname = \"long\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n\
         oncrpc = {{ path = \"{}\" }}\noncrpc-xdr = {{ path = \"{}\" }}\n",
        crates[0], crates[1]
    );
    std::fs::write(folder.join("Cargo.toml"), manifest).expect("it is writable");
    std::fs::write(folder.join("long.x"), long()).expect("it is writable");
    let build = || {
        let built = Command::new("taskset")
            .args([
                "-c",
                "0,1",
                env!("CARGO"),
                "build",
                "--quiet",
                "--jobs",
                "2",
            ])
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .status();
        assert!(built.expect("taskset runs").success());
    };
    std::fs::write(&source, "").expect("it is writable");
    build();
    let generated = Command::new(&programs.rpcgen)
        .args(["--force", "long.x", "-o", "src/lib.rs"])
        .current_dir(&folder)
        .status();
    assert!(generated.expect("rpcgen runs").success());
    let begun = Instant::now();
    build();
    begun.elapsed().as_secs_f64()
}

/// NFS version 3 again and again, each time with other names.
fn long() -> String {
    let nfs = concat!(env!("CARGO_MANIFEST_DIR"), "/../server/examples/nfs/nfs3.x");
    let nfs = std::fs::read_to_string(nfs).expect("it is part of the sources");
    let mut long = String::new();
    for copy in 0.. {
        for line in nfs.lines() {
            if long.lines().count() >= LINES && line.is_empty() {
                return long;
            }
            rename(line, copy, &mut long);
        }
    }
    long
}

/// A line whose names end in the number of this copy.
fn rename(line: &str, copy: u32, to: &mut String) {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = line;
    while let Some(start) = rest.find(is_part) {
        let (before, word) = rest.split_at(start);
        let (word, behind) = word.split_at(word.find(|c| !is_part(c)).unwrap_or(word.len()));
        to.push_str(before);
        to.push_str(word);
        if !word.starts_with(|c: char| c.is_ascii_digit()) && !KEYWORDS.contains(&word) {
            let _ = write!(to, "_{copy}");
        }
        rest = behind;
    }
    to.push_str(rest);
    to.push('\n');
}

/// Lines of the .x file.
const LINES: usize = 7_000;

/// RFC 4506 section 6.2 and RFC 5531 section 12.
const KEYWORDS: [&str; 21] = [
    "FALSE", "TRUE", "bool", "case", "const", "default", "double", "enum", "float", "hyper", "int",
    "opaque", "program", "string", "struct", "switch", "typedef", "union", "unsigned", "version",
    "void",
];
