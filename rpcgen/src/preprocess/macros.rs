//! Macros without arguments.

use crate::diagnostic::Diagnostic;
use crate::lexer::{Kind, MAX_TOKENS, Token};
use crate::source::Span;

use super::Preprocessor;

/// What a macro stands for.
pub(super) struct Macro<'a> {
    /// Where its name is defined.
    at: Span,
    /// Its tokens, none if it stands for nothing; `None` if it has arguments.
    tokens: Option<Vec<Token<'a>>>,
}

impl<'a> Preprocessor<'a, '_> {
    /// `#define NAME tokens`
    pub(super) fn define(&mut self, rest: &[Token<'a>], at: Span) {
        let Some((name, body)) = self.named(rest, at, "define") else {
            return;
        };
        let touches = |next: &Token<'_>| next.text == "(" && next.span.start == name.span.end;
        let arguments = body.first().is_some_and(touches);
        let tokens: Vec<_> = body[..body.len() - 1]
            .iter()
            .map(|token| Token {
                before: Vec::new(),
                after: Vec::new(),
                ..token.clone()
            })
            .collect();
        let new = Macro {
            at: name.span,
            tokens: (!arguments).then_some(tokens),
        };
        let old = self.macros.insert(name.text, new);
        let new = &self.macros[name.text];
        if let Some(old) = old
            && !same(&old, new)
        {
            let message = format!("macro `{}` is defined anew", name.text);
            self.diagnostics.push(
                Diagnostic::warning(name.span, message).cause(old.at, "defined otherwise here"),
            );
        }
    }

    /// `#undef NAME`
    pub(super) fn undef(&mut self, rest: &[Token<'a>], at: Span) {
        if let Some((name, _)) = self.named(rest, at, "undef") {
            self.macros.remove(name.text);
        }
    }

    /// The name that a directive needs, and what is behind it.
    fn named<'t>(
        &mut self,
        rest: &'t [Token<'a>],
        at: Span,
        directive: &str,
    ) -> Option<(&'t Token<'a>, &'t [Token<'a>])> {
        match rest.split_first() {
            Some((name, behind)) if name.kind == Kind::Word && name.text != "defined" => {
                Some((name, behind))
            }
            _ => {
                let message = format!("`#{directive}` needs the name of a macro");
                self.diagnostics.push(Diagnostic::error(at, message));
                None
            }
        }
    }

    /// Adds what the macro stands for that `used` names; `called` says whether a `(` follows.
    pub(super) fn expand(&mut self, used: Token<'a>, called: bool) {
        let first = self.tokens.len();
        let after = used.after.clone();
        // What is still to be added, the next one last, and the macros that it comes from: these do not
        // stand for themselves again (C11 section 6.10.3.4).
        let mut left = vec![(used.clone(), called, Vec::new())];
        while let Some((token, called, within)) = left.pop() {
            if self.tokens.len() + left.len() > MAX_TOKENS {
                let message = format!("macros make more than {MAX_TOKENS} words of this file");
                let told = self.diagnostics.iter().any(|told| told.message == message);
                if !told {
                    self.diagnostics.push(Diagnostic::error(used.span, message));
                }
                return;
            }
            let made = self.macros.get(token.text);
            let Some(made) =
                made.filter(|_| token.kind == Kind::Word && !within.contains(&token.text))
            else {
                self.push(Token {
                    // An error in what a macro stands for is an error where it is used.
                    span: used.span,
                    ..token
                });
                continue;
            };
            let Some(tokens) = &made.tokens else {
                if called {
                    let message = format!("macro `{}` has arguments", token.text);
                    let diagnostic = Diagnostic::error(used.span, message)
                        .cause(made.at, "defined here")
                        .help("`--cpp` runs a preprocessor that knows such macros");
                    self.diagnostics.push(diagnostic);
                }
                self.push(token);
                continue;
            };
            if within.len() == MAX_DEPTH {
                let message = format!("macros of macros, more than {MAX_DEPTH} deep");
                self.diagnostics.push(Diagnostic::error(used.span, message));
                return;
            }
            let mut within = within;
            within.push(token.text);
            for (index, token) in tokens.iter().enumerate().rev() {
                let called = match tokens.get(index + 1) {
                    Some(next) => next.text == "(",
                    None => called,
                };
                left.push((token.clone(), called, within.clone()));
            }
        }
        if self.tokens.len() > first
            && let Some(last) = self.tokens.last_mut()
        {
            last.after = after;
        }
    }
}

/// Whether two macros stand for the same.
fn same(one: &Macro<'_>, other: &Macro<'_>) -> bool {
    let texts = |made: &Macro<'_>| -> Option<Vec<String>> {
        let tokens = made.tokens.as_ref()?;
        Some(tokens.iter().map(|token| token.text.to_owned()).collect())
    };
    texts(one) == texts(other)
}

/// Deepest nesting of macros that stand for macros.
const MAX_DEPTH: usize = 64;
