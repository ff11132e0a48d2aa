//! The preprocessor: conditionals, macros without arguments, and includes.
//!
//! It works on tokens, so that every token keeps the place that it was written at: what is wrong behind an
//! `#include` or with a macro's value is shown where people wrote it. Lines for C (`%…`) are left as they are.

mod condition;
mod include;
mod macros;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::lexer::{Comment, CommentKind, Kind, Lines, Token, lex, lex_part};
use crate::options::Reading;
use crate::source::{Source, Sources, Span, line_marker};

pub(crate) use include::identity;
pub use include::read;

use condition::Conditions;
use macros::Macro;

/// What preprocessing gives.
#[derive(Debug)]
pub struct Preprocessed<'a> {
    /// The tokens that are left, the last of which is [`Kind::End`].
    pub tokens: Vec<Token<'a>>,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// The files that have been included.
    pub included: Vec<PathBuf>,
}

/// Preprocesses a file and all that it includes.
///
/// `inputs` are the files that are translated side by side: an include of one of them says what is so already.
pub fn preprocess<'a>(
    sources: &'a Sources,
    source: &'a Source,
    inputs: &[PathBuf],
    reading: &Reading,
) -> Preprocessed<'a> {
    let mut preprocessor = Preprocessor {
        sources,
        reading,
        inputs,
        macros: HashMap::new(),
        tokens: Vec::new(),
        pending: Vec::new(),
        diagnostics: Vec::new(),
        included: Vec::new(),
        once: HashSet::new(),
        depth: 0,
    };
    preprocessor.define_all();
    let end = preprocessor.file(source);
    preprocessor.push(end);
    Preprocessed {
        tokens: preprocessor.tokens,
        diagnostics: preprocessor.diagnostics,
        included: preprocessor.included,
    }
}

/// The macros by which Sun's rpcgen says what it is writing. A .x file decides by them what C needs where; as
/// Rust has no headers, types are read as for one (`RPC_HDR`) unless the user says otherwise.
pub const FAMILY: [&str; 7] = [
    "RPC_HDR",
    "RPC_XDR",
    "RPC_CLNT",
    "RPC_SVC",
    "RPC_TBL",
    "RPC_CLIENT",
    "RPC_SERVER",
];

struct Preprocessor<'a, 'r> {
    sources: &'a Sources,
    reading: &'r Reading,
    inputs: &'r [PathBuf],
    macros: HashMap<&'a str, Macro<'a>>,
    tokens: Vec<Token<'a>>,
    /// Comments that no token has come behind yet.
    pending: Vec<Comment<'a>>,
    diagnostics: Vec<Diagnostic>,
    included: Vec<PathBuf>,
    /// Files that said `#pragma once`.
    once: HashSet<PathBuf>,
    /// Includes around the file at hand.
    depth: usize,
}

