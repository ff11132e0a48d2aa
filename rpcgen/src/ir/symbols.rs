//! The names that a file defines, before anything is known of what they stand for.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::ast::{
    Declaration, EnumBody, Expr, Ident, Item, ItemKind, Shape, StructBody, Type, TypeKind,
};
use crate::ast::{UnionBody, Value};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// All names that a file defines. Constants, types and programs share one name space (RFC 4506 §6.4).
#[derive(Default)]
pub(super) struct Symbols<'a> {
    names: HashMap<&'a str, (Span, Symbol)>,
    /// What constants, enumerators and numbers of programs are defined as.
    pub(super) numbers: Vec<Number<'a>>,
    /// The constants that are not enumerators of a type.
    constants: HashSet<&'a str>,
    /// The enums and typedefs among the types, by which the labels of a union are judged.
    enums: HashMap<&'a str, &'a EnumBody>,
    typedefs: HashMap<&'a str, &'a Declaration>,
    /// How many types have names; they are numbered in the order of the file.
    pub(super) types: usize,
    /// Names of versions and procedures, which many files use as constants. They need not be unique, but
    /// then nobody can tell which is meant.
    loose: HashMap<&'a str, Vec<usize>>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// An index into [`Symbols::numbers`].
    Number(usize),
    /// An index into the types.
    Type(usize),
}

/// Something that has a number, or a text.
pub(super) struct Number<'a> {
    pub(super) name: &'a Ident,
    pub(super) made: Made<'a>,
}

/// How a number is made.
pub(super) enum Made<'a> {
    Expr(&'a Expr),
    Text(&'a str),
    /// One more than another, or 0.
    Next(Option<usize>),
}

/// Collects the names of `items`.
pub(super) fn collect<'a>(items: &'a [Item], diagnostics: &mut Vec<Diagnostic>) -> Symbols<'a> {
    let mut symbols = Symbols::default();
    for item in items {
        match &item.kind {
            ItemKind::Constant(name, Value::Number(expr)) => {
                symbols.constants.insert(&name.name);
                symbols.number(name, Made::Expr(expr), diagnostics);
            }
            ItemKind::Constant(name, Value::Text(text)) => {
                symbols.number(name, Made::Text(text), diagnostics);
            }
            ItemKind::Typedef(declaration) => {
                if !names_itself(declaration) {
                    symbols.ty(&declaration.name, diagnostics);
                    symbols.typedefs.insert(&declaration.name.name, declaration);
                }
                symbols.inside_type(&declaration.ty, Some(&declaration.name), diagnostics);
            }
            ItemKind::Struct(name, body) => {
                symbols.ty(name, diagnostics);
                symbols.inside_struct(body, diagnostics);
            }
            ItemKind::Union(name, body) => {
                symbols.ty(name, diagnostics);
                symbols.inside_union(body, diagnostics);
            }
            ItemKind::Enum(name, body) => {
                match name {
                    Some(name) => {
                        symbols.ty(name, diagnostics);
                        symbols.enums.insert(&name.name, body);
                    }
                    None => {
                        let names = body.members.iter().map(|member| member.name.name.as_str());
                        symbols.constants.extend(names);
                    }
                }
                symbols.members(body, diagnostics);
            }
            ItemKind::Program(program) => {
                symbols.number(&program.name, Made::Expr(&program.number), diagnostics);
                for version in &program.versions {
                    symbols.loose(&version.name, &version.number);
                    for procedure in &version.procedures {
                        symbols.loose(&procedure.name, &procedure.number);
                    }
                }
            }
            ItemKind::Forward(_) => {}
        }
    }
    symbols
}

/// Whether a typedef says what is so already: `typedef struct s s;`.
pub(super) fn names_itself(declaration: &Declaration) -> bool {
    matches!(declaration.shape, Shape::Plain)
        && matches!(&declaration.ty.kind, TypeKind::Named(name) if *name == declaration.name.name)
}

impl<'a> Symbols<'a> {
    /// What `name` stands for.
    pub(super) fn symbol(&self, name: &str) -> Option<Symbol> {
        self.names.get(name).map(|(_, symbol)| *symbol)
    }

    /// Whether `name` is a constant that the file defines as such, and not an enumerator of a type or the
    /// number of a program.
    pub(super) fn is_constant(&self, name: &str) -> bool {
        self.constants.contains(name)
    }

    /// The numbers that `name` may stand for: none, one, or several where nobody can tell.
    pub(super) fn numbers_of(&self, name: &str) -> &[usize] {
        match self.names.get(name) {
            Some((_, Symbol::Number(index))) => std::slice::from_ref(index),
            Some((_, Symbol::Type(_))) => &[],
            None => self.loose.get(name).map_or(&[], Vec::as_slice),
        }
    }

