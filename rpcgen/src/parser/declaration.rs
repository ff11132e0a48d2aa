//! Types, declarations and the bodies of structs, unions and enums.

use crate::ast::{
    Arm, Builtin, Declaration, EnumBody, Label, Member, Shape, StructBody, Type, TypeKind,
    UnionBody,
};
use crate::diagnostic::Diagnostic;
use crate::lexer::Kind;
use crate::source::Span;

use super::docs;
use super::expr::{self, expr};
use super::recover::body;
use super::tokens::{Fault, Parsed, Tokens, name, path, tag};

/// `declaration;`, where `what` is declared.
pub(super) fn field<'a>(start: Tokens<'a>, what: &'static str) -> Parsed<'a, Declaration> {
    let (rest, mut declaration) = declaration(attributes(start)?, what)?;
    if rest.is(",") {
        let comma = rest.first().span;
        let diagnostic = Diagnostic::error(comma, "one declaration declares one name");
        return rest.fault(diagnostic.help("repeat the type: `int a; int b;`"));
    }
    let (rest, _) = tag(";")(rest)?;
    declaration.docs = docs::around(rest.taken_since(start));
    Ok((rest, declaration))
}

/// `type name`, in one of its shapes, with nothing behind it.
pub(super) fn declaration<'a>(start: Tokens<'a>, what: &'static str) -> Parsed<'a, Declaration> {
    let (rest, ty) = ty(start)?;
    let (rest, star) = star(rest)?;
    let (rest, name) = name(what)(rest)?;
    if rest.is(":") {
        let diagnostic = Diagnostic::error(rest.first().span, "XDR has no bit fields");
        return rest.fault(diagnostic);
    }
    let (rest, shape) = shape(rest, &ty, star)?;
    if ty.kind == TypeKind::String && shape == Shape::Plain {
        let diagnostic = Diagnostic::warning(ty.span.to(rest.behind), "a string without `<>`");
        start
            .notes
            .tell(diagnostic.help("`string name<>` says that it has no bound"));
        start.notes.beyond_sun(ty.span, "strings without `<>`");
    }
    let declaration = Declaration {
        docs: docs::before(start.first()),
        span: ty.span.to(rest.behind),
        ty,
        name,
        shape,
    };
    Ok((rest, declaration))
}

/// `*`, or nothing.
pub(super) fn star(tokens: Tokens<'_>) -> Parsed<'_, Option<Span>> {
    if !tokens.is("*") {
        return Ok((tokens, None));
    }
    let rest = tokens.step();
    if rest.is("*") {
        let span = tokens.first().span.to(rest.first().span);
        let diagnostic = Diagnostic::error(span, "a pointer to a pointer");
        return rest.fault(diagnostic.help("name the inner pointer with a typedef"));
    }
    Ok((rest, Some(tokens.first().span)))
}

/// `[n]`, `<n>`, `<>` or nothing behind a name, as far as it fits the type and the `*` before the name.
pub(super) fn shape<'a>(tokens: Tokens<'a>, ty: &Type, star: Option<Span>) -> Parsed<'a, Shape> {
    let open = tokens.first();
    let (rest, shape) = if tokens.is("[") {
        let (rest, size) = expr(tokens.step())?;
        let (rest, _) = tag("]")(rest)?;
        (rest, Shape::Fixed(size))
    } else if tokens.is("<") {
        let inside = tokens.step();
        let (rest, bound) = if inside.is(">") {
            (inside, None)
        } else {
            let (rest, bound) = expr(inside)?;
            (rest, Some(bound))
        };
        let (rest, _) = tag(">")(rest)?;
        (rest, Shape::Variable(bound))
    } else if star.is_some() {
        (tokens, Shape::Optional)
    } else {
        (tokens, Shape::Plain)
    };
    let span = open.span.to(rest.behind);
    let refuse =
        |message: &str, help: &str| tokens.fault(Diagnostic::error(span, message).help(help));
    if rest.is("[") || rest.is("<") {
        let help = "name the inner array with a typedef";
        return refuse("an array of arrays", help);
    }
    match (&ty.kind, &shape) {
        (_, Shape::Fixed(_) | Shape::Variable(_)) if star.is_some() => {
            refuse("an array of pointers", "name the pointer with a typedef")
        }
        (TypeKind::Opaque | TypeKind::String, Shape::Optional) => refuse(
            "a pointer to opaque data or to a string",
            "name the opaque data or the string with a typedef",
        ),
        (TypeKind::Opaque, Shape::Plain) => {
            let diagnostic = Diagnostic::error(ty.span, "opaque data needs a length");
            tokens.fault(
                diagnostic.help("write `opaque name[n]`, `opaque name<n>` or `opaque name<>`"),
            )
        }
        (TypeKind::String, Shape::Fixed(_)) => refuse(
            "a string has no fixed length",
            "write `string name<n>`, or `opaque name[n]` for bytes of a fixed number",
        ),
        _ => Ok((rest, shape)),
    }
}

