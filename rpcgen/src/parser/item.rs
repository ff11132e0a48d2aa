//! One item of a file: a definition, or what other dialects put beside definitions.

use crate::ast::{Item, ItemKind, Value};
use crate::diagnostic::Diagnostic;
use crate::lexer::Kind;
use crate::source::Span;

use super::declaration::{attributes, enum_body, field, struct_body, union_body};
use super::expr::{expr, unescaped};
use super::tokens::{Fault, Parsed, Tokens, name, tag};
use super::{docs, program};

/// One item, or nothing where something stands that defines nothing.
pub(super) fn item<'a>(start: Tokens<'a>, namespaces: &mut Vec<Span>) -> Parsed<'a, Option<Item>> {
    let first = start.first();
    let after_attributes = attributes(start)?;
    let defined = match after_attributes.first().text {
        ";" => {
            let mut rest = after_attributes;
            while rest.is(";") {
                rest = rest.step();
            }
            let span = first.span.to(rest.behind);
            let warning = Diagnostic::warning(span, "this `;` ends nothing");
            start.notes.tell(warning);
            start.notes.beyond_sun(span, "empty definitions");
            return Ok((rest, None));
        }
        "}" if namespaces.pop().is_some() => {
            let rest = after_attributes.step();
            let rest = if rest.is(";") { rest.step() } else { rest };
            return Ok((rest, None));
        }
        "namespace" => return namespace(after_attributes, namespaces),
        "package" | "import" => return package(after_attributes),
        "pragma" => pragma(after_attributes)?,
        _ => definition(after_attributes)?,
    };
    let (rest, kind) = defined;
    let Some(kind) = kind else {
        return Ok((rest, None));
    };
    let item = Item {
        docs: docs::before(first),
        span: after_attributes.first().span.to(rest.behind),
        kind,
    };
    Ok((rest, Some(item)))
}

