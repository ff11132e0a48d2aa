//! The token slice as nom wants its input, and the words and signs in it.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::iter::Enumerate;
use std::slice::Iter;

use nom::error::{ErrorKind, ParseError};
use nom::{IResult, Input, Needed};

use crate::ast::Ident;
use crate::diagnostic::Diagnostic;
use crate::lexer::{Kind, MAX_ERRORS, MAX_SHOWN, Token};
use crate::source::Span;

/// The tokens that are left; the last one is always [`Kind::End`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Tokens<'a> {
    rest: &'a [Token<'a>],
    /// Where the last token that was taken ends.
    pub(super) behind: Span,
    /// Braces and parentheses around what is parsed.
    pub(super) depth: u32,
    /// What is to be told, beside what is parsed.
    pub(super) notes: &'a Notes,
}

/// What parsing finds beside what it parses.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Faults that parsing went on after, and warnings.
    pub(super) diagnostics: RefCell<Vec<Diagnostic>>,
    /// The words of what was skipped: names that may have been defined there.
    pub(super) lost: RefCell<HashSet<String>>,
    /// How often the rest of the file was looked through for the end of a body that has none.
    pub(super) unclosed: Cell<u32>,
    /// What other dialects of the language added is refused.
    pub(super) sun: bool,
    /// Procedures may have several arguments, even so.
    pub(super) new_style: bool,
}

impl Notes {
    /// Tells a warning, or a fault that parsing goes on after.
    pub(super) fn tell(&self, diagnostic: Diagnostic) {
        let mut diagnostics = self.diagnostics.borrow_mut();
        match diagnostics.len() {
            told if told < MAX_ERRORS => diagnostics.push(diagnostic),
            MAX_ERRORS => {
                let message = format!("more than {MAX_ERRORS} errors: others are not told");
                diagnostics.push(Diagnostic::error(diagnostic.span, message));
            }
            _ => {}
        }
    }

    /// Notes that `what`, at `span`, is more than Sun's rpcgen takes.
    pub(super) fn beyond_sun(&self, span: Span, what: &str) {
        if self.sun {
            self.tell(Diagnostic::error(
                span,
                format!("Sun's rpcgen has no {what}"),
            ));
        }
    }
}

/// What parsing gives: the tokens that are left and a value, or a fault.
pub(super) type Parsed<'a, T> = IResult<Tokens<'a>, T, Fault<'a>>;

/// Why the tokens are not what the grammar wants.
#[derive(Clone, Debug)]
pub(super) struct Fault<'a> {
    /// The tokens from the one at fault on.
    pub(super) at: Tokens<'a>,
    pub(super) diagnostic: Box<Diagnostic>,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(rest: &'a [Token<'a>], notes: &'a Notes) -> Self {
        let behind = Span { start: 0, end: 0 };
        Self {
            rest,
            behind,
            depth: 0,
            notes,
        }
    }

    /// The next token, which [`Kind::End`] makes sure there is.
    pub(super) fn first(&self) -> &'a Token<'a> {
        &self.rest[0]
    }

    /// The same tokens at another depth.
    pub(super) fn at_depth(self, depth: u32) -> Self {
        Self { depth, ..self }
    }

    pub(super) fn at_end(&self) -> bool {
        self.first().kind == Kind::End
    }

    pub(super) fn is(&self, text: &str) -> bool {
        let first = self.first();
        first.text == text && matches!(first.kind, Kind::Word | Kind::Sign)
    }

    /// Behind the next token; at the end there is nothing to step over.
    pub(super) fn step(self) -> Self {
        if self.at_end() {
            return self;
        }
        Self {
            rest: &self.rest[1..],
            behind: self.first().span,
            ..self
        }
    }

    /// The comment on the line of the token that was taken last is that token's; `from` were the tokens
    /// before it.
    pub(super) fn taken_since(&self, from: Self) -> &'a [Token<'a>] {
        &from.rest[..from.rest.len() - self.rest.len()]
    }

    /// A fault at the next token.
    pub(super) fn fault<T>(self, diagnostic: Diagnostic) -> Parsed<'a, T> {
        Err(nom::Err::Error(Fault {
            at: self,
            diagnostic: Box::new(diagnostic),
        }))
    }

    /// A fault: `what` was expected, the next token was found.
    pub(super) fn expected<T>(self, what: &str) -> Parsed<'a, T> {
        let found = self.first();
        let (message, span) = match found.kind {
            Kind::End => (
                format!("expected {what}, found the end of the file"),
                self.behind,
            ),
            _ => (
                format!("expected {what}, found {}", shown(found)),
                found.span,
            ),
        };
        self.fault(Diagnostic::error(span, message).label(format!("expected {what}")))
    }

    /// A fault: `sign` is missing. What is missing at the end of a line is missing there, not before what the
    /// next one begins with.
    fn missing<T>(self, sign: &str) -> Parsed<'a, T> {
        let found = self.first();
        if !found.starts_line || found.kind == Kind::End {
            return self.expected(&format!("`{sign}`"));
        }
        let message = format!("expected `{sign}`, found {}", shown(found));
        let diagnostic = Diagnostic::error(self.behind.after(), message);
        self.fault(diagnostic.label(format!("`{sign}` is missing here")))
    }
}

