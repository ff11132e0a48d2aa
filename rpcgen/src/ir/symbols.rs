//! The names that the files define, before anything is known of what they stand for.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::ast::{
    Declaration, EnumBody, Expr, Ident, Item, ItemKind, Shape, StructBody, Type, TypeKind,
};
use crate::ast::{UnionBody, Value};
use crate::diagnostic::Diagnostic;
use crate::options::Reading;
use crate::source::Span;

use super::{File, outside};

/// All names that the files define. In a file, constants, types and programs share one name space (RFC 4506
/// section 6.4); a name that it does not define is looked for in the others.
pub(super) struct Symbols<'a> {
    files: Vec<Names<'a>>,
    /// What constants, enumerators and numbers of programs are defined as.
    pub(super) numbers: Vec<Number<'a>>,
    /// The types that have names, numbered in the order of the files.
    pub(super) types: Vec<NamedType<'a>>,
    /// What could not be read, and may have defined what is missed.
    lost: Vec<&'a HashSet<String>>,
    reading: &'a Reading,
    /// The file whose names are collected.
    file: usize,
}

/// The names that one file defines.
#[derive(Default)]
struct Names<'a> {
    names: HashMap<&'a str, (Span, Symbol)>,
    /// The constants that are not enumerators of a type.
    constants: HashSet<&'a str>,
    /// Names of versions and procedures, which many files use as constants. They need not be unique, but
    /// then nobody can tell which is meant.
    loose: HashMap<&'a str, Vec<usize>>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Symbol {
    /// An index into [`Symbols::numbers`].
    Number(usize),
    /// An index into [`Symbols::types`].
    Type(usize),
}

/// Something that has a number, or a text.
pub(super) struct Number<'a> {
    pub(super) name: &'a Ident,
    pub(super) made: Made<'a>,
    /// The file that it is in.
    pub(super) file: usize,
    /// It stands in a line for C: what is wrong with it matters only to whoever uses it.
    pub(super) verbatim: bool,
}

/// How a number is made.
pub(super) enum Made<'a> {
    Expr(&'a Expr),
    Text(&'a str),
    /// One more than another, or 0.
    Next(Option<usize>),
}

/// A type that has a name.
pub(super) struct NamedType<'a> {
    /// The file that it is in.
    pub(super) file: usize,
    /// What the labels of a union are judged by, once known.
    pub(super) kind: NamedKind<'a>,
}

/// What a name was given to.
#[derive(Clone, Copy)]
pub(super) enum NamedKind<'a> {
    Enum(&'a EnumBody),
    Typedef(&'a Declaration),
    Other,
}

/// Collects the names of all files.
pub(super) fn collect<'a>(
    files: &'a [File],
    reading: &'a Reading,
    diagnostics: &mut Vec<Diagnostic>,
) -> Symbols<'a> {
    let mut symbols = Symbols {
        files: files.iter().map(|_| Names::default()).collect(),
        numbers: Vec::new(),
        types: Vec::new(),
        lost: files.iter().map(|file| &file.lost).collect(),
        reading,
        file: 0,
    };
    for (index, file) in files.iter().enumerate() {
        symbols.file = index;
        for item in &file.items {
            symbols.item(item, diagnostics);
        }
    }
    symbols.verbatim(files);
    symbols
}

/// Whether a typedef says what is so already: `typedef struct s s;`.
pub(super) fn names_itself(declaration: &Declaration) -> bool {
    matches!(declaration.shape, Shape::Plain)
        && matches!(&declaration.ty.kind, TypeKind::Named(name) if *name == declaration.name.name)
}

impl<'a> Symbols<'a> {
    /// The names that hold in `file`: its own, then those of the others.
    fn seen_in(&self, file: usize) -> impl Iterator<Item = (usize, &Names<'a>)> {
        let others = (0..self.files.len()).filter(move |other| *other != file);
        std::iter::once(file)
            .chain(others)
            .map(|file| (file, &self.files[file]))
    }

    /// What `name` stands for in `file`.
    pub(super) fn symbol(&self, file: usize, name: &str) -> Option<Symbol> {
        self.seen_in(file)
            .find_map(|(_, names)| names.names.get(name))
            .map(|(_, symbol)| *symbol)
    }

