//! `#if` and its kin: what is read and what is skipped.

use crate::diagnostic::Diagnostic;
use crate::lexer::{Kind, Token, number};
use crate::source::Span;

use super::Preprocessor;

/// The conditionals around the place that is read.
#[derive(Default)]
pub(super) struct Conditions {
    open: Vec<Condition>,
    /// What has been skipped: stretches of one file.
    skipped: Vec<Span>,
}

/// A conditional that has not ended yet.
struct Condition {
    /// Its `#if`.
    opened: Span,
    /// The directive that the branch at hand begins with.
    branch: Span,
    /// Whether the branch at hand is read.
    active: bool,
    /// Whether a branch has been read, or all of it is skipped: then no other is.
    done: bool,
    /// Its `#else`.
    otherwise: Option<Span>,
}

impl Conditions {
    /// Whether the place at hand is read.
    pub(super) fn active(&self) -> bool {
        self.open.last().is_none_or(|condition| condition.active)
    }

    fn begin(&mut self, at: Span, holds: bool) {
        let active = self.active();
        self.open.push(Condition {
            opened: at,
            branch: at,
            active: active && holds,
            done: !active || holds,
            otherwise: None,
        });
    }

    /// Ends the branch at hand at `at`.
    fn end_branch(&mut self, at: Span) {
        if let Some(condition) = self.open.last()
            && !condition.active
        {
            self.skipped.push(condition.branch.to(at));
        }
    }

    /// The end of the file at `end`: reports what does not end before it, and gives what has been skipped.
    pub(super) fn finish(mut self, end: Span, diagnostics: &mut Vec<Diagnostic>) -> Vec<Span> {
        if let Some(condition) = self.open.first() {
            diagnostics.push(
                Diagnostic::error(condition.opened, "this conditional does not end")
                    .help("end it with `#endif`"),
            );
        }
        while !self.open.is_empty() {
            self.end_branch(end);
            self.open.pop();
        }
        self.skipped
    }
}

