//! .x files tidied: `rpcgen --fmt`.
//!
//! Works on the tokens of the file as it is written, so that nothing is lost: comments, lines for C (`%…`) and
//! directives stay, macros are not replaced, and of a conditional both branches are kept.
//!
//! - Blocks are indented by tabs, as .x files are; a `case` stands below its `union`, an arm one step in.
//! - A line holds one declaration, enumerator or label; a short body that is written on one line stays there.
//! - Comments behind the lines of a block begin in the same column.
//! - Empty lines are kept, but no two in a row, and set where a definition of several lines begins or ends.

mod layout;
mod lines;
mod spacing;

use crate::diagnostic::{self, Diagnostic, Style};
use crate::lexer::lex;
use crate::options::Reading;
use crate::source::Sources;
use crate::{parser, preprocess};

/// What is wrong with a file, which then is not tidied.
#[derive(Clone, Debug)]
pub struct Refused {
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
}

impl Refused {
    /// What is wrong, as text for people.
    pub fn render(&self, style: Style) -> String {
        diagnostic::render_all(&self.diagnostics, &self.sources, style)
    }
}

/// The text of a .x file, which diagnostics call `name`, tidied.
///
/// To tidy what is tidy changes nothing.
///
/// # Errors
///
/// The file is not of the language. What it means is not looked at: types may be missing.
pub fn tidy(name: &str, text: &str) -> Result<String, Refused> {
    let sources = Sources::default();
    let diagnostics = match sources.add(name, text) {
        Ok(source) => {
            let (tokens, mut diagnostics) = lex(source);
            // A directive may cut a construct in two: whether the file is of the language shows behind the
            // preprocessor, whose own troubles, such as a missing include, are none of ours.
            let reading = Reading::default();
            let preprocessed = preprocess::preprocess(&sources, source, &[], &reading);
            let parsed = parser::parse(&preprocessed.tokens, &sources, &reading);
            diagnostics.extend(parsed.diagnostics);
            diagnostics.retain(Diagnostic::is_error);
            if diagnostics.is_empty() {
                return Ok(layout::lay_out(source, &tokens));
            }
            diagnostics
        }
        Err(error) => vec![Diagnostic::error(
            crate::source::Span::NOWHERE,
            error.to_string(),
        )],
    };
    Err(Refused {
        sources,
        diagnostics,
    })
}
