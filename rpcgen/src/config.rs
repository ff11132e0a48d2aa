//! Compiling .x files from a build.rs.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::diagnostic::Style;
use crate::translate;

/// How .x files are compiled; the same for a build.rs and for the `rpcgen` command.
#[derive(Clone, Debug, Default)]
pub struct Config {
    out_dir: Option<PathBuf>,
}

/// Why a .x file was not compiled; its text is meant for whoever runs the build.
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
        Self {
            out_dir: Some(dir.into()),
        }
    }

    /// Compiles each file into one of the same name with the ending `.rs`, and tells cargo to run again when
    /// one of them has changed. Warnings are shown as cargo's.
    pub fn compile(&self, files: &[impl AsRef<Path>]) -> Result<(), Error> {
        let out_dir = match (&self.out_dir, env::var_os("OUT_DIR")) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dir)) => dir.into(),
            (None, None) => return Err(Error::NoOutDir),
        };
        let mut errors = Vec::new();
        for file in files.iter().map(AsRef::as_ref) {
            println!("cargo::rerun-if-changed={}", file.display());
            let text = read(file)?;
            let translation = translate(&file.to_string_lossy(), &text).map_err(Error::Invalid)?;
            let rendered = translation.render(Style::Plain);
            let Some(rust) = translation.rust else {
                errors.push(rendered);
                continue;
            };
            for line in rendered.lines() {
                println!("cargo::warning={line}");
            }
            let name = file.with_extension("rs");
            let out = out_dir.join(name.file_name().unwrap_or(name.as_os_str()));
            fs::write(&out, rust).map_err(|error| Error::Io { path: out, error })?;
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(errors.join("\n\n")))
        }
    }
}

/// Reads a .x file. Real ones are ASCII or Latin-1 in their comments: what is not UTF-8 is replaced.
pub fn read(path: &Path) -> Result<String, Error> {
    let bytes = fs::read(path).map_err(|error| Error::Io {
        path: path.to_owned(),
        error,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
