//! Compiling .x files from a build.rs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::diagnostic::Style;
use crate::options::{Options, Reading};
use crate::preprocess::read;
use crate::translate::{Input, translate_all};

/// How .x files are compiled; the same for a build.rs and for the `rpcgen` command.
///
/// ```no_run
/// use oncrpc_rpcgen::Config;
/// use oncrpc_rpcgen::options::{Options, Strings};
///
/// let options = Options {
///     strings: Strings::Utf8,
///     ..Options::default()
/// };
/// Config::new()
///     .include("proto")
///     .define("MAX_NAME", "64")
///     .extern_type("sockaddr", "crate::Sockaddr")
///     .options(options)
///     .compile(&["proto/mount.x", "proto/nfs.x"])
///     .unwrap_or_else(|error| panic!("{error}"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Config {
    out_dir: Option<PathBuf>,
    reading: Reading,
    options: Options,
}

/// Why .x files were not compiled; its text is meant for whoever runs the build.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The files have errors: all of them, rendered with their places.
    #[error("{0}")]
    Invalid(String),
    /// Neither [`Config::out_dir`] nor the variable `OUT_DIR` says where to write.
    #[error("OUT_DIR is not set: outside of a build.rs, say where to write with Config::out_dir")]
    NoOutDir,
}

impl Config {
    /// The defaults: output goes to `OUT_DIR`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes into `dir` instead of `OUT_DIR`.
    #[must_use]
    pub fn out_dir(self, dir: impl Into<PathBuf>) -> Self {
        let out_dir = Some(dir.into());
        Self { out_dir, ..self }
    }

    /// What is generated, and how it looks.
    #[must_use]
    pub fn options(self, options: Options) -> Self {
        Self { options, ..self }
    }

    /// How the files are read, all of it at once; the methods below add to it.
    #[must_use]
    pub fn reading(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// `#include` looks in `dir`, too, behind the folder of the file that includes.
    #[must_use]
    pub fn include(mut self, dir: impl Into<PathBuf>) -> Self {
        self.reading.include.push(dir.into());
        self
    }

    /// Defines a macro, which may stand wherever a constant may.
    #[must_use]
    pub fn define(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.reading.defines.push((name.into(), Some(value.into())));
        self
    }

    /// The type `name`, which no file defines, is the Rust type at `path`, as the generated module sees it.
    ///
    /// It must be `Clone`, `Debug`, `PartialEq` and [`oncrpc_xdr`]'s `Encode` and `Decode`.
    ///
    /// [`oncrpc_xdr`]: https://docs.rs/oncrpc-xdr
    #[must_use]
    pub fn extern_type(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.reading.extern_types.insert(name.into(), path.into());
        self
    }

    /// Bounds what has no bound: `place` is `type.field` as the .x file has them, or a typedef.
    #[must_use]
    pub fn bound(mut self, place: impl Into<String>, most: u32) -> Self {
        self.reading.bounds.insert(place.into(), most);
        self
    }

    /// Has `program` preprocess the files instead of the preprocessor built in.
    #[must_use]
    pub fn cpp(mut self, program: impl Into<PathBuf>) -> Self {
        self.reading.cpp = Some(program.into());
        self
    }

    /// Refuses what Sun's rpcgen refuses.
    #[must_use]
    pub fn sun(mut self, sun: bool) -> Self {
        self.reading.sun = sun;
        self
    }

    /// Compiles each file into one of the same name with the ending `.rs`, and tells cargo to run again when
    /// one of them, or one that they include, has changed. Warnings are shown as cargo's.
    ///
    /// The files may use each other's definitions: what is generated then expects the modules side by side,
    /// each called as its file (`mod mount { include!(…); } mod nfs { include!(…); }`).
    pub fn compile(&self, files: &[impl AsRef<Path>]) -> Result<(), Error> {
        let out_dir = match (&self.out_dir, env::var_os("OUT_DIR")) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dir)) => dir.into(),
            (None, None) => return Err(Error::NoOutDir),
        };
        let mut inputs = Vec::new();
        for file in files.iter().map(AsRef::as_ref) {
            println!("cargo::rerun-if-changed={}", file.display());
            let name = file.to_string_lossy().into_owned();
            let text = read(file).map_err(|error| io_error(file, error))?;
            inputs.push(Input { name, text });
        }
        let translated = translate_all(&inputs, &self.reading, &self.options);
        let translation = translated.map_err(Error::Invalid)?;
        for path in translation.included().iter().collect::<BTreeSet<_>>() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        let rendered = translation.render(Style::Plain);
        let Some(generated) = translation.files() else {
            return Err(Error::Invalid(rendered));
        };
        for line in rendered.lines() {
            println!("cargo::warning={line}");
        }
        for file in generated {
            let name = Path::new(&file.input).with_extension("rs");
            let out = out_dir.join(name.file_name().unwrap_or(name.as_os_str()));
            fs::write(&out, &file.rust).map_err(|error| io_error(&out, error))?;
        }
        Ok(())
    }
}

fn io_error(path: &Path, error: io::Error) -> Error {
    let path = path.to_owned();
    Error::Io { path, error }
}