    /// The file that defines `name` as a constant, and not as an enumerator of a type or the number of a
    /// program.
    pub(super) fn constant(&self, file: usize, name: &str) -> Option<usize> {
        let (file, names) = self
            .seen_in(file)
            .find(|(_, names)| names.names.contains_key(name))?;
        names.constants.contains(name).then_some(file)
    }

    /// The numbers that `name` may stand for in `file`: none, one, or several where nobody can tell.
    pub(super) fn numbers_of(&self, file: usize, name: &str) -> Vec<usize> {
        match self.symbol(file, name) {
            Some(Symbol::Number(index)) => vec![index],
            Some(Symbol::Type(_)) => Vec::new(),
            None => {
                let mut loose = self.seen_in(file).map(|(_, names)| names.loose.get(name));
                loose.find_map(|found| found).cloned().unwrap_or_default()
            }
        }
    }

    /// Whether `name` may have been defined in what could not be read.
    pub(super) fn is_lost(&self, name: &str) -> bool {
        self.lost.iter().any(|lost| lost.contains(name))
    }

    /// A type that no file defines.
    pub(super) fn outside(&self, name: &str) -> Option<super::Type> {
        match self.reading.extern_types.get(name) {
            Some(path) => Some(super::Type::Extern(path.clone())),
            None => outside::ty(name),
        }
    }

    /// What a type of `file` is behind all typedefs that only give it another name, and the file of that.
    pub(super) fn behind(&self, file: usize, ty: &'a Type) -> (usize, &'a Type) {
        let (mut file, mut ty) = (file, ty);
        // A longer chain is refused anyway, and a ring has no end.
        for _ in 0..=super::cycles::MAX_TYPEDEFS {
            let TypeKind::Named(name) = &ty.kind else {
                break;
            };
            let Some(Symbol::Type(index)) = self.symbol(file, name) else {
                break;
            };
            match self.types[index].kind {
                NamedKind::Typedef(typedef) if typedef.shape == Shape::Plain => {
                    file = self.types[index].file;
                    ty = &typedef.ty;
                }
                _ => break,
            }
        }
        (file, ty)
    }

