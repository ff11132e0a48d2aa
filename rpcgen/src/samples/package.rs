//! `-Sm` and `-a`: a crate around what rpcgen makes.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Samples, Serving, fill};
use crate::options::{Options, Reading, Serde};
use crate::rust;

/// The crate that the samples of some .x files are for, called as the first of them is.
///
/// One file is its root; several are a module each, called as the file is.
#[derive(Clone, Debug)]
pub struct Package {
    /// The names of the files, without folders.
    files: Vec<String>,
    reading: Reading,
    options: Options,
    oncrpc_path: Option<PathBuf>,
}

impl Package {
    /// A crate whose build script makes Rust of `files` as `reading` and `options` say. Only the last part of
    /// each path counts: the files are to lie beside the manifest.
    pub fn new(files: &[impl AsRef<Path>], reading: &Reading, options: &Options) -> Self {
        let name = |path: &Path| {
            path.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        };
        Self {
            files: files.iter().map(|file| name(file.as_ref())).collect(),
            reading: reading.clone(),
            options: options.clone(),
            oncrpc_path: None,
        }
    }

    /// Takes the packages of oncrpc from this checkout of its repository instead of the registry.
    #[must_use]
    pub fn oncrpc_path(self, path: impl Into<PathBuf>) -> Self {
        Self {
            oncrpc_path: Some(path.into()),
            ..self
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.root().replace('_', "-")
    }

    /// The name of its library.
    fn root(&self) -> String {
        library(self.files.first().map_or("protocol", String::as_str))
    }

    /// The paths of the modules that the files become.
    pub(super) fn roots(&self) -> Vec<String> {
        let root = self.root();
        match &self.files[..] {
            [_] => vec![root],
            files => {
                let modules = files.iter().map(|file| rust::module(file));
                modules.map(|module| format!("{root}::{module}")).collect()
            }
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// The files, as text names them.
    pub(super) fn files(&self) -> String {
        self.files.join(", ")
    }

    /// `Cargo.toml`
    pub fn manifest(&self, serving: &Serving) -> String {
        let mut dependencies = vec![
            (
                "env_logger",
                r#"{ version = "0.11", default-features = false }"#.to_owned(),
            ),
            (
                "tokio",
                r#"{ version = "1", features = ["macros", "rt-multi-thread", "signal", "time"] }"#
                    .to_owned(),
            ),
        ];
        for (name, folder) in [
            ("oncrpc", "rpc"),
            ("oncrpc-client", "client"),
            ("oncrpc-server", "server"),
            ("oncrpc-xdr", "xdr"),
        ] {
            dependencies.push((name, self.ours(folder)));
        }
        if serving.to_syslog() {
            dependencies.push(("log", r#""0.4""#.to_owned()));
            dependencies.push((
                "nix",
                r#"{ version = "0.31", default-features = false, features = ["syslog"] }"#
                    .to_owned(),
            ));
        }
        let mut features = String::new();
        match &self.options.serde {
            Serde::Off => {}
            Serde::On => dependencies.push((
                "serde",
                r#"{ version = "1", features = ["derive"] }"#.to_owned(),
            )),
            Serde::Feature(feature) => {
                dependencies.push((
                    "serde",
                    r#"{ version = "1", features = ["derive"], optional = true }"#.to_owned(),
                ));
                features = format!("\n[features]\n{feature} = [\"dep:serde\"]\n");
            }
        }
        dependencies.sort_unstable();
        let dependencies: String = dependencies
            .iter()
            .map(|(name, what)| format!("{name} = {what}\n"))
            .collect();
        fill(
            include_str!("templates/Cargo.toml.in"),
            &[
                ("files", &self.files()),
                ("package", &self.name()),
                ("features", &features),
                ("dependencies", &dependencies),
                (
                    "build_dependencies",
                    &format!("oncrpc-rpcgen = {}\n", self.ours("rpcgen")),
                ),
            ],
        )
    }

    /// Where a package of oncrpc comes from.
    fn ours(&self, folder: &str) -> String {
        match &self.oncrpc_path {
            Some(path) => format!(
                "{{ path = {} }}",
                quoted(&path.join(folder).to_string_lossy())
            ),
            None => quoted(env!("CARGO_PKG_VERSION")),
        }
    }

    /// `build.rs`
    pub fn build_script(&self) -> String {
        let inputs: Vec<_> = self.files.iter().map(|file| quoted(file)).collect();
        fill(
            include_str!("templates/build.rs.in"),
            &[
                ("files", &self.files()),
                ("config", &self.config()),
                ("inputs", &inputs.join(", ")),
            ],
        )
    }

    /// What the build script says of how to read the files and of what to make.
    fn config(&self) -> String {
        let mut config = String::new();
        let mut say = |what: String| {
            let _ = writeln!(config, "        .{what}");
        };
        for dir in &self.reading.include {
            say(format!("include({})", quoted(&dir.to_string_lossy())));
        }
        for (name, value) in &self.reading.defines {
            let value = value.as_deref().unwrap_or("1");
            say(format!("define({}, {})", quoted(name), quoted(value)));
        }
        for (name, path) in &self.reading.extern_types {
            say(format!("extern_type({}, {})", quoted(name), quoted(path)));
        }
        for (place, bound) in &self.reading.bounds {
            say(format!("bound({}, {bound})", quoted(place)));
        }
        if let Some(cpp) = &self.reading.cpp {
            say(format!("cpp({})", quoted(&cpp.to_string_lossy())));
        }
        if self.reading.sun {
            say("sun(true)".to_owned());
        }
        let options = options(&self.options);
        if !options.is_empty() {
            say(format!(
                "options(oncrpc_rpcgen::Options {{\n{options}            ..oncrpc_rpcgen::Options::default()\n        }})"
            ));
        }
        config
    }

    /// `src/lib.rs`
    pub fn library(&self) -> String {
        let mut text = format!("//! What rpcgen made of {}.\n", self.files());
        let include = |file: &str| {
            format!(
                "include!(concat!(env!(\"OUT_DIR\"), \"/{}.rs\"));\n",
                stem(file)
            )
        };
        if let [file] = &self.files[..] {
            return text + "\n" + &include(file);
        }
        for file in &self.files {
            let _ = write!(
                text,
                "\n/// {file}\npub mod {} {{\n    {}}}\n",
                rust::module(file),
                include(file)
            );
        }
        text
    }

    /// All files of the crate but the .x files themselves, each with its path in the crate's folder.
    pub fn write(&self, samples: &Samples, serving: &Serving) -> Vec<(PathBuf, String)> {
        let name = self.name();
        let server = Path::new("src/bin").join(format!("{name}-server"));
        vec![
            ("Cargo.toml".into(), self.manifest(serving)),
            ("build.rs".into(), self.build_script()),
            ("src/lib.rs".into(), self.library()),
            (server.join("main.rs"), samples.main(serving)),
            (server.join("service.rs"), samples.service()),
            (format!("src/bin/{name}-client.rs").into(), samples.client()),
        ]
    }
}

/// The options that are not the default ones, as fields of an [`Options`].
fn options(options: &Options) -> String {
    let default = Options::default();
    let Options {
        naming,
        strings,
        opaque,
        enums,
        lists,
        serde,
        no_std,
        parts: _,
        derives,
    } = options;
    let mut fields = String::new();
    let mut field = |differs: bool, name: &str, value: String| {
        if differs {
            let _ = writeln!(fields, "            {name}: {value},");
        }
    };
    let of = |kind: &str, value: &dyn std::fmt::Debug| {
        format!("oncrpc_rpcgen::options::{kind}::{value:?}")
    };
    field(*naming != default.naming, "naming", of("Naming", naming));
    field(
        *strings != default.strings,
        "strings",
        of("Strings", strings),
    );
    field(*opaque != default.opaque, "opaque", of("Opaque", opaque));
    field(*enums != default.enums, "enums", of("Enums", enums));
    field(*lists != default.lists, "lists", of("Lists", lists));
    let serde_value = match serde {
        Serde::Feature(feature) => format!(
            "oncrpc_rpcgen::options::Serde::Feature({}.to_owned())",
            quoted(feature)
        ),
        Serde::Off | Serde::On => of("Serde", serde),
    };
    field(*serde != default.serde, "serde", serde_value);
    field(*no_std, "no_std", "true".to_owned());
    let paths: Vec<_> = derives
        .iter()
        .map(|path| format!("{}.to_owned()", quoted(path)))
        .collect();
    field(
        !paths.is_empty(),
        "derives",
        format!("vec![{}]", paths.join(", ")),
    );
    fields
}

/// The name of a file without its ending.
fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file,
    }
}

/// The name of a file as that of a crate, but none that code beside it needs.
fn library(file: &str) -> String {
    let name = rust::module(file);
    let name = name.trim_start_matches("r#");
    match TAKEN.contains(&name) || name.starts_with("oncrpc") {
        true => format!("{name}_protocol"),
        false => name.to_owned(),
    }
}

/// Crates and modules that samples name.
const TAKEN: [&str; 13] = [
    "alloc",
    "build",
    "client",
    "core",
    "env_logger",
    "log",
    "main",
    "nix",
    "service",
    "std",
    "syslog",
    "test",
    "tokio",
];

/// Text in quotes, as Rust and TOML both read it.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}
