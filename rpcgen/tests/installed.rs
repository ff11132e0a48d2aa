//! The .x files that Debian installs: each is compiled, and all of them are a crate.

mod ledger;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::{Input, Options, Reading, translate_all};

const FOLDERS: [&str; 2] = ["/usr/include/rpcsvc", "/usr/include/tirpc/rpc"];

fn installed() -> Vec<PathBuf> {
    let entries = FOLDERS
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten();
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "x"));
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

fn input(path: &Path) -> Input {
    let text =
        oncrpc_rpcgen::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Input {
        name: path.to_string_lossy().into_owned(),
        text,
    }
}

#[test]
fn installed_files_are_compiled_into_a_crate() {
    let installed = installed();
    if installed.is_empty() {
        return ledger::not_run(module_path!(), "rpcsvc-proto");
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("installed");
    let _ = fs::create_dir_all(folder.join("src"));
    let mut modules = String::from("#![deny(warnings, missing_docs)]\n//! Installed.\n");
    for path in &installed {
        let input = input(path);
        let name = stem(path);
        // nis_callback.x includes the header that C has of nis.x.
        let others = match &name[..] {
            "nis_callback" => vec![path.with_file_name("nis.x")],
            _ => Vec::new(),
        };
        let inputs = std::iter::once(input).chain(others.iter().map(|path| self::input(path)));
        let inputs: Vec<_> = inputs.collect();
        let translated = translate_all(&inputs, &Reading::default(), &Options::default());
        let Ok(translation) = translated else {
            panic!("{}", path.display());
        };
        let Some(files) = translation.files() else {
            panic!("{}", translation.render(Style::Plain));
        };
        modules += &format!("/// {name}.x\npub mod {name};\n");
        let written = fs::write(folder.join(format!("src/{name}.rs")), &files[0].rust);
        assert!(written.is_ok(), "{name}: {written:?}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().unwrap_or(root);
    let manifest = format!(
        "[package]\nname = \"installed\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [dependencies]\noncrpc = {{ path = {:?} }}\noncrpc-xdr = {{ path = {:?} }}\n",
        root.join("rpc"),
        root.join("xdr"),
    );
    for (name, text) in [("Cargo.toml", manifest), ("src/lib.rs", modules)] {
        let written = fs::write(folder.join(name), text);
        assert!(written.is_ok(), "{name}: {written:?}");
    }
    // The versions that the workspace has fetched.
    let locked = fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"));
    assert!(locked.is_ok(), "{locked:?}");
    let checked = Command::new(env!("CARGO"))
        .args(["check", "--quiet", "--offline"])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output();
    let Ok(checked) = checked else {
        panic!("cargo runs")
    };
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
}
