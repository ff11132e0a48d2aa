//! Every option, by what comes of it: the same .x files in one crate, once for each way to generate them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::options::{Enums, Lists, Naming, Opaque, Part, Parts, Serde, Strings};
use oncrpc_rpcgen::{Input, Options, Reading, translate_all};

/// The ways, each a module of the crate, and the files of `tests/options` that are generated so.
fn ways() -> Vec<(&'static str, Options, &'static [&'static str])> {
    const BOTH: &[&str] = &["all", "other"];
    let defaults = Options::default;
    let parts = |parts: &[Part]| Options {
        parts: Parts::only(parts.iter().copied()),
        ..defaults()
    };
    vec![
        ("defaults", defaults(), BOTH),
        (
            "c",
            Options {
                naming: Naming::C,
                ..defaults()
            },
            BOTH,
        ),
        (
            "c_numbers",
            Options {
                naming: Naming::C,
                enums: Enums::Newtype,
                strings: Strings::Bytes,
                ..defaults()
            },
            BOTH,
        ),
        (
            "owned",
            Options {
                strings: Strings::Utf8,
                opaque: Opaque::Vec,
                enums: Enums::Closed,
                ..defaults()
            },
            BOTH,
        ),
        (
            "numbers",
            Options {
                enums: Enums::Newtype,
                serde: Serde::On,
                ..defaults()
            },
            BOTH,
        ),
        (
            "boxes",
            Options {
                lists: Lists::Box,
                serde: Serde::Feature("serde".to_owned()),
                ..defaults()
            },
            BOTH,
        ),
        (
            "closed",
            Options {
                enums: Enums::Closed,
                serde: Serde::On,
                ..defaults()
            },
            BOTH,
        ),
        (
            "more_derives",
            Options {
                derives: vec!["PartialOrd".to_owned(), "::core::cmp::Ord".to_owned()],
                ..defaults()
            },
            &["ordered"],
        ),
        ("strangers", defaults(), &["outside"]),
        ("types", parts(&[Part::Types]), BOTH),
        ("codec", parts(&[Part::Codec]), BOTH),
        ("client", parts(&[Part::Client]), BOTH),
        ("server", parts(&[Part::Server]), BOTH),
        ("table", parts(&[Part::Table]), BOTH),
    ]
}

/// The same for the crate without `std`.
fn bare_ways() -> Vec<(&'static str, Options, &'static [&'static str])> {
    let bare = Options {
        no_std: true,
        ..Options::default()
    };
    let owned = Options {
        strings: Strings::Utf8,
        opaque: Opaque::Vec,
        lists: Lists::Box,
        ..bare.clone()
    };
    let c = Options {
        naming: Naming::C,
        ..bare.clone()
    };
    vec![
        ("bare", bare, &["all", "other"]),
        ("owned", owned, &["all", "other"]),
        ("c", c, &["all", "other"]),
    ]
}

/// What a type of `outside.x` is.
const OUTSIDE: &str = "
/// A type of which rpcgen knows no more than the path.
#[derive(Clone, Debug, PartialEq)]
pub struct Stranger {
    /// No `Eq`, no `Default`.
    pub half: f64,
}

oncrpc_xdr::structure!(Stranger: { half: f64 });
";

/// The Rust of `files`, generated as `options` say.
fn generate(files: &[&str], options: &Options) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/options");
    let inputs = files.iter().map(|file| {
        let path = folder.join(format!("{file}.x"));
        let text = oncrpc_rpcgen::read(&path).unwrap_or_else(|error| panic!("{error}"));
        Input {
            name: path.to_string_lossy().into_owned(),
            text,
        }
    });
    let inputs: Vec<_> = inputs.collect();
    let reading = Reading {
        extern_types: [("stranger".to_owned(), "super::Stranger".to_owned())].into(),
        ..Reading::default()
    };
    let translation = translate_all(&inputs, &reading, options);
    let translation = translation.unwrap_or_else(|error| panic!("{error}"));
    let Some(files) = translation.files() else {
        panic!("{}", translation.render(Style::Plain));
    };
    files.iter().map(|file| file.rust.clone()).collect()
}

fn write(path: &Path, text: &str) {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    let written = folder.and_then(|()| fs::write(path, text));
    assert!(written.is_ok(), "{}: {written:?}", path.display());
}

/// Writes a package: `manifest`, and a library that begins with `head` and has a module for each way.
fn package(
    folder: &Path,
    manifest: &str,
    head: &str,
    ways: Vec<(&str, Options, &[&str])>,
) -> PathBuf {
    let mut lib = head.to_owned();
    for (way, options, files) in ways {
        for (file, rust) in files.iter().zip(generate(files, &options)) {
            write(&folder.join(format!("src/{way}/{file}.rs")), &rust);
        }
        // Parts without the types are modules within the one that has them.
        if matches!(way, "codec" | "client" | "server" | "table") {
            continue;
        }
        let _ = writeln!(lib, "/// With `{way}`.\npub mod {way} {{");
        for file in files {
            let _ = writeln!(lib, "    /// `{file}.x`.\n    pub mod {file} {{");
            let _ = writeln!(lib, "        include!(\"{way}/{file}.rs\");");
            let parts = ["codec", "client", "server", "table"].into_iter();
            for part in parts.filter(|_| way == "types") {
                let _ = writeln!(
                    lib,
                    "        /// The {part} alone.\n        pub mod {part} {{"
                );
                let _ = writeln!(
                    lib,
                    "            include!(\"{part}/{file}.rs\");\n        }}"
                );
            }
            lib += "    }\n";
        }
        if way == "strangers" {
            lib += OUTSIDE;
        }
        lib += "}\n";
    }
    write(&folder.join("src/lib.rs"), &lib);
    write(&folder.join("Cargo.toml"), manifest);
    folder.to_owned()
}

fn cargo(folder: &Path, arguments: &[&str]) {
    let ran = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .output();
    let Ok(ran) = ran else { panic!("cargo runs") };
    assert!(
        ran.status.success(),
        "cargo {arguments:?}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn every_option_gives_a_crate_without_a_warning_that_does_what_the_option_says() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("options");
    let _ = fs::remove_dir_all(folder.join("src"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().unwrap_or(root);
    let manifest = format!(
        "[package]\nname = \"options\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [workspace]\nmembers = [\"bare\"]\n\
         [features]\ndefault = [\"serde\"]\nserde = []\n\
         [dependencies]\noncrpc = {{ path = {:?} }}\n\
         oncrpc-xdr = {{ path = {:?}, features = [\"serde\"] }}\n\
         serde = {{ version = \"1\", features = [\"derive\"] }}\nserde_json = \"1\"\n",
        root.join("rpc"),
        root.join("xdr"),
    );
    let head = "//! Generated.\n#![deny(warnings, missing_docs)]\n\n";
    package(&folder, &manifest, head, ways());
    write(
        &folder.join("src/main.rs"),
        include_str!("options/proof.rs"),
    );

    let manifest = format!(
        "[package]\nname = \"bare\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\
         [dependencies]\noncrpc-xdr = {{ path = {:?} }}\n",
        root.join("xdr"),
    );
    let head =
        "//! Generated.\n#![no_std]\n#![deny(warnings, missing_docs)]\n\nextern crate alloc;\n\n";
    package(&folder.join("bare"), &manifest, head, bare_ways());

    // The versions that the workspace has fetched.
    let locked = fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"));
    assert!(locked.is_ok(), "{locked:?}");
    cargo(&folder, &["run", "--quiet", "--offline"]);
    cargo(&folder, &["check", "--quiet", "--offline", "-p", "bare"]);
    let strict = [
        "clippy",
        "--quiet",
        "--offline",
        "--workspace",
        "--",
        "-D",
        "warnings",
    ];
    cargo(&folder, &strict);
}

#[test]
fn options_that_make_no_sense_are_refused_with_the_reason() {
    let refused = |options: Options| options.check().map_err(|error| error.to_string());
    let none = Options {
        parts: Parts::only([]),
        ..Options::default()
    };
    assert_eq!(
        refused(none),
        Err("there is no part to generate".to_owned())
    );
    let bare_client = Options {
        no_std: true,
        parts: Parts::only([Part::Client]),
        ..Options::default()
    };
    let said = "without std there are types and their codec only, and neither is asked for";
    assert_eq!(refused(bare_client), Err(said.to_owned()));
    for feature in ["", "a b", "\"]"] {
        let serde = Options {
            serde: Serde::Feature(feature.to_owned()),
            ..Options::default()
        };
        let said = format!("`{feature}` is not the name of a feature");
        assert_eq!(refused(serde), Err(said));
    }
    for (derives, said) in [
        (&["Or d"][..], "`Or d` is not the path of a trait"),
        (&["Hash"], "`Hash` is derived wherever it holds"),
        (&["Ord", "Ord"], "`Ord` is to be derived twice"),
    ] {
        let derives = Options {
            derives: derives.iter().map(|&path| path.to_owned()).collect(),
            ..Options::default()
        };
        assert_eq!(refused(derives), Err(said.to_owned()));
    }
}

#[test]
fn arrays_that_serde_cannot_have_are_refused_by_name() {
    let input = Input {
        name: "a.x".to_owned(),
        text: "typedef opaque key[40]; struct keys { key all[2]; };".to_owned(),
    };
    let serde = Options {
        serde: Serde::On,
        ..Options::default()
    };
    let error = translate_all(&[input], &Reading::default(), &serde).map(|_| ());
    let said =
        "`keys` has arrays in an array, one of them of more than 32 elements: serde is not for it";
    assert_eq!(error, Err(said.to_owned()));
}