    /// The name of a type or of a constant that is most like `name`, if one is; none behind so many errors
    /// that nobody reads them, because finding it goes through all names.
    pub(super) fn like(&self, name: &str, types: bool, errors: usize) -> Option<&'a str> {
        if errors >= MAX_SUGGESTIONS {
            return None;
        }
        let wanted = |symbol: &Symbol| matches!(symbol, Symbol::Type(_)) == types;
        let names = self.files.iter().flat_map(|names| &names.names);
        let defined = names.filter(|(_, (_, symbol))| wanted(symbol));
        let own = OWN_TYPES.iter().filter(|_| types);
        let candidates = defined.map(|(name, _)| *name).chain(own.copied());
        let near = |candidate: &str| candidate.len().max(name.len()) / 3;
        candidates
            .filter(|candidate| candidate.len().abs_diff(name.len()) <= near(candidate))
            .map(|candidate| (distance(name, candidate), candidate))
            .filter(|(distance, candidate)| *distance <= near(candidate))
            .min()
            .map(|(_, candidate)| candidate)
    }

    fn item(&mut self, item: &'a Item, diagnostics: &mut Vec<Diagnostic>) {
        match &item.kind {
            ItemKind::Constant(name, value) => {
                self.files[self.file].constants.insert(&name.name);
                self.number(name, made(value), diagnostics);
            }
            ItemKind::Typedef(declaration) => {
                if !names_itself(declaration) {
                    let kind = NamedKind::Typedef(declaration);
                    self.ty(&declaration.name, kind, diagnostics);
                }
                self.inside_type(&declaration.ty, Some(&declaration.name), diagnostics);
            }
            ItemKind::Struct(name, body) => {
                self.ty(name, NamedKind::Other, diagnostics);
                self.inside_struct(body, diagnostics);
            }
            ItemKind::Union(name, body) => {
                self.ty(name, NamedKind::Other, diagnostics);
                self.inside_union(body, diagnostics);
            }
            ItemKind::Enum(name, body) => {
                match name {
                    Some(name) => self.ty(name, NamedKind::Enum(body), diagnostics),
                    None => {
                        let names = body.members.iter().map(|member| member.name.name.as_str());
                        self.files[self.file].constants.extend(names);
                    }
                }
                self.members(body, diagnostics);
            }
            ItemKind::Program(program) => {
                self.number(&program.name, Made::Expr(&program.number), diagnostics);
                for version in &program.versions {
                    self.loose(&version.name, &version.number);
                    for procedure in &version.procedures {
                        self.loose(&procedure.name, &procedure.number);
                    }
                }
            }
            ItemKind::Forward(_) | ItemKind::Verbatim(..) | ItemKind::Exclude(_) => {}
        }
    }

    /// The constants in lines for C, as far as nothing else has their names and all that they are made of is
    /// known.
    fn verbatim(&mut self, files: &'a [File]) {
        let mut left: Vec<(usize, &Ident, &Value)> = Vec::new();
        for (index, file) in files.iter().enumerate() {
            left.extend(file.items.iter().filter_map(|item| match &item.kind {
                ItemKind::Verbatim(name, value) => Some((index, name, value)),
                _ => None,
            }));
        }
        // One may be made of another that stands behind it.
        for _ in 0..MAX_VERBATIM {
            let before = left.len();
            left.retain(|(file, name, value)| {
                let known = match value {
                    Value::Text(_) => true,
                    Value::Number(expr) => self.knows(*file, expr),
                };
                if !known {
                    return true;
                }
                self.file = *file;
                if let Entry::Vacant(vacant) = self.files[*file].names.entry(&name.name) {
                    vacant.insert((name.span, Symbol::Number(self.numbers.len())));
                    self.files[*file].constants.insert(&name.name);
                    self.numbers.push(Number {
                        name,
                        made: made(value),
                        file: *file,
                        verbatim: true,
                    });
                }
                false
            });
            if left.len() == before {
                return;
            }
        }
    }

    /// Whether all names of an expression are known.
    fn knows(&self, file: usize, expr: &Expr) -> bool {
        let mut names = Vec::new();
        super::eval::names_of(expr, &mut names);
        names
            .iter()
            .all(|name| !self.numbers_of(file, name).is_empty() || outside::number(name).is_some())
    }

    fn define(&mut self, name: &'a Ident, symbol: Symbol, diagnostics: &mut Vec<Diagnostic>) {
        match self.files[self.file].names.entry(&name.name) {
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
        self.numbers.push(Number {
            name,
            made,
            file: self.file,
            verbatim: false,
        });
    }

    fn loose(&mut self, name: &'a Ident, number: &'a Expr) {
        let loose = &mut self.files[self.file].loose;
        loose
            .entry(&name.name)
            .or_default()
            .push(self.numbers.len());
        let made = Made::Expr(number);
        self.numbers.push(Number {
            name,
            made,
            file: self.file,
            verbatim: false,
        });
    }

    fn ty(&mut self, name: &'a Ident, kind: NamedKind<'a>, diagnostics: &mut Vec<Diagnostic>) {
        self.define(name, Symbol::Type(self.types.len()), diagnostics);
        let file = self.file;
        self.types.push(NamedType { file, kind });
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
        let (name, kind) = match &ty.kind {
            TypeKind::Struct(name, body) => {
                self.inside_struct(body, diagnostics);
                (name, NamedKind::Other)
            }
            TypeKind::Union(name, body) => {
                self.inside_union(body, diagnostics);
                (name, NamedKind::Other)
            }
            TypeKind::Enum(name, body) => {
                self.members(body, diagnostics);
                (name, NamedKind::Enum(body))
            }
            _ => return,
        };
        if let Some(name) = name
            && outer.is_none_or(|outer| outer.name != name.name)
        {
            self.ty(name, kind, diagnostics);
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

fn made(value: &Value) -> Made<'_> {
    match value {
        Value::Number(expr) => Made::Expr(expr),
        Value::Text(text) => Made::Text(text),
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

/// The types of the language that people misspell.
const OWN_TYPES: [&str; 6] = [
    "double",
    "hyper",
    "opaque",
    "quadruple",
    "string",
    "unsigned",
];

/// Errors of a file for which a name that is alike is looked for.
const MAX_SUGGESTIONS: usize = 50;

/// How deep constants in lines for C may be made of others that stand behind them.
const MAX_VERBATIM: usize = 8;
