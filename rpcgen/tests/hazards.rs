//! A file per hazard of the language: the Rust that is generated of it, and what is said about it.
//!
//! `hazards/NAME.x` is one hazard, `NAME.rs` what is generated of it unless there is an error, `NAME.err` the errors
//! and warnings if there are any; a folder holds the files of one unit. After a change that is meant:
//! `BLESS=1 cargo test -p oncrpc-rpcgen --test hazards`, and read the difference as whoever uses rpcgen would.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::{Input, Options, Reading, read, translate_all};

/// From the package's folder, in which cargo runs tests: errors show this path on every machine.
const FOLDER: &str = "tests/hazards";

/// Files that hazards include.
const INCLUDED: &str = "included";

/// One unit, and how it is read.
struct Hazard {
    name: String,
    inputs: Vec<PathBuf>,
}

impl Hazard {
    /// What the command line or a build.rs would say.
    fn reading(&self) -> Reading {
        let mut reading = Reading::default();
        match self.name.as_str() {
            "cpp_defined_outside" => {
                reading.defines = vec![
                    ("WITH_EXTRA".into(), None),
                    ("FROM_OUTSIDE".into(), Some("5".into())),
                ];
            }
            "extern_types" => {
                let path = "crate::outside::Outside".to_owned();
                reading.extern_types.insert("outside".into(), path);
            }
            _ => {}
        }
        reading
    }

    /// The files that belong beside the hazard, and what belongs into them; an error is a bug of rpcgen.
    fn goldens(&self) -> Result<Goldens, String> {
        let inputs: Vec<_> = self.inputs.iter().map(|path| input(path)).collect();
        let translation = translate_all(&inputs, &self.reading(), &Options::default())?;
        let mut goldens = Goldens::new();
        for generated in translation.files().into_iter().flatten() {
            let path = Path::new(&generated.input).with_extension("rs");
            goldens.insert(path, generated.rust.clone());
        }
        let said = translation.render(Style::Plain);
        if !said.is_empty() {
            let path = Path::new(FOLDER).join(&self.name).with_extension("err");
            goldens.insert(path, said + "\n");
        }
        if goldens.is_empty() {
            return Err(format!("{} is refused without a word", self.name));
        }
        Ok(goldens)
    }
}

/// What belongs into which file.
type Goldens = BTreeMap<PathBuf, String>;

fn input(path: &Path) -> Input {
    let name = path.to_str().unwrap().to_owned();
    let text = read(path).unwrap();
    Input { name, text }
}

/// What is in `folder`, in order.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}

fn hazards() -> Vec<Hazard> {
    let mut hazards = Vec::new();
    for path in entries(Path::new(FOLDER)) {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let inputs = if path.is_dir() && name != INCLUDED {
            let mut files = entries(&path);
            files.retain(|file| has_extension(file, "x"));
            files
        } else if has_extension(&path, "x") {
            vec![path]
        } else {
            continue;
        };
        hazards.push(Hazard { name, inputs });
    }
    hazards
}

/// All goldens that there are.
fn committed() -> Vec<PathBuf> {
    let folder = entries(Path::new(FOLDER));
    let units = folder
        .iter()
        .filter(|path| path.is_dir() && !path.ends_with(INCLUDED));
    let mut paths: Vec<_> = units.flat_map(|unit| entries(unit)).collect();
    paths.extend(folder);
    paths.retain(|path| has_extension(path, "rs") || has_extension(path, "err"));
    paths
}

#[test]
fn each_hazard_is_what_it_was() {
    let mut goldens = Goldens::new();
    let mut wrong = Vec::new();
    for hazard in hazards() {
        match hazard.goldens() {
            Ok(more) => goldens.extend(more),
            Err(bug) => wrong.push(bug),
        }
    }
    let orphans = committed();
    let orphans = orphans.iter().filter(|path| !goldens.contains_key(*path));
    if env::var_os("BLESS").is_some() {
        for orphan in orphans {
            fs::remove_file(orphan).unwrap();
        }
        for (path, text) in &goldens {
            fs::write(path, text).unwrap();
        }
    } else {
        wrong.extend(orphans.map(|orphan| format!("{} is left over", orphan.display())));
        for (path, text) in &goldens {
            // A golden that is not there differs from its first line on.
            let golden = fs::read_to_string(path).unwrap_or_default();
            if *text != golden {
                wrong.push(difference(path, &golden, text));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n\nmeant? BLESS=1 cargo test -p oncrpc-rpcgen --test hazards",
        wrong.join("\n")
    );
}

/// The first line in which two texts differ.
fn difference(path: &Path, golden: &str, now: &str) -> String {
    let differs = |(left, right)| left != right;
    let same = golden.lines().zip(now.lines());
    let same = same.take_while(|pair| !differs(*pair)).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(nothing)").to_owned();
    format!(
        "{}:{}\n  was {}\n  is  {}",
        path.display(),
        same + 1,
        line(golden),
        line(now)
    )
}

/// A crate of all goldens, with their documentation, under the strictest lints that a crate may have, whichever edition of
/// Rust it is written in.
#[test]
fn all_that_is_generated_compiles_in_one_crate() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().unwrap();
    let outside = root.join("rpcgen").join(FOLDER).join(INCLUDED);
    let outside = outside.join("outside.rs");
    let mut modules = format!(
        "//! All hazards.\n#![deny(warnings, missing_docs, unreachable_pub, unsafe_code)]\n\
         /// Outside.\n#[path = {outside:?}]\npub mod outside;\n"
    );
    for hazard in hazards() {
        let files = hazard.inputs.iter().map(|input| input.with_extension("rs"));
        let files: Vec<_> = files.filter(|path| path.exists()).collect();
        let module = |path: &PathBuf| {
            let name = path.file_stem().unwrap().to_str().unwrap();
            let path = root.join("rpcgen").join(path);
            format!("/// {name}.x\n#[path = {path:?}]\npub mod {name};\n")
        };
        let files_of_it: String = files.iter().map(module).collect();
        modules += &match hazard.inputs[0].parent() == Some(Path::new(FOLDER)) {
            true => files_of_it,
            false => format!("/// A unit.\npub mod {} {{\n{files_of_it}}}\n", hazard.name),
        };
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("hazards");
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("src/lib.rs"), modules).unwrap();
    // The versions that the workspace has fetched.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let manifest = |edition: &str| {
        format!(
            "[package]\nname = \"hazards\"\nversion = \"0.0.0\"\nedition = \"{edition}\"\n[workspace]\n\
             [dependencies]\noncrpc = {{ path = {:?} }}\noncrpc-xdr = {{ path = {:?} }}\n",
            root.join("rpc"),
            root.join("xdr"),
        )
    };
    let commands = [
        ("2021", &["check"][..]),
        ("2024", &["check"]),
        ("2024", &["doc", "--no-deps"]),
    ];
    for (edition, command) in commands {
        fs::write(folder.join("Cargo.toml"), manifest(edition)).unwrap();
        let output = Command::new(env!("CARGO"))
            .args(command)
            .args(["--quiet", "--offline"])
            .current_dir(&folder)
            .env("CARGO_TARGET_DIR", folder.join("target"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "cargo {command:?} with edition {edition}:\n{said}"
        );
    }
}
