//! `#include`: which file is meant, and reading it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::lexer::{Comment, CommentKind, Token};
use crate::source::{MAX_TEXT, Source, Span, TooLarge};

use super::{Preprocessor, trimmed};

impl<'a> Preprocessor<'a, '_> {
    /// `#include "file"` and `#include <file>`
    pub(super) fn include(&mut self, source: &'a Source, line: &Comment<'a>) {
        let at = trimmed(line);
        let Some((name, beside)) = included(line.text) else {
            let diagnostic = Diagnostic::error(at, "`#include` needs the name of a file");
            let help = "write `#include \"file.x\"` or `#include <file.x>`";
            self.diagnostics.push(diagnostic.help(help));
            return;
        };
        match self.find(source, name, beside) {
            Ok(found) => self.read(at, found),
            Err((message, help)) => {
                let mut diagnostic = Diagnostic::error(at, message);
                diagnostic.help = help;
                self.diagnostics.push(diagnostic);
            }
        }
    }

    /// `import "file.x"`, as another compiler has it: says whether there is such a file, which then is read.
    pub(super) fn import(&mut self, source: &'a Source, file: &Token<'a>) -> bool {
        let name = &file.text[1..file.text.len() - 1];
        match self.find(source, name, true) {
            Ok(found) => self.read(file.span, found),
            Err(_) => return false,
        }
        true
    }

    /// Reads a file that the directive at `at` includes.
    fn read(&mut self, at: Span, found: Found) {
        let Some((path, text)) = found else {
            return;
        };
        if self.depth == MAX_DEPTH {
            let message = format!("files include each other more than {MAX_DEPTH} deep");
            self.diagnostics.push(Diagnostic::error(at, message));
            return;
        }
        match self.sources.add(path.to_string_lossy(), text) {
            Ok(included) => {
                // A comment before the directive says nothing of what the file begins with.
                self.pending
                    .retain(|comment| comment.kind == CommentKind::Verbatim);
                self.included.push(path);
                self.depth += 1;
                self.file(included);
                self.depth -= 1;
            }
            Err(error) => self.too_large(at, &error),
        }
    }

    pub(super) fn too_large(&mut self, at: Span, error: &TooLarge) {
        self.diagnostics
            .push(Diagnostic::error(at, error.to_string()));
    }

    /// The file that is meant and what is in it; nothing if it need not be read again.
    fn find(&self, source: &Source, name: &str, beside: bool) -> Result<Found, NotFound> {
        let mut folders = Vec::new();
        if beside {
            folders.push(folder(source.name()));
        }
        folders.extend(self.reading.include.iter().cloned());
        if !beside {
            folders.push(PathBuf::from("/usr/include"));
        }
        for folder in &folders {
            let path = folder.join(name);
            if !path.is_file() {
                continue;
            }
            let identity = identity(&path);
            if self.inputs.contains(&identity) || self.once.contains(&identity) {
                return Ok(None);
            }
            return match read(&path) {
                Ok(text) => Ok(Some((path, text))),
                Err(error) => Err((format!("{}: {error}", path.display()), None)),
            };
        }
        let searched: Vec<_> = folders
            .iter()
            .map(|folder| match folder.as_os_str().is_empty() {
                true => "the current folder".to_owned(),
                false => format!("`{}`", folder.display()),
            })
            .collect();
        let searched = match searched.is_empty() {
            true => "nowhere to look for it".to_owned(),
            false => format!("looked for it in {}", searched.join(", ")),
        };
        let help = format!("{searched}; --include names more folders");
        Err((format!("there is no file `{name}`"), Some(help)))
    }
}

/// A file and its text, if it is to be read.
type Found = Option<(PathBuf, String)>;

/// Why there is none, and what to do about it.
type NotFound = (String, Option<String>);

/// The file that an `#include` names, and whether it is looked for beside the file that includes it.
fn included(line: &str) -> Option<(&str, bool)> {
    let (_, rest) = line.split_once("include")?;
    let rest = rest.trim_start();
    let (name, beside) = match rest.strip_prefix('"') {
        Some(quoted) => (quoted.split_once('"')?.0, true),
        None => (rest.strip_prefix('<')?.split_once('>')?.0, false),
    };
    (!name.is_empty()).then_some((name, beside))
}

/// The folder of a file.
fn folder(name: &str) -> PathBuf {
    Path::new(name)
        .parent()
        .map(PathBuf::from)
        .unwrap_or_default()
}

/// The one path of a file, by which two names for it are the same.
pub(crate) fn identity(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Reads a .x file. Real ones are ASCII or Latin-1 in their comments: what is not UTF-8 is replaced.
pub fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    let most = u64::from(MAX_TEXT) + 1;
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Deepest nesting of includes; gcc stops at 200.
const MAX_DEPTH: usize = 64;
