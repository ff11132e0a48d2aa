//! `-a`: a crate around what rpcgen makes.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{Samples, Serving};
use crate::options::{Options, Reading};
use crate::rust;

/// The crate that the samples of some .x files are for, called as the first of them is.
///
/// One file is its root; several are a module each, called as the file is.
#[derive(Clone, Debug)]
pub struct Package {
    /// The names of the files, without folders.
    files: Vec<String>,
    pub(super) reading: Reading,
    pub(super) options: Options,
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

    /// The checkout of oncrpc's repository that its packages come from.
    pub(super) fn repository(&self) -> Option<&Path> {
        self.oncrpc_path.as_deref()
    }

    /// The names of the files.
    pub(super) fn file_names(&self) -> &[String] {
        &self.files
    }

    /// The files, as text names them.
    pub fn files(&self) -> String {
        self.files.join(", ")
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
    pub fn contents(&self, samples: &Samples, serving: &Serving) -> Vec<(PathBuf, String)> {
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

/// The name of a file without its ending.
fn stem(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => file,
    }
}

/// The name of a file as that of a crate, but no keyword and none that code beside it needs.
fn library(file: &str) -> String {
    let module = rust::module(file);
    match module.strip_prefix("r#") {
        None if !TAKEN.contains(&&module[..]) && !module.starts_with("oncrpc") => module,
        None => format!("{module}_protocol"),
        Some(keyword) => format!("{keyword}_protocol"),
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
pub(super) fn quoted(text: &str) -> String {
    format!("{text:?}")
}
