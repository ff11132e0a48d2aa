//! From the text of .x files to Rust.

use std::path::{Path, PathBuf};

use crate::diagnostic::{self, Diagnostic, Style};
use crate::options::{Options, Reading};
use crate::source::{Source, Sources};
use crate::{cpp, ir, parser, preprocess, rust};

/// A .x file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// What diagnostics call it; `#include` looks in its folder.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// The Rust of one input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// The name of the input.
    pub input: String,
    /// The Rust.
    pub rust: String,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    unit: Option<ir::Unit>,
    files: Vec<Generated>,
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    read: Vec<PathBuf>,
}

impl Translation {
    /// The Rust, a file for each input in their order, unless there was an error.
    pub fn files(&self) -> Option<&[Generated]> {
        self.unit.as_ref().map(|_| &*self.files)
    }

    /// What the inputs define, unless there was an error.
    pub fn unit(&self) -> Option<&ir::Unit> {
        self.unit.as_ref()
    }

    /// The files that have been included, each as often as it was.
    pub fn included(&self) -> &[PathBuf] {
        &self.read
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        let errors = self.diagnostics.iter().filter(|told| told.is_error());
        errors.count()
    }

    /// Errors and warnings as text for people; empty if there are none.
    pub fn render(&self, style: Style) -> String {
        diagnostic::render_all(&self.diagnostics, &self.sources, style)
    }
}

/// Translates the text of one .x file with all defaults.
///
/// # Errors
///
/// As [`translate_all`].
pub fn translate(name: &str, text: &str) -> Result<Translation, String> {
    let input = Input {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    translate_all(&[input], &Reading::default(), &Options::default())
}

/// Translates .x files that may use each other's definitions.
///
/// Every error is found, not the first only. Nothing is written; what is read are the files that the inputs
/// include.
///
/// # Errors
///
/// The inputs are larger than [`source::MAX_TEXT`](crate::source::MAX_TEXT), an option is not what it must be,
/// options contradict each other, or the preprocessor of [`Reading::cpp`] fails.
pub fn translate_all(
    inputs: &[Input],
    reading: &Reading,
    options: &Options,
) -> Result<Translation, String> {
    let mut translation = understand(inputs, reading)?;
    if let Some(unit) = &translation.unit {
        for (index, input) in inputs.iter().enumerate() {
            let rust = rust::generate(unit, index, options).map_err(|error| error.to_string())?;
            translation.files.push(Generated {
                input: input.name.clone(),
                rust,
            });
        }
    }
    Ok(translation)
}

/// Reads .x files and generates nothing.
///
/// # Errors
///
/// As [`translate_all`].
pub fn understand(inputs: &[Input], reading: &Reading) -> Result<Translation, String> {
    check(reading)?;
    let sources = Sources::default();
    let mut translation = Translation::default();
    let identities = inputs
        .iter()
        .map(|input| preprocess::identity(Path::new(&input.name)));
    let identities: Vec<_> = identities.collect();
    let mut files = Vec::new();
    for input in inputs {
        let text = match &reading.cpp {
            Some(program) => cpp::run(program, input, reading)?,
            None => input.text.clone(),
        };
        let added = sources.add(&*input.name, text);
        let source = added.map_err(|error| error.to_string())?;
        let file = file(&sources, source, &identities, reading, &mut translation);
        files.push(file);
    }
    let (unit, told) = ir::resolve(&files, &sources, reading);
    translation.diagnostics.extend(told);
    let failed = translation.diagnostics.iter().any(Diagnostic::is_error);
    translation.unit = (!failed).then_some(unit);
    translation.sources = sources;
    Ok(translation)
}

/// Reads one file and what it includes.
fn file(
    sources: &Sources,
    source: &Source,
    inputs: &[PathBuf],
    reading: &Reading,
    translation: &mut Translation,
) -> ir::File {
    let preprocessed = preprocess::preprocess(sources, source, inputs, reading);
    translation.diagnostics.extend(preprocessed.diagnostics);
    translation.read.extend(preprocessed.included);
    let parsed = parser::parse(&preprocessed.tokens, sources, reading);
    translation.diagnostics.extend(parsed.diagnostics);
    let name = source.name();
    ir::File {
        name: name.rsplit('/').next().unwrap_or(name).to_owned(),
        items: parsed.items,
        trailing: parsed.trailing,
        lost: parsed.lost,
    }
}

/// Refuses options that nothing could be made of.
fn check(reading: &Reading) -> Result<(), String> {
    for (name, path) in &reading.extern_types {
        if !is_path(path) {
            return Err(format!(
                "type `{name}` is to be `{path}`, which is not the path of a Rust type"
            ));
        }
    }
    for (name, _) in &reading.defines {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_') {
            return Err(format!("`{name}` is not the name of a macro"));
        }
    }
    Ok(())
}

/// Whether `path` is one of Rust's: words with `::` between them.
pub(crate) fn is_path(path: &str) -> bool {
    let path = path.strip_prefix("::").unwrap_or(path);
    path.split("::").all(|word| {
        let word = word.strip_prefix("r#").unwrap_or(word);
        let starts = word.starts_with(|c: char| c.is_alphabetic() || c == '_');
        starts && word.chars().all(|c| c.is_alphanumeric() || c == '_')
    })
}
