//! Blanks between words on one line.

use crate::lexer::{Kind, LONG_SIGNS, Token};

/// Whether a blank stands between two words that follow each other on a line; `sign_before` says what the first does, if it is
/// a sign.
pub(super) fn blank_between(before: &Token<'_>, sign_before: Sign, next: &Token<'_>) -> bool {
    if joins(before, next) {
        return true;
    }
    if next.kind == Kind::Sign {
        match next.text {
            ";" | "," | ")" | "]" | ":" | "::" => return false,
            "[" => return !ends_value(before),
            "<" | ">" => return false,
            "(" => return before.text == "switch" || !ends_value(before),
            _ => {}
        }
    }
    if before.kind == Kind::Sign {
        match before.text {
            "(" | "[" | "<" | "::" => return false,
            "*" | "-" | "+" | "~" | "!" if sign_before == Sign::Alone => return false,
            _ => {}
        }
    }
    true
}

/// Whether two signs, with nothing between them, would be read as others, or as the beginning of a comment.
fn joins(before: &Token<'_>, next: &Token<'_>) -> bool {
    if before.kind != Kind::Sign || next.kind != Kind::Sign || before.text.len() > 1 {
        return false;
    }
    let both = [before.text, next.text].concat();
    let mut longer = LONG_SIGNS.iter().chain(&["/*", "//"]);
    longer.any(|long| both.starts_with(long))
}

/// What a sign that may stand before one word or between two does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// It belongs to the word behind it: a pointer's star, the sign of a number.
    Alone,
    /// It stands between two.
    Between,
}

/// What `sign` does behind `before`, in a number or outside of one.
pub(super) fn sign(before: Option<&Token<'_>>, sign: &Token<'_>, number: bool) -> Sign {
    let value = before.is_some_and(ends_value);
    match sign.text {
        "*" if !number => Sign::Alone,
        "~" | "!" => Sign::Alone,
        _ if value => Sign::Between,
        _ => Sign::Alone,
    }
}

/// Whether a value or a name may end here.
fn ends_value(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => !["case", "switch"].contains(&token.text),
        Kind::Number | Kind::Character | Kind::Text => true,
        _ => [")", "]"].contains(&token.text),
    }
}
