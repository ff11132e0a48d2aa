//! From the text of a .x file to Rust.

use crate::diagnostic::{self, Diagnostic, Style};
use crate::source::Sources;
use crate::{Options, ir, lexer, parser, rust};

/// What came of one .x file.
#[derive(Clone, Debug)]
pub struct Translation {
    /// The Rust, unless there was an error.
    pub rust: Option<String>,
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
}

impl Translation {
    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.diagnostics
            .iter()
            .filter(|diagnostic| diagnostic.is_error())
            .count()
    }

    /// Errors and warnings as text for people; empty if there are none.
    pub fn render(&self, style: Style) -> String {
        diagnostic::render_all(&self.diagnostics, &self.sources, style)
    }
}

/// Translates the text of a .x file, which errors call `name`.
///
/// Every error is found, not the first only. Nothing is read or written.
///
/// # Errors
///
/// The text is larger than [`source::MAX_TEXT`](crate::source::MAX_TEXT), or what was made of it is not Rust,
/// which would be a bug of this crate.
pub fn translate(name: &str, text: &str) -> Result<Translation, String> {
    let mut sources = Sources::default();
    let source = sources.add(name, text).map_err(|error| error.to_string())?;
    let (tokens, mut diagnostics) = lexer::lex(source);
    let (items, more) = parser::parse(&tokens);
    diagnostics.extend(more);
    let mut code = None;
    // What could not be read in full has names that only seem to be missing.
    if !diagnostics.iter().any(Diagnostic::is_error) {
        let (unit, more) = ir::resolve(&items, source);
        diagnostics.extend(more);
        if let Some(unit) = unit {
            let generated = rust::generate(&unit, 0, &Options::default());
            let generated = generated.map_err(|error| format!("{name}: {error}"))?;
            code = Some(generated);
        }
    }
    Ok(Translation {
        rust: code,
        sources,
        diagnostics,
    })
}
