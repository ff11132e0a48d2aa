//! Tokens to the ast, one item after the other.
//!
//! A fault ends the item, or the member of a body, that it is in: parsing goes on behind the next `;` (`,` in
//! an enum) or `}` of that nesting, so that one run finds all faults of a file.

mod declaration;
mod docs;
mod expr;
mod item;
mod program;
mod recover;
mod sun;
mod tokens;
mod verbatim;

use std::collections::HashSet;

use crate::ast::Item;
use crate::diagnostic::Diagnostic;
use crate::lexer::Token;
use crate::options::Reading;
use crate::source::Sources;

use item::item;
use recover::{lose, skip};
use tokens::{Fault, Notes, Tokens};

/// What the tokens of one file say.
#[derive(Debug, Default)]
pub struct Parsed {
    /// The items, in order.
    pub items: Vec<Item>,
    /// The lines for C behind the last of them.
    pub trailing: Vec<String>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// The words of what could not be read: names that may have been defined there.
    pub lost: HashSet<String>,
}

/// Reads the tokens of one file, as [`preprocess`](crate::preprocess::preprocess) gives them.
pub fn parse(tokens: &[Token<'_>], sources: &Sources, reading: &Reading) -> Parsed {
    let notes = Notes {
        sun: reading.sun,
        new_style: reading.new_style,
        ..Notes::default()
    };
    if reading.sun {
        sun::refuse(tokens, sources, &notes);
    }
    let mut parsed = Parsed::default();
    if !tokens.is_empty() {
        let mut rest = Tokens::new(tokens, &notes);
        // The namespaces around what is read.
        let mut namespaces = Vec::new();
        // Lines for C before what defines nothing, which the next item gets.
        let mut lines_for_c = Vec::new();
        while !rest.at_end() {
            let start = rest;
            match item(rest, &mut namespaces) {
                Ok((behind, item)) => {
                    rest = behind;
                    let taken = rest.taken_since(start);
                    parsed.items.extend(verbatim::constants(taken, sources));
                    lines_for_c.extend(docs::verbatim(taken));
                    parsed.items.extend(item.map(|mut item| {
                        item.docs.verbatim = std::mem::take(&mut lines_for_c);
                        item
                    }));
                }
                Err(error) => {
                    let fault = fault_of(error, rest);
                    notes.tell(*fault.diagnostic);
                    rest = skip(rest, fault.at, ";");
                    lose(start, rest);
                    let taken = rest.taken_since(start);
                    parsed.items.extend(verbatim::constants(taken, sources));
                    lines_for_c.extend(docs::verbatim(taken));
                }
            }
        }
        let end = std::slice::from_ref(rest.first());
        parsed.items.extend(verbatim::constants(end, sources));
        lines_for_c.extend(docs::verbatim(end));
        parsed.trailing = lines_for_c;
        for open in namespaces {
            let diagnostic = Diagnostic::error(open, "this namespace is not closed");
            notes.tell(diagnostic.help("close it with `}`"));
        }
    }
    parsed.diagnostics = notes.diagnostics.into_inner();
    parsed.lost = notes.lost.into_inner();
    parsed
}

/// The fault of a parser that read whole tokens: there never is too little input.
fn fault_of<'a>(error: nom::Err<Fault<'a>>, at: Tokens<'a>) -> Fault<'a> {
    match error {
        nom::Err::Error(fault) | nom::Err::Failure(fault) => fault,
        nom::Err::Incomplete(_) => Fault {
            at,
            diagnostic: Box::new(Diagnostic::error(
                at.first().span,
                "the file ends too early",
            )),
        },
    }
}