impl<'a> Preprocessor<'a, '_> {
    /// Defines what the user has defined, by lines that diagnostics can show.
    fn define_all(&mut self) {
        let defined = |name: &str| self.reading.defines.iter().any(|(other, _)| other == name);
        let mut text = String::new();
        if !FAMILY.into_iter().any(defined) {
            text += "#define RPC_HDR 1\n";
        }
        for (name, value) in &self.reading.defines {
            let value = value.as_deref().unwrap_or("1");
            text += &format!("#define {name} {}\n", value.replace(['\n', '\r'], " "));
        }
        match self.sources.add("<command line>", text) {
            Ok(source) => drop(self.file(source)),
            Err(error) => self.too_large(Span { start: 0, end: 0 }, &error),
        }
    }

    /// Adds the tokens of a file to those there are; gives its last one, behind which there is nothing.
    fn file(&mut self, source: &'a Source) -> Token<'a> {
        let (tokens, faults) = lex(source);
        let mut conditions = Conditions::default();
        let mut tokens = tokens.into_iter().peekable();
        let end = loop {
            let Some(mut token) = tokens.next() else {
                break Token::end(source);
            };
            for comment in std::mem::take(&mut token.before) {
                if comment.kind == CommentKind::Directive {
                    self.directive(source, &comment, &mut conditions);
                } else if conditions.active() {
                    self.pending.push(comment);
                }
            }
            if token.kind == Kind::End {
                break token;
            }
            if !conditions.active() {
                continue;
            }
            let next = tokens.peek();
            if token.text == "import"
                && let Some(file) = next.filter(|next| next.kind == Kind::Text)
                && self.import(source, file)
            {
                // What is left of it ends nothing.
                tokens.next();
                tokens.next_if(|next| next.text == ";");
                continue;
            }
            let called = next.is_some_and(|next| next.text == "(");
            self.token(token, called);
        };
        let skipped = conditions.finish(end.span, &mut self.diagnostics);
        // What is skipped need not be of the language.
        let inside = |fault: &Diagnostic| skipped.iter().any(|span| span.holds(fault.span));
        let faults = faults.into_iter().filter(|fault| !inside(fault));
        self.diagnostics.extend(faults);
        end
    }

    /// Adds a token, or what the macro stands for that it names.
    fn token(&mut self, token: Token<'a>, called: bool) {
        if token.kind == Kind::Word && self.macros.contains_key(token.text) {
            self.expand(token, called);
        } else {
            self.push(token);
        }
    }

    fn push(&mut self, mut token: Token<'a>) {
        token.before = std::mem::take(&mut self.pending);
        self.tokens.push(token);
    }

    /// Obeys a directive.
    fn directive(&mut self, source: &'a Source, line: &Comment<'a>, conditions: &mut Conditions) {
        let range = source.range(line.span);
        let inside = range.start + 1..range.end;
        if line.text[1..].trim_start().starts_with('[') {
            if conditions.active() {
                let diagnostic = Diagnostic::warning(trimmed(line), "attributes mean nothing here");
                self.diagnostics.push(diagnostic);
            }
            return;
        }
        let (tokens, _) = lex_part(source, inside, Lines::Joined);
        let (name, rest) = match tokens.split_first() {
            Some((name, rest)) => (name, rest),
            None => return,
        };
        match name.text {
            "if" | "ifdef" | "ifndef" | "elif" | "elifdef" | "elifndef" | "else" | "endif" => {
                return self.conditional(name, rest, conditions);
            }
            _ if !conditions.active() => return,
            "define" => self.define(rest, name.span),
            "undef" => self.undef(rest, name.span),
            "include" => self.include(source, line),
            "error" | "warning" => self.message(name, line),
            "pragma" if rest.first().is_some_and(|word| word.text == "once") => {
                self.once
                    .insert(include::identity(Path::new(source.name())));
            }
            // What these say is for a C compiler.
            "pragma" | "ident" | "sccs" | "line" => {}
            _ if name.kind == Kind::End || line_marker(line.text).is_some() => {}
            other => {
                let message = format!("there is no directive `#{other}`");
                self.diagnostics.push(Diagnostic::error(name.span, message));
            }
        }
        // Comments before a directive say something of it, not of what comes behind it.
        for comment in &mut self.pending {
            comment.detached = true;
        }
    }

    /// `#error text`, `#warning text`
    fn message(&mut self, name: &Token<'a>, line: &Comment<'a>) {
        let behind = line.text.split_once(name.text).map_or("", |(_, text)| text);
        let text = format!("#{} {}", name.text, behind.trim());
        self.diagnostics.push(match name.text {
            "error" => Diagnostic::error(trimmed(line), text),
            _ => Diagnostic::warning(trimmed(line), text),
        });
    }
}

/// The place of a line without the blanks at its end.
fn trimmed(line: &Comment<'_>) -> Span {
    let blanks = line.text.len() - line.text.trim_end().len();
    let blanks = u32::try_from(blanks).unwrap_or(0);
    Span {
        end: line.span.end - blanks,
        ..line.span
    }
}