/// `const`, `typedef`, `struct`, `union`, `enum` or `program`.
fn definition(start: Tokens<'_>) -> Parsed<'_, Option<ItemKind>> {
    let (rest, kind) = match start.first().text {
        "const" => constant(start)?,
        "typedef" => {
            let (rest, declaration) = field(start.step(), "the name of the new type")?;
            (rest, ItemKind::Typedef(declaration))
        }
        "struct" => {
            let (rest, name) = name("the name of the struct")(start.step())?;
            if rest.is(";") {
                start.notes.beyond_sun(name.span, "declarations ahead");
                (rest.step(), ItemKind::Forward(name))
            } else {
                let (rest, body) = struct_body(rest)?;
                (end_of_body(rest)?, ItemKind::Struct(name, body))
            }
        }
        "union" => {
            let (rest, name) = name("the name of the union")(start.step())?;
            if rest.is(";") {
                start.notes.beyond_sun(name.span, "declarations ahead");
                return Ok((rest.step(), Some(ItemKind::Forward(name))));
            }
            let (rest, body) = union_body(rest)?;
            (end_of_body(rest)?, ItemKind::Union(name, body))
        }
        "enum" => {
            let (rest, name) = if start.step().is("{") {
                let span = start.first().span;
                start.notes.beyond_sun(span, "enums without a name");
                (start.step(), None)
            } else {
                let (rest, name) = name("the name of the enum")(start.step())?;
                (rest, Some(name))
            };
            if let Some(name) = name.clone().filter(|_| rest.is(";")) {
                start.notes.beyond_sun(name.span, "declarations ahead");
                return Ok((rest.step(), Some(ItemKind::Forward(name))));
            }
            let (rest, body) = enum_body(rest)?;
            (end_of_body(rest)?, ItemKind::Enum(name, body))
        }
        "program" => {
            let (rest, program) = program::program(start)?;
            (rest, ItemKind::Program(program))
        }
        _ => {
            let found = start.expected::<Option<ItemKind>>("a definition");
            return match start.first().kind {
                Kind::Word => found.map_err(|error| {
                    error.map(|mut fault| {
                        let help = "definitions begin with `const`, `typedef`, `struct`, `union`, \
                                    `enum` or `program`";
                        fault.diagnostic.help = Some(help.to_owned());
                        fault
                    })
                }),
                _ => found,
            };
        }
    };
    Ok((rest, Some(kind)))
}

/// `const NAME = value;`
fn constant(start: Tokens<'_>) -> Parsed<'_, ItemKind> {
    let (rest, name) = name("the name of the constant")(start.step())?;
    let (rest, _) = tag("=")(rest)?;
    let (rest, value) = value(rest)?;
    let (rest, _) = tag(";")(rest)?;
    Ok((rest, ItemKind::Constant(name, value)))
}

/// A text or a number.
pub(super) fn value(tokens: Tokens<'_>) -> Parsed<'_, Value> {
    let first = tokens.first();
    if first.kind == Kind::Text {
        let inside = &first.text[1..first.text.len() - 1];
        let wrong = match unescaped(inside).map(String::from_utf8) {
            Ok(Ok(text)) => return Ok((tokens.step(), Value::Text(text))),
            Ok(Err(_)) => "the escapes in this text make bytes that are not UTF-8".to_owned(),
            Err(escape) => format!("`{escape}` is not an escape"),
        };
        return tokens.fault(Diagnostic::error(first.span, wrong));
    }
    let (rest, number) = expr(tokens)?;
    Ok((rest, Value::Number(number)))
}

/// `namespace name {`, whose end is an item of its own.
fn namespace<'a>(start: Tokens<'a>, namespaces: &mut Vec<Span>) -> Parsed<'a, Option<Item>> {
    let span = start.first().span;
    start.notes.beyond_sun(span, "namespaces");
    let mut rest = name("the name of the namespace")(start.step())?.0;
    while rest.is("::") {
        rest = name("the name of the namespace")(rest.step())?.0;
    }
    let (rest, _) = tag("{")(rest)?;
    if namespaces.len() == super::recover::MAX_DEPTH as usize {
        let message = "namespaces nested too deep";
        return start.fault(Diagnostic::error(span, message));
    }
    namespaces.push(span);
    Ok((rest, None))
}

/// `package "name";` and `import "name";`, which say to other compilers where their output goes.
fn package(start: Tokens<'_>) -> Parsed<'_, Option<Item>> {
    let first = start.first();
    start
        .notes
        .beyond_sun(first.span, &format!("`{}`", first.text));
    let mut rest = start.step();
    while !rest.is(";") && !rest.at_end() && !rest.is("{") {
        rest = rest.step();
    }
    if first.text == "import" {
        let span = first.span.to(rest.behind);
        let warning = Diagnostic::warning(span, "rpcgen does not follow `import`");
        let help = "give the file that it means as an input, too, or write `#include`";
        start.notes.tell(warning.help(help));
    }
    let (rest, _) = tag(";")(rest)?;
    Ok((rest, None))
}

/// `pragma what name;`, which the Linux kernel's compiler knows. Only `exclude` means something here.
fn pragma(start: Tokens<'_>) -> Parsed<'_, Option<ItemKind>> {
    let span = start.first().span;
    start.notes.beyond_sun(span, "pragmas");
    let (rest, what) = name("what the pragma is of")(start.step())?;
    if what.name == "exclude" {
        let (rest, excluded) = name("what is excluded")(rest)?;
        let (rest, _) = tag(";")(rest)?;
        return Ok((rest, Some(ItemKind::Exclude(excluded))));
    }
    if !PRAGMAS.contains(&what.name.as_str()) {
        let message = format!("the pragma `{}` means nothing here", what.name);
        start.notes.tell(Diagnostic::warning(what.span, message));
    }
    let mut rest = rest;
    while rest.first().kind == Kind::Word || rest.first().kind == Kind::Number {
        rest = rest.step();
    }
    let (rest, _) = tag(";")(rest)?;
    Ok((rest, None))
}

/// Pragmas of the Linux kernel's compiler that say what its C needs, and Rust does not.
const PRAGMAS: [&str; 5] = ["public", "header", "big_endian", "pages", "skip"];

/// The `;` behind a `}`, which some files forget.
pub(super) fn end_of_body(rest: Tokens<'_>) -> Result<Tokens<'_>, nom::Err<Fault<'_>>> {
    if rest.is(";") {
        return Ok(rest.step());
    }
    if !rest.at_end() && !starts_item(rest) {
        return tag(";")(rest).map(|(rest, _)| rest);
    }
    let warning = Diagnostic::warning(rest.behind, "`;` is missing behind this");
    rest.notes.tell(warning);
    rest.notes
        .beyond_sun(rest.behind, "definitions without `;`");
    Ok(rest)
}

/// Whether an item begins here.
pub(super) fn starts_item(rest: Tokens<'_>) -> bool {
    let keywords = [
        "const",
        "typedef",
        "struct",
        "union",
        "enum",
        "program",
        "namespace",
        "pragma",
        "}",
    ];
    keywords.iter().any(|keyword| rest.is(keyword))
}
