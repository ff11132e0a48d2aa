//! Bodies, and where parsing goes on after a fault.

use crate::diagnostic::Diagnostic;
use crate::lexer::Kind;

use super::fault_of;
use super::item::starts_item;
use super::tokens::{Parsed, Tokens, tag};

/// `{ one … }`, where `end` ends each: a fault in one of them skips to the next.
pub(super) fn body<'a, T>(
    start: Tokens<'a>,
    what: &str,
    end: &'static str,
    one: impl Fn(Tokens<'a>) -> Parsed<'a, T>,
) -> Parsed<'a, Vec<T>> {
    let (rest, open) = tag("{")(start)?;
    let mut rest = deeper(rest)?;
    let mut all = Vec::new();
    let mut faulty = false;
    let mut closed = None;
    loop {
        if rest.is("}") {
            let close = rest.first().span;
            if all.is_empty() && !faulty {
                let diagnostic = Diagnostic::error(open.to(close), format!("{what} is empty"));
                rest.notes
                    .tell(diagnostic.help("it needs one member at least"));
            }
            return Ok((rest.step().at_depth(start.depth), all));
        }
        if never_inside(rest) && *closed.get_or_insert_with(|| is_closed(rest)) {
            let definition = rest.first();
            let message = format!("`{}` stands inside {what}", definition.text);
            let diagnostic = Diagnostic::error(definition.span, message);
            rest.notes
                .tell(diagnostic.help("define types and constants outside"));
            faulty = true;
            let behind = skip(rest, rest, end);
            lose(rest, behind);
            rest = behind;
            continue;
        }
        if rest.at_end() || never_inside(rest) {
            let diagnostic = Diagnostic::error(open, format!("{what} is not closed"));
            let cause = rest.first().span;
            let why = "expected `}` before this";
            return Err(nom::Err::Failure(super::Fault {
                at: rest,
                diagnostic: Box::new(diagnostic.label("opened here").cause(cause, why)),
            }));
        }
        if end == ";" && rest.is(";") {
            let warning = Diagnostic::warning(rest.first().span, "this `;` ends nothing");
            rest.notes.tell(warning);
            rest.notes
                .beyond_sun(rest.first().span, "empty declarations");
            rest = rest.step();
            continue;
        }
        match one(rest) {
            Ok((behind, value)) => {
                all.push(value);
                rest = behind;
            }
            Err(error @ nom::Err::Failure(_)) => return Err(error),
            Err(error) => {
                let fault = fault_of(error, rest);
                rest.notes.tell(*fault.diagnostic);
                faulty = true;
                let behind = skip(rest, fault.at, end);
                lose(rest, behind);
                rest = behind;
            }
        }
    }
}

/// Notes the words from `start` to `end`: what they may have defined is not known.
pub(super) fn lose(start: Tokens<'_>, end: Tokens<'_>) {
    let words = end.taken_since(start).iter();
    let words = words.filter(|token| token.kind == Kind::Word);
    let words = words.map(|word| word.text.to_owned());
    start.notes.lost.borrow_mut().extend(words);
}

/// One level of nesting deeper, as far as it goes.
pub(super) fn deeper(tokens: Tokens<'_>) -> Result<Tokens<'_>, nom::Err<super::Fault<'_>>> {
    let depth = tokens.depth + 1;
    if depth > MAX_DEPTH {
        let message = format!("nested deeper than {MAX_DEPTH} levels");
        return tokens
            .fault(Diagnostic::error(tokens.behind, message))
            .map(|(rest, ())| rest);
    }
    Ok(tokens.at_depth(depth))
}

/// Where parsing goes on after a fault at `fault` in what began at `start`: behind the next `end` of the
/// nesting that `start` has, behind the `}` that ends it, or before a `}` of the body around it.
pub(super) fn skip<'a>(start: Tokens<'a>, fault: Tokens<'a>, end: &str) -> Tokens<'a> {
    let mut rest = start;
    let mut nesting = 0_u32;
    let mut beyond = false;
    while !rest.at_end() {
        beyond |= std::ptr::eq(rest.first(), fault.first());
        let started = !std::ptr::eq(rest.first(), start.first());
        if beyond && started && never_inside(rest) {
            return rest;
        }
        match rest.first().text {
            "{" => nesting += 1,
            "}" if nesting == 0 && start.depth > 0 => return rest,
            "}" => {
                nesting = nesting.saturating_sub(1);
                let behind = rest.step();
                // A body that belongs to more, such as `} = 3;` or `} name;`, ends with that.
                if beyond && nesting == 0 && start.depth == 0 && starts_item(behind) {
                    return behind;
                }
            }
            text if text == end && beyond && nesting == 0 => return rest.step(),
            _ => {}
        }
        rest = rest.step();
    }
    rest
}

/// Whether the body that this stands in is closed further on: there is a `}` that nothing here has opened. Where many bodies are not,
/// nobody looks for the end of the others.
fn is_closed(mut rest: Tokens<'_>) -> bool {
    let unclosed = &rest.notes.unclosed;
    if unclosed.get() >= MAX_UNCLOSED {
        return false;
    }
    let mut nesting = 0_u32;
    while !rest.at_end() {
        match rest.first().text {
            "{" => nesting += 1,
            "}" if nesting == 0 => return true,
            "}" => nesting -= 1,
            _ => {}
        }
        rest = rest.step();
    }
    unclosed.set(unclosed.get() + 1);
    false
}

/// Whether this can only begin a definition, so that a body before it was never closed.
fn never_inside(rest: Tokens<'_>) -> bool {
    rest.is("typedef") || rest.is("const")
}

/// Deepest nesting of bodies, parentheses and signs; RFC 4506 has no limit, C compilers stop at 63 or 127.
pub(super) const MAX_DEPTH: u32 = 64;

/// Bodies of a file that are looked for the end of in vain.
const MAX_UNCLOSED: u32 = 50;
