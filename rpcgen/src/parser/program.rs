//! Programs, versions and procedures: RFC 5531 §12.2.

use crate::ast::{Parameter, Procedure, Program, Shape, TypeKind, Version};
use crate::diagnostic::Diagnostic;

use super::declaration::{attributes, shape, star, ty};
use super::docs;
use super::expr::expr;
use super::item::end_of_body;
use super::recover::body;
use super::tokens::{Parsed, Tokens, name, tag};

/// `program NAME { version … } = number;`
pub(super) fn program(start: Tokens<'_>) -> Parsed<'_, Program> {
    let (rest, _) = tag("program")(start)?;
    let (rest, name) = name("the name of the program")(rest)?;
    let (rest, versions) = body(rest, "the program", ";", version)?;
    let (rest, _) = tag("=")(rest)?;
    let (rest, number) = expr(rest)?;
    let rest = end_of_body(rest)?;
    let program = Program {
        name,
        number,
        versions,
    };
    Ok((rest, program))
}

/// `version NAME { procedure … } = number;`
fn version(start: Tokens<'_>) -> Parsed<'_, Version> {
    let start = attributes(start)?;
    if !start.is("version") {
        let found = start.first();
        let types = ["struct", "union", "enum", "typedef", "const"];
        if types.contains(&found.text) {
            let diagnostic = Diagnostic::error(found.span, "a program consists of versions");
            return start.fault(diagnostic.help("define types and constants before the program"));
        }
        return start.expected("`version`");
    }
    let (rest, name) = name("the name of the version")(start.step())?;
    let (rest, procedures) = body(rest, "the version", ";", procedure)?;
    let (rest, _) = tag("=")(rest)?;
    let (rest, number) = expr(rest)?;
    let (rest, _) = tag(";")(rest)?;
    let version = Version {
        docs: docs::before(start.first()),
        name,
        number,
        procedures,
    };
    Ok((rest, version))
}

/// `result NAME(argument, …) = number;`
fn procedure(start: Tokens<'_>) -> Parsed<'_, Procedure> {
    let start = attributes(start)?;
    let (rest, result) = if start.is("void") {
        (start.step(), None)
    } else {
        let (rest, result) = parameter(start, Names::Refused)?;
        (rest, Some(result))
    };
    let (rest, name) = name("the name of the procedure")(rest)?;
    let (rest, _) = tag("(")(rest)?;
    let (rest, arguments) = arguments(rest)?;
    let (rest, _) = tag("=")(rest)?;
    let (rest, number) = expr(rest)?;
    let (rest, _) = tag(";")(rest)?;
    let procedure = Procedure {
        docs: docs::around(rest.taken_since(start)),
        span: start.first().span.to(rest.behind),
        name,
        number,
        result,
        arguments,
    };
    Ok((rest, procedure))
}

/// `void)`, `)` or `argument, …)`
fn arguments(tokens: Tokens<'_>) -> Parsed<'_, Vec<Parameter>> {
    if tokens.is(")") {
        return Ok((tokens.step(), Vec::new()));
    }
    if tokens.is("void") {
        let rest = tokens.step();
        if rest.is(")") {
            return Ok((rest.step(), Vec::new()));
        }
        let diagnostic =
            Diagnostic::error(tokens.first().span, "`void` stands beside nothing else");
        return tokens.fault(diagnostic);
    }
    let mut arguments = Vec::new();
    let mut rest = tokens;
    loop {
        let (behind, argument) = parameter(rest, Names::Allowed)?;
        arguments.push(argument);
        if behind.is(")") {
            if arguments.len() > 1 && !tokens.notes.new_style {
                let span = tokens.first().span.to(behind.behind);
                let what = "several arguments without -N";
                tokens.notes.beyond_sun(span, what);
            }
            return Ok((behind.step(), arguments));
        }
        rest = tag(",")(behind)?.0;
    }
}

/// Whether a parameter may have a name: behind a result the procedure's own name follows.
#[derive(PartialEq)]
enum Names {
    Allowed,
    Refused,
}

fn parameter(start: Tokens<'_>, names: Names) -> Parsed<'_, Parameter> {
    let (rest, ty) = ty(start)?;
    let (rest, star) = star(rest)?;
    let named = names == Names::Allowed && !["<", "[", ",", ")"].iter().any(|sign| rest.is(sign));
    let (rest, name) = if named {
        let (rest, name) = name("the name of the argument")(rest)?;
        (rest, Some(name))
    } else {
        (rest, None)
    };
    let (rest, shape) = shape(rest, &ty, star)?;
    let span = ty.span.to(rest.behind);
    match shape {
        Shape::Fixed(_) => start.notes.beyond_sun(span, "arrays beside procedures"),
        Shape::Variable(_) if ty.kind != TypeKind::String || names == Names::Refused => {
            start.notes.beyond_sun(span, "arrays beside procedures");
        }
        Shape::Optional if names == Names::Refused => {
            start.notes.beyond_sun(span, "pointers as results");
        }
        _ => {}
    }
    Ok((rest, Parameter { ty, name, shape }))
}