/// A type by its name or with its body.
pub(super) fn ty(start: Tokens<'_>) -> Parsed<'_, Type> {
    let first = start.first();
    if first.kind != Kind::Word && first.text != "::" {
        return start.expected("a type");
    }
    let next = start.step();
    if next.is("{") || next.is("switch") {
        start
            .notes
            .beyond_sun(first.span, "bodies where a type is used");
    }
    let (rest, kind) = match first.text {
        "opaque" => (next, TypeKind::Opaque),
        "string" => (next, TypeKind::String),
        "struct" if next.is("{") => {
            let (rest, body) = struct_body(next)?;
            (rest, TypeKind::Struct(None, body))
        }
        "union" if next.is("switch") => {
            let (rest, body) = union_body(next)?;
            (rest, TypeKind::Union(None, body))
        }
        "enum" if next.is("{") => {
            let (rest, body) = enum_body(next)?;
            (rest, TypeKind::Enum(None, body))
        }
        "struct" | "union" | "enum" => tagged(start)?,
        "void" => {
            let diagnostic = Diagnostic::error(first.span, "`void` is nothing that could be named");
            let help = "it can be the arm of a union, the argument or the result of a procedure";
            return start.fault(diagnostic.help(help));
        }
        _ => match builtin(start) {
            Some((rest, builtin)) => (rest, TypeKind::Builtin(builtin)),
            None => {
                let (rest, name) = path("a type")(start)?;
                if SUN_RESERVES.contains(&&*name.name) {
                    let what = format!("type that may be called `{}`", name.name);
                    start.notes.beyond_sun(name.span, &what);
                }
                (rest, TypeKind::Named(name.name))
            }
        },
    };
    let span = first.span.to(rest.behind);
    Ok((rest, Type { kind, span }))
}

/// `struct name`, `union name` or `enum name`, with or without a body.
fn tagged(start: Tokens<'_>) -> Parsed<'_, TypeKind> {
    let (rest, name) = path("a name or a body")(start.step())?;
    if rest.is("{") || rest.is("switch") {
        let what = "bodies where a type is used";
        start.notes.beyond_sun(start.first().span, what);
    }
    Ok(match start.first().text {
        "struct" if rest.is("{") => {
            let (rest, body) = struct_body(rest)?;
            (rest, TypeKind::Struct(Some(name), body))
        }
        "union" if rest.is("switch") => {
            let (rest, body) = union_body(rest)?;
            (rest, TypeKind::Union(Some(name), body))
        }
        "enum" if rest.is("{") => {
            let (rest, body) = enum_body(rest)?;
            (rest, TypeKind::Enum(Some(name), body))
        }
        _ => (rest, TypeKind::Named(name.name)),
    })
}

/// One of the language's own types, in all the ways in which C lets people write it.
fn builtin(start: Tokens<'_>) -> Option<(Tokens<'_>, Builtin)> {
    let words = [
        "unsigned",
        "signed",
        "char",
        "short",
        "int",
        "long",
        "hyper",
        "float",
        "double",
        "quadruple",
        "bool",
    ];
    let mut rest = start;
    let mut found = Vec::new();
    while let Some(word) = words.into_iter().find(|word| rest.is(word)) {
        // Words that stand alone do not continue another, and a name may follow them that is one.
        let alone = matches!(word, "float" | "double" | "quadruple" | "bool");
        if (alone && !found.is_empty()) || found.len() == 4 {
            break;
        }
        rest = rest.step();
        found.push(word);
        if alone {
            break;
        }
    }
    let unsigned = found.contains(&"unsigned");
    if found.contains(&"signed") {
        let span = start.first().span.to(rest.behind);
        let warning = Diagnostic::warning(span, "`signed` says nothing in XDR");
        start.notes.tell(warning);
        start.notes.beyond_sun(span, "`signed`");
    }
    let written = found.join(" ");
    if written.contains("long long") || (found.len() > 1 && found[0] == "int") {
        let span = start.first().span.to(rest.behind);
        start.notes.beyond_sun(span, &format!("`{written}`"));
    }
    found.retain(|word| !matches!(*word, "unsigned" | "signed"));
    // `int` may follow the others.
    if found.len() > 1 {
        found.retain(|word| *word != "int");
    }
    let builtin = match (found.as_slice(), unsigned) {
        (["char"], false) => Builtin::Char,
        (["char"], true) => Builtin::UnsignedChar,
        (["short"], false) => Builtin::Short,
        (["short"], true) => Builtin::UnsignedShort,
        (["int" | "long"], false) => Builtin::Int,
        ([] | ["int" | "long"], true) => Builtin::UnsignedInt,
        (["hyper"] | ["long", "long"], false) => Builtin::Hyper,
        (["hyper"] | ["long", "long"], true) => Builtin::UnsignedHyper,
        (["float"], false) => Builtin::Float,
        (["double"], false) => Builtin::Double,
        (["quadruple"], false) => Builtin::Quadruple,
        (["bool"], false) => Builtin::Bool,
        // `signed` alone is `int`.
        ([], false) if !std::ptr::eq(rest.first(), start.first()) => Builtin::Int,
        _ => return None,
    };
    Some((rest, builtin))
}

/// Attributes before something, which other dialects have: they are passed over.
pub(super) fn attributes(start: Tokens<'_>) -> Result<Tokens<'_>, nom::Err<Fault<'_>>> {
    let mut rest = start;
    while rest.is("[") {
        let open = rest.first().span;
        let mut nesting = 0_u32;
        loop {
            match rest.first().text {
                "[" => nesting += 1,
                "]" => nesting -= 1,
                _ if rest.at_end() => {
                    let diagnostic = Diagnostic::error(open, "these attributes do not end");
                    return start.fault(diagnostic).map(|(rest, ())| rest);
                }
                _ => {}
            }
            rest = rest.step();
            if nesting == 0 {
                break;
            }
        }
        let span = open.to(rest.behind);
        let warning = Diagnostic::warning(span, "attributes mean nothing here");
        start.notes.tell(warning);
        start.notes.beyond_sun(span, "attributes");
    }
    Ok(rest)
}

/// Names that Sun's rpcgen cannot use as a type, because C has functions `xdr_…` of these names.
const SUN_RESERVES: [&str; 12] = [
    "array",
    "bytes",
    "destroy",
    "free",
    "getpos",
    "inline",
    "pointer",
    "reference",
    "setpos",
    "sizeof",
    "union",
    "vector",
];

/// `{ declaration; … }`
pub(super) fn struct_body(tokens: Tokens<'_>) -> Parsed<'_, StructBody> {
    let one = |tokens| field(tokens, "the name of a field");
    let (rest, fields) = body(tokens, "the struct", ";", one)?;
    Ok((rest, StructBody { fields }))
}

/// `{ NAME = value, … }`; the last comma may stay.
pub(super) fn enum_body(tokens: Tokens<'_>) -> Parsed<'_, EnumBody> {
    let (rest, members) = body(tokens, "the enum", ",", member)?;
    Ok((rest, EnumBody { members }))
}

fn member(start: Tokens<'_>) -> Parsed<'_, Member> {
    let start = attributes(start)?;
    let (rest, name) = name("the name of an enumerator")(start)?;
    let (rest, value) = if rest.is("=") {
        let (rest, value) = expr(rest.step())?;
        (rest, Some(value))
    } else {
        (rest, None)
    };
    let rest = if rest.is("}") {
        rest
    } else if rest.is(",") && rest.step().is("}") {
        let comma = rest.first().span;
        rest.notes
            .beyond_sun(comma, "comma behind the last enumerator");
        rest.step()
    } else {
        tag(",")(rest)?.0
    };
    let docs = docs::around(rest.taken_since(start));
    Ok((rest, Member { docs, name, value }))
}

/// `switch (declaration) { arm … }`
pub(super) fn union_body(tokens: Tokens<'_>) -> Parsed<'_, UnionBody> {
    let (rest, _) = tag("switch")(tokens)?;
    let (rest, _) = tag("(")(rest)?;
    let (rest, discriminant) = declaration(rest, "the name of the discriminant")?;
    let (rest, _) = tag(")")(rest)?;
    let (rest, arms) = body(rest, "the union", ";", arm)?;
    for (index, arm) in arms.iter().enumerate() {
        let alone = arms.len() == 1 || index + 1 < arms.len();
        if let [Label::Default(span)] = arm.labels[..]
            && alone
        {
            let what = "`default` but as the last arm of several";
            tokens.notes.beyond_sun(span, what);
        }
    }
    let body = UnionBody {
        discriminant: Box::new(discriminant),
        arms,
    };
    Ok((rest, body))
}

fn arm(start: Tokens<'_>) -> Parsed<'_, Arm> {
    let start = attributes(start)?;
    let (mut rest, first) = label(start)?;
    let mut labels = vec![first];
    while rest.is("case") || rest.is("default") {
        let (behind, next) = label(rest)?;
        labels.push(next);
        rest = behind;
    }
    let default = labels.iter().find_map(|label| match label {
        Label::Default(span) => Some(*span),
        Label::Case(_) => None,
    });
    if let Some(span) = default.filter(|_| labels.len() > 1) {
        let what = "`default` that shares an arm with a `case`";
        start.notes.beyond_sun(span, what);
    }
    let docs = docs::among(rest.taken_since(start));
    if rest.is("void") {
        let (behind, _) = tag(";")(rest.step())?;
        let mut docs = docs;
        let behind_it = docs::around(behind.taken_since(rest)).comments;
        docs.comments.extend(behind_it);
        let field = None;
        return Ok((
            behind,
            Arm {
                docs,
                labels,
                field,
            },
        ));
    }
    let (rest, declaration) = field(rest, "the name of the arm")?;
    let field = Some(declaration);
    Ok((
        rest,
        Arm {
            docs,
            labels,
            field,
        },
    ))
}

fn label(tokens: Tokens<'_>) -> Parsed<'_, Label> {
    let span = tokens.first().span;
    let (rest, label) = if tokens.is("default") {
        (tokens.step(), Label::Default(span))
    } else if tokens.is("case") {
        let (rest, value) = expr::label(tokens.step())?;
        (rest, Label::Case(value))
    } else {
        return tokens.expected("`case` or `default`");
    };
    let (rest, _) = tag(":")(rest)?;
    Ok((rest, label))
}
