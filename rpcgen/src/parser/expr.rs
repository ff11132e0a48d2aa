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
    let bytes = unescaped(&text[1..text.len() - 1]).ok()?;
    match bytes[..] {
        [single] => Some(single.into()),
        _ => None,
    }
}

/// What a quoted text means, with the escapes of C; or the escape that C does not have.
pub(super) fn unescaped(text: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        bytes.extend(rest[..at].bytes());
        let escape = &rest[at + 1..];
        let digits = |text: &str, radix, most: usize| {
            let digits = text.chars().take(most).take_while(|c| c.is_digit(radix));
            digits.count()
        };
        let octal = digits(escape, 8, 3);
        let hex = escape.strip_prefix('x').map_or(0, |hex| digits(hex, 16, 2));
        let (byte, len) = match escape.bytes().next() {
            _ if octal > 0 => (u8::from_str_radix(&escape[..octal], 8).ok(), octal),
            Some(b'x') if hex > 0 => (u8::from_str_radix(&escape[1..=hex], 16).ok(), hex + 1),
            Some(letter) => {
                let known = ESCAPES.iter().find(|(escape, _)| *escape == letter);
                (known.map(|(_, byte)| *byte), 1)
            }
            None => (None, 0),
        };
        let Some(byte) = byte else {
            let letter = escape.chars().next().map(String::from).unwrap_or_default();
            return Err(format!("\\{letter}"));
        };
        bytes.push(byte);
        rest = &escape[len..];
    }
    bytes.extend(rest.bytes());
    Ok(bytes)
}

/// The escapes of C that stand for one byte (C11 section 6.4.4.4).
const ESCAPES: [(u8, u8); 11] = [
    (b'n', b'\n'),
    (b't', b'\t'),
    (b'r', b'\r'),
    (b'a', 7),
    (b'b', 8),
    (b'f', 12),
    (b'v', 11),
    (b'\\', b'\\'),
    (b'\'', b'\''),
    (b'"', b'"'),
    (b'?', b'?'),
];

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn escapes_are_those_of_c() {
        let text = r#"a\n\t\\\"\'\0\101\x41\x4gé"#;
        let meant = "a\n\t\\\"'\0AA\u{4}gé";
        assert_eq!(unescaped(text).as_deref(), Ok(meant.as_bytes()));
        assert_eq!(unescaped(r"\q"), Err(r"\q".to_owned()));
        assert_eq!(unescaped(r"\400"), Err(r"\4".to_owned()));
    }
}