impl<'a> Preprocessor<'a, '_> {
    /// `#if`, `#elif`, `#else`, `#endif` and the like.
    pub(super) fn conditional(
        &mut self,
        name: &Token<'a>,
        rest: &[Token<'a>],
        conditions: &mut Conditions,
    ) {
        let at = name.span;
        if let "if" | "ifdef" | "ifndef" = name.text {
            if conditions.open.len() == MAX_DEPTH {
                let message = format!("conditionals nested deeper than {MAX_DEPTH} levels");
                self.diagnostics.push(Diagnostic::error(at, message));
            }
            // What is skipped is not looked at.
            let holds = conditions.active() && self.holds(name, rest);
            return conditions.begin(at, holds);
        }
        conditions.end_branch(at);
        let Some(condition) = conditions.open.last_mut() else {
            let message = format!("`#{}` without an `#if`", name.text);
            self.diagnostics.push(Diagnostic::error(at, message));
            return;
        };
        if name.text == "endif" {
            conditions.open.pop();
            return;
        }
        if let Some(first) = condition.otherwise {
            let message = format!("`#{}` behind `#else`", name.text);
            self.diagnostics
                .push(Diagnostic::error(at, message).cause(first, "`#else` is here"));
        }
        let holds = if name.text == "else" {
            condition.otherwise = Some(at);
            true
        } else {
            !condition.done && self.holds(name, rest)
        };
        condition.branch = at;
        condition.active = holds && !condition.done;
        condition.done |= holds;
    }

    /// Whether the condition of `#if`, `#ifdef` and the like holds.
    fn holds(&mut self, name: &Token<'a>, rest: &[Token<'a>]) -> bool {
        match name.text {
            "if" | "elif" => self.value(name.span, rest) != 0,
            _ => {
                let Some(word) = rest.first().filter(|word| word.kind == Kind::Word) else {
                    let message = format!("`#{}` needs the name of a macro", name.text);
                    self.diagnostics.push(Diagnostic::error(name.span, message));
                    return false;
                };
                let defined = self.macros.contains_key(word.text);
                defined != name.text.contains("ndef")
            }
        }
    }

    /// The value of an expression; 0 behind an error.
    fn value(&mut self, at: Span, tokens: &[Token<'a>]) -> i128 {
        let tokens = self.prepared(tokens);
        let mut reader = Expression {
            tokens: &tokens,
            depth: 0,
        };
        let value = reader.binary(0);
        match (value, reader.tokens) {
            (Ok(value), []) => value,
            (Ok(_), [extra, ..]) => {
                let message = format!("`{}` is not expected in a condition", extra.text);
                self.diagnostics
                    .push(Diagnostic::error(extra.span, message));
                0
            }
            (Err(message), rest) => {
                let at = rest.first().map_or(at, |token| token.span);
                self.diagnostics.push(Diagnostic::error(at, message));
                0
            }
        }
    }

    /// The tokens of an expression, with `defined` answered and macros replaced.
    fn prepared(&mut self, tokens: &[Token<'a>]) -> Vec<Token<'a>> {
        let before = std::mem::take(&mut self.tokens);
        let mut rest = tokens;
        while let [first, behind @ ..] = rest {
            rest = behind;
            if first.kind == Kind::End {
                break;
            }
            if first.text != "defined" {
                let called = behind.first().is_some_and(|next| next.text == "(");
                self.token(first.clone(), called);
                continue;
            }
            let (name, behind) = match rest {
                [open, name, close, behind @ ..] if open.text == "(" && close.text == ")" => {
                    (Some(name), behind)
                }
                [name, behind @ ..] => (Some(name), behind),
                [] => (None, rest),
            };
            let defined = name.is_some_and(|name| self.macros.contains_key(name.text));
            rest = behind;
            self.tokens.push(Token {
                kind: Kind::Number,
                text: if defined { "1" } else { "0" },
                ..first.clone()
            });
        }
        std::mem::replace(&mut self.tokens, before)
    }
}

/// The rest of an expression.
struct Expression<'t, 'a> {
    tokens: &'t [Token<'a>],
    depth: usize,
}

/// Operators with two operands, from those that bind least to those that bind most, as in C.
const OPERATORS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", ">", "<=", ">="],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

impl<'a> Expression<'_, 'a> {
    fn binary(&mut self, level: usize) -> Result<i128, String> {
        let Some(operators) = OPERATORS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let [operator, behind @ ..] = self.tokens
            && operators.contains(&operator.text)
        {
            let at = self.tokens;
            self.tokens = behind;
            let right = self.binary(level + 1)?;
            left = calculate(left, operator.text, right).ok_or_else(|| {
                self.tokens = at;
                "this has no value of 64 bits".to_owned()
            })?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<i128, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        let Some((first, behind)) = self.tokens.split_first() else {
            return Err("a condition is missing here".to_owned());
        };
        let at = self.tokens;
        self.tokens = behind;
        let value = match (first.kind, first.text) {
            (Kind::Sign, "!") => i128::from(self.unary()? == 0),
            (Kind::Sign, "-") => -self.unary()?,
            (Kind::Sign, "+") => self.unary()?,
            (Kind::Sign, "~") => !self.unary()?,
            (Kind::Sign, "(") => {
                let inside = self.binary(0)?;
                match self.tokens {
                    [close, behind @ ..] if close.text == ")" => self.tokens = behind,
                    _ => return Err("`)` is missing here".to_owned()),
                }
                inside
            }
            (Kind::Number, digits) => number(digits).map_err(|why| {
                self.tokens = at;
                format!("`{digits}` is not a number: {why}")
            })?,
            // A name that is no macro is 0 (C11 section 6.10.1).
            (Kind::Word, _) => 0,
            (_, text) => {
                self.tokens = at;
                return Err(format!("`{text}` is not expected in a condition"));
            }
        };
        self.depth -= 1;
        Ok(value)
    }
}

fn calculate(left: i128, operator: &str, right: i128) -> Option<i128> {
    let value = match operator {
        "||" => i128::from(left != 0 || right != 0),
        "&&" => i128::from(left != 0 && right != 0),
        "==" => i128::from(left == right),
        "!=" => i128::from(left != right),
        "<" => i128::from(left < right),
        ">" => i128::from(left > right),
        "<=" => i128::from(left <= right),
        ">=" => i128::from(left >= right),
        operator => crate::ir::calculate(left, operator, right)?,
    };
    i64::try_from(value).map(i128::from).ok()
}

/// Deepest nesting of conditionals, and of an expression in one. C compilers stop at 63 or later.
const MAX_DEPTH: usize = 200;