/// A token as a message shows it.
fn shown(token: &Token<'_>) -> String {
    match token.text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("`{}...`", &token.text[..end]),
        None => format!("`{}`", token.text),
    }
}

/// The sign or keyword `text`.
pub(super) fn tag<'a>(text: &'static str) -> impl Fn(Tokens<'a>) -> Parsed<'a, Span> + Copy {
    move |tokens| {
        if tokens.is(text) {
            Ok((tokens.step(), tokens.first().span))
        } else {
            tokens.missing(text)
        }
    }
}

/// A name for what `what` says.
pub(super) fn name<'a>(what: &'static str) -> impl Fn(Tokens<'a>) -> Parsed<'a, Ident> + Copy {
    move |tokens| {
        let first = tokens.first();
        if first.kind != Kind::Word {
            return tokens.expected(what);
        }
        if KEYWORDS.contains(&first.text) {
            let message = format!("expected {what}, found the keyword `{}`", first.text);
            return tokens.fault(Diagnostic::error(first.span, message).label("a keyword"));
        }
        if ["program", "version", "string"].contains(&first.text) {
            let what = format!("names that are keywords, such as `{}`", first.text);
            tokens.notes.beyond_sun(first.span, &what);
        }
        let ident = Ident {
            name: first.text.to_owned(),
            span: first.span,
        };
        Ok((tokens.step(), ident))
    }
}

/// A name, perhaps with the namespaces that it is of, which do not matter: names are unique without them.
pub(super) fn path<'a>(what: &'static str) -> impl Fn(Tokens<'a>) -> Parsed<'a, Ident> + Copy {
    move |tokens| {
        let start = tokens.first().span;
        let mut rest = match tokens.is("::") {
            true => tokens.step(),
            false => tokens,
        };
        loop {
            let (behind, ident) = name(what)(rest)?;
            if !behind.is("::") {
                let span = start.to(ident.span);
                if span != ident.span {
                    tokens.notes.beyond_sun(span, "namespaces");
                }
                return Ok((behind, Ident { span, ..ident }));
            }
            rest = behind.step();
        }
    }
}

/// Words that cannot be names, because the grammar could not tell. `program`, `version`, `string` and
/// `quadruple` can: only at their own places do they mean something else.
const KEYWORDS: [&str; 17] = [
    "bool", "case", "char", "const", "default", "double", "enum", "float", "hyper", "int",
    "opaque", "struct", "switch", "typedef", "union", "unsigned", "void",
];

impl<'a> ParseError<Tokens<'a>> for Fault<'a> {
    fn from_error_kind(at: Tokens<'a>, _: ErrorKind) -> Self {
        let diagnostic = Diagnostic::error(at.first().span, "this is not expected here");
        Self {
            at,
            diagnostic: Box::new(diagnostic),
        }
    }

    fn append(_: Tokens<'a>, _: ErrorKind, other: Self) -> Self {
        other
    }

    /// Of two ways to read something, the one that got further says better what is wrong.
    fn or(self, other: Self) -> Self {
        if other.at.rest.len() < self.at.rest.len() {
            other
        } else {
            self
        }
    }
}

impl<'a> Input for Tokens<'a> {
    type Item = &'a Token<'a>;
    type Iter = Iter<'a, Token<'a>>;
    type IterIndices = Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        self.rest.len()
    }

    fn take(&self, index: usize) -> Self {
        Self {
            rest: &self.rest[..index],
            ..*self
        }
    }

    fn take_from(&self, index: usize) -> Self {
        let behind = match index.checked_sub(1) {
            Some(last) => self.rest[last].span,
            None => self.behind,
        };
        Self {
            rest: &self.rest[index..],
            behind,
            ..*self
        }
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(Self::Item) -> bool>(&self, predicate: P) -> Option<usize> {
        self.rest.iter().position(predicate)
    }

    fn iter_elements(&self) -> Self::Iter {
        self.rest.iter()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.rest.iter().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        match count.checked_sub(self.rest.len()) {
            None | Some(0) => Ok(count),
            Some(missing) => Err(Needed::new(missing)),
        }
    }
}
