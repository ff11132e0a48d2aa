//! Protocols that people have, in one crate: NFS, MOUNT, NLM and NIS of Debian's .x files, and NFS version 3.
//!
//! What is made of the files, `protocols/uses.rs` uses: see there for the bytes and for the calls.

mod ledger;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oncrpc_rpcgen::Config;

/// Where Debian's rpcsvc-proto has them.
const INSTALLED: &str = "/usr/include/rpcsvc";
const PROTOCOLS: [&str; 5] = ["mount", "nfs_prot", "nlm_prot", "yp", "nis"];

#[test]
fn protocols_of_debian_are_a_crate_that_is_used() {
    let installed = PROTOCOLS.map(|name| Path::new(INSTALLED).join(name).with_extension("x"));
    if !installed[0].exists() {
        return ledger::not_run(module_path!(), "rpcsvc-proto");
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = package.join("tests/protocols");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("protocols");
    for part in ["src", "tests"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    let mut modules = "//! Protocols.\n#![deny(warnings, missing_docs)]\n".to_owned();
    let ours = [tests.join("nfs3.x")];
    for file in installed.iter().chain(&ours) {
        let name = file.file_stem().unwrap().to_str().unwrap();
        modules += &format!("/// {name}.x\npub mod {name};\n");
        let compiled = Config::new().out_dir(folder.join("src")).compile(&[file]);
        compiled.unwrap_or_else(|error| panic!("{error}"));
    }
    fs::write(folder.join("src/lib.rs"), modules).unwrap();
    fs::copy(tests.join("uses.rs"), folder.join("tests/uses.rs")).unwrap();
    let root = package.join("..").canonicalize().unwrap();
    fs::write(folder.join("Cargo.toml"), manifest(&root)).unwrap();
    // The versions that the workspace has fetched.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let tested = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--offline"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output()
        .unwrap();
    let said = [tested.stdout, tested.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(tested.status.success(), "{said}");
    assert!(said.contains("11 passed"), "{said}");
}

fn manifest(root: &Path) -> String {
    let path = |name: &str| -> PathBuf { root.join(name) };
    format!(
        "[package]\nname = \"protocols\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\noncrpc = {{ path = {:?} }}\noncrpc-xdr = {{ path = {:?} }}\n\
         [dev-dependencies]\noncrpc-client = {{ path = {:?} }}\noncrpc-server = {{ path = {:?} }}\n\
         tokio = {{ version = \"1\", default-features = false, features = [\"macros\", \"rt\"] }}\n",
        path("rpc"),
        path("xdr"),
        path("client"),
        path("server"),
    )
}
