//! Tokens to the ast, one item after the other.
//!
//! A fault ends the item, or the member of a body, that it is in: parsing goes on behind the next `;` (`,` in
//! an enum) or `}` of that nesting, so that one run finds all faults of a file.

mod declaration;
mod docs;
mod expr;
mod program;
mod recover;
mod tokens;

use std::cell::RefCell;

use crate::ast::{Ident, Item, ItemKind, Value};
use crate::diagnostic::Diagnostic;
use crate::lexer::{Kind, Token};

use declaration::{enum_body, field, struct_body, union_body};
use expr::expr;
use recover::skip;
use tokens::{Fault, Parsed, Tokens, name, tag};

/// Reads the tokens of one file, as [`lex`](crate::lexer::lex) gives them.
pub fn parse(tokens: &[Token<'_>]) -> (Vec<Item>, Vec<Diagnostic>) {
    let faults = RefCell::new(Vec::new());
    let mut items = Vec::new();
    if !tokens.is_empty() {
        let mut rest = Tokens::new(tokens, &faults);
        while !rest.at_end() {
            rest = match item(rest) {
                Ok((behind, item)) => {
                    items.extend(item);
                    behind
                }
                Err(error) => {
                    let fault = fault_of(error, rest);
                    faults.borrow_mut().push(*fault.diagnostic);
                    skip(rest, fault.at, ";")
                }
            };
        }
    }
    (items, faults.into_inner())
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

/// One definition, or a `;` too many.
fn item(start: Tokens<'_>) -> Parsed<'_, Option<Item>> {
    let first = start.first();
    let (rest, kind) = match first.text {
        ";" => {
            warn(
                start,
                Diagnostic::warning(first.span, "this `;` ends nothing"),
            );
            return Ok((start.step(), None));
        }
        "const" => constant(start)?,
        "typedef" => {
            let (rest, declaration) = field(start.step(), "the name of the new type")?;
            (rest, ItemKind::Typedef(declaration))
        }
        "struct" => {
            let (rest, name) = name("the name of the struct")(start.step())?;
            if rest.is(";") {
                (rest.step(), ItemKind::Forward(name))
            } else {
                let (rest, body) = struct_body(rest)?;
                (end_of_body(rest)?, ItemKind::Struct(name, body))
            }
        }
        "union" => {
            let (rest, name) = name("the name of the union")(start.step())?;
            let (rest, body) = union_body(rest)?;
            (end_of_body(rest)?, ItemKind::Union(name, body))
        }
        "enum" => {
            let (rest, name) = if start.step().is("{") {
                (start.step(), None)
            } else {
                let (rest, name) = name("the name of the enum")(start.step())?;
                (rest, Some(name))
            };
            let (rest, body) = enum_body(rest)?;
            (end_of_body(rest)?, ItemKind::Enum(name, body))
        }
        "program" => {
            let (rest, program) = program::program(start)?;
            (rest, ItemKind::Program(program))
        }
        "namespace" | "pragma" | "package" | "import" if first.kind == Kind::Word => {
            let message = format!("`{}` is not supported yet", first.text);
            return start.fault(Diagnostic::error(first.span, message));
        }
        "[" => {
            let diagnostic = Diagnostic::error(first.span, "attributes are not supported yet");
            return start.fault(diagnostic);
        }
        _ => {
            return start
                .expected("a definition")
                .map(|(rest, ())| (rest, None));
        }
    };
    let item = Item {
        docs: docs::before(first),
        span: first.span.to(rest.behind),
        kind,
    };
    Ok((rest, Some(item)))
}

/// `const NAME = value;`
fn constant(start: Tokens<'_>) -> Parsed<'_, ItemKind> {
    let (rest, name): (_, Ident) = name("the name of the constant")(start.step())?;
    let (rest, _) = tag("=")(rest)?;
    let (rest, value) = if rest.first().kind == Kind::Text {
        let text = rest.first().text;
        (rest.step(), Value::Text(text[1..text.len() - 1].to_owned()))
    } else {
        let (rest, number) = expr(rest)?;
        (rest, Value::Number(number))
    };
    let (rest, _) = tag(";")(rest)?;
    Ok((rest, ItemKind::Constant(name, value)))
}

/// The `;` behind a `}`, which some files forget.
fn end_of_body(rest: Tokens<'_>) -> Result<Tokens<'_>, nom::Err<Fault<'_>>> {
    if rest.is(";") {
        return Ok(rest.step());
    }
    if !rest.at_end() && !starts_item(rest) {
        return tag(";")(rest).map(|(rest, _)| rest);
    }
    let warning = Diagnostic::warning(rest.behind, "`;` is missing behind this `}`");
    warn(rest, warning);
    Ok(rest)
}

/// Whether a definition begins here.
fn starts_item(rest: Tokens<'_>) -> bool {
    let keywords = ["const", "typedef", "struct", "union", "enum", "program"];
    keywords.iter().any(|keyword| rest.is(keyword))
}

/// Notes a warning, or a fault that parsing goes on after.
fn warn(tokens: Tokens<'_>, diagnostic: Diagnostic) {
    tokens.faults.borrow_mut().push(diagnostic);
}
