//! Numbers, written out or calculated.

use crate::ast::{Expr, ExprKind};
use crate::diagnostic::Diagnostic;
use crate::lexer::{Kind, number};

use super::recover::deeper;
use super::tokens::{Parsed, Tokens, path, tag};

/// Operators with two operands, from those that bind least to those that bind most, as in C.
const OPERATORS: [&[&str]; 6] = [
    &["|"],
    &["^"],
    &["&"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// A number or an expression of numbers.
pub(super) fn expr(tokens: Tokens<'_>) -> Parsed<'_, Expr> {
    let (rest, expr) = binary(tokens, 0)?;
    if tokens.notes.sun && !is_plain(tokens, rest) {
        tokens
            .notes
            .beyond_sun(expr.span, "numbers but plain ones and names");
    }
    Ok((rest, expr))
}

/// The value of a `case`, which may be a character for Sun's rpcgen, too.
pub(super) fn label(tokens: Tokens<'_>) -> Parsed<'_, Expr> {
    match tokens.first().kind {
        Kind::Character => binary(tokens, 0),
        _ => expr(tokens),
    }
}

/// Whether Sun's rpcgen takes what stands between the two: a name, or digits with nothing behind them; a
/// character or a sign before decimal digits is one token to it.
fn is_plain(start: Tokens<'_>, end: Tokens<'_>) -> bool {
    match end.taken_since(start) {
        [one] if one.kind == Kind::Number => {
            let digits = one.text.strip_prefix("0x").unwrap_or(one.text);
            digits.chars().all(|c| c.is_ascii_hexdigit()) && !one.text.contains('X')
        }
        [one] => one.kind == Kind::Word,
        [sign, number] => {
            sign.text == "-"
                && sign.span.end == number.span.start
                && number.text.chars().all(|c| c.is_ascii_digit())
        }
        _ => false,
    }
}

fn binary(tokens: Tokens<'_>, level: usize) -> Parsed<'_, Expr> {
    let Some(operators) = OPERATORS.get(level) else {
        return unary(tokens);
    };
    let (mut rest, mut left) = binary(tokens, level + 1)?;
    while let Some(operator) = operators.iter().find(|operator| rest.is(operator)) {
        let inside = deeper(rest)?;
        let (behind, right) = binary(inside.step(), level + 1)?;
        // Each operator nests what is left of it one level deeper, and counts as such.
        rest = behind;
        left = Expr {
            span: left.span.to(right.span),
            kind: ExprKind::Binary(Box::new(left), operator, Box::new(right)),
        };
    }
    rest.depth = tokens.depth;
    Ok((rest, left))
}

fn unary(tokens: Tokens<'_>) -> Parsed<'_, Expr> {
    let sign = ['-', '+', '~']
        .into_iter()
        .find(|sign| tokens.is(sign.encode_utf8(&mut [0; 4])));
    let Some(sign) = sign else {
        return atom(tokens);
    };
    let (mut rest, operand) = unary(deeper(tokens)?.step())?;
    rest.depth = tokens.depth;
    let expr = Expr {
        span: tokens.first().span.to(operand.span),
        kind: ExprKind::Unary(sign, Box::new(operand)),
    };
    Ok((rest, expr))
}

fn atom(tokens: Tokens<'_>) -> Parsed<'_, Expr> {
    let first = tokens.first();
    let kind = match first.kind {
        Kind::Number => ExprKind::Number(number(first.text).unwrap_or_default()),
        Kind::Character => match character(first.text) {
            Some(value) => ExprKind::Number(value),
            None => {
                let message = format!("{} is not one character", first.text);
                return tokens.fault(Diagnostic::error(first.span, message));
            }
        },
        Kind::Sign if first.text == "(" => {
            let (rest, inside) = expr(deeper(tokens)?.step())?;
            let (mut rest, _) = tag(")")(rest)?;
            rest.depth = tokens.depth;
            return Ok((rest, inside));
        }
        _ if first.kind == Kind::Word || first.text == "::" => {
            let (rest, name) = path("a number or the name of a constant")(tokens)?;
            let expr = Expr {
                span: name.span,
                kind: ExprKind::Name(name.name),
            };
            return Ok((rest, expr));
        }
        _ => return tokens.expected("a number or the name of a constant"),
    };
    let expr = Expr {
        span: first.span,
        kind,
    };
    Ok((tokens.step(), expr))
}

/// The value of `'a'`.
fn character(text: &str) -> Option<i128> {
    let mut inside = text[1..text.len() - 1].chars();
    let value = match inside.next()? {
        '\\' => match inside.next()? {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            '0' => '\0',
            other @ ('\\' | '\'' | '"') => other,
            _ => return None,
        },
        plain => plain,
    };
    let single = inside.next().is_none() && value.is_ascii();
    single.then_some(i128::from(u32::from(value)))
}