    /// What a type is behind all typedefs that only give it another name.
    pub(super) fn behind(&self, ty: &'a Type) -> &'a Type {
        let mut ty = ty;
        // No chain is longer than there are typedefs, unless it is a ring.
        for _ in 0..=self.typedefs.len() {
            match &ty.kind {
                TypeKind::Named(name) => match self.typedefs.get(name.as_str()) {
                    Some(typedef) if typedef.shape == Shape::Plain => ty = &typedef.ty,
                    _ => break,
                },
                _ => break,
            }
        }
        ty
    }

    /// The enum that `name` names.
    pub(super) fn enum_body(&self, name: &str) -> Option<&'a EnumBody> {
        self.enums.get(name).copied()
    }

    /// The name of a type or of a constant that is most like `name`, if one is; none behind so many errors
    /// that nobody reads them, because finding it goes through all names.
    pub(super) fn like(&self, name: &str, types: bool, errors: usize) -> Option<&'a str> {
        if errors >= MAX_SUGGESTIONS {
            return None;
        }
        let wanted = |symbol: &Symbol| matches!(symbol, Symbol::Type(_)) == types;
        let candidates = self.names.iter().filter(|(_, (_, symbol))| wanted(symbol));
        candidates
            .map(|(candidate, _)| (distance(name, candidate), *candidate))
            .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 3)
            .min()
            .map(|(_, candidate)| candidate)
    }

    fn define(&mut self, name: &'a Ident, symbol: Symbol, diagnostics: &mut Vec<Diagnostic>) {
        match self.names.entry(&name.name) {
            Entry::Vacant(vacant) => {
                vacant.insert((name.span, symbol));
            }
            Entry::Occupied(first) => {
                let message = format!("`{}` is defined twice", name.name);
                let diagnostic = Diagnostic::error(name.span, message)
                    .label("defined again here")
                    .cause(first.get().0, "first defined here");
                diagnostics.push(diagnostic);
            }
        }
    }

    fn number(&mut self, name: &'a Ident, made: Made<'a>, diagnostics: &mut Vec<Diagnostic>) {
        self.define(name, Symbol::Number(self.numbers.len()), diagnostics);
        self.numbers.push(Number { name, made });
    }

    fn loose(&mut self, name: &'a Ident, number: &'a Expr) {
        let indices = self.loose.entry(&name.name).or_default();
        indices.push(self.numbers.len());
        let made = Made::Expr(number);
        self.numbers.push(Number { name, made });
    }

    fn ty(&mut self, name: &'a Ident, diagnostics: &mut Vec<Diagnostic>) {
        self.define(name, Symbol::Type(self.types), diagnostics);
        self.types += 1;
    }

    fn members(&mut self, body: &'a EnumBody, diagnostics: &mut Vec<Diagnostic>) {
        let mut last = None;
        for member in &body.members {
            let made = member.value.as_ref().map_or(Made::Next(last), Made::Expr);
            last = Some(self.numbers.len());
            self.number(&member.name, made, diagnostics);
        }
    }

    /// The enumerators and named types that are defined inside another type. `outer` is the name that a
    /// typedef gives to the type as a whole.
    fn inside_type(
        &mut self,
        ty: &'a Type,
        outer: Option<&'a Ident>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        let name = match &ty.kind {
            TypeKind::Struct(name, body) => {
                self.inside_struct(body, diagnostics);
                name
            }
            TypeKind::Union(name, body) => {
                self.inside_union(body, diagnostics);
                name
            }
            TypeKind::Enum(name, body) => {
                self.members(body, diagnostics);
                if let Some(name) = name {
                    self.enums.insert(&name.name, body);
                }
                name
            }
            _ => &None,
        };
        if let Some(name) = name
            && outer.is_none_or(|outer| outer.name != name.name)
        {
            self.ty(name, diagnostics);
        }
    }

    fn inside_struct(&mut self, body: &'a StructBody, diagnostics: &mut Vec<Diagnostic>) {
        for field in &body.fields {
            self.inside_type(&field.ty, None, diagnostics);
        }
    }

    fn inside_union(&mut self, body: &'a UnionBody, diagnostics: &mut Vec<Diagnostic>) {
        self.inside_type(&body.discriminant.ty, None, diagnostics);
        for field in body.arms.iter().filter_map(|arm| arm.field.as_ref()) {
            self.inside_type(&field.ty, None, diagnostics);
        }
    }
}

/// How many letters differ between two names (Levenshtein), their case apart.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_ascii_lowercase(), b.to_ascii_lowercase());
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

/// Errors of a file for which a name that is alike is looked for.
const MAX_SUGGESTIONS: usize = 50;
