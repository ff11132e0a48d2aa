//! A .x file understood: names are bound, constants have values, sizes are known, recursion is broken up.
//!
//! Says nothing of Rust, so that other back ends can stand beside [`rust`](crate::rust).

mod cycles;
mod definition;
mod eval;
mod graph;
mod lower;
mod outside;
mod program;
mod size;
mod symbols;
mod unions;
mod uses;

use std::collections::HashSet;

use crate::ast;
use crate::diagnostic::Diagnostic;
use crate::options::Reading;
use crate::source::{Sources, Span};

pub use crate::ast::{Builtin, Docs};
pub(crate) use eval::calculate;

/// All that the files of a run define; each becomes a file of Rust.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    /// The files, which may use each other's definitions.
    pub files: Vec<UnitFile>,
    /// The constants, those of enums apart.
    pub constants: Vec<Constant>,
    /// The types; a [`TypeId`] is an index into them.
    pub types: Vec<TypeDef>,
    /// The programs.
    pub programs: Vec<Program>,
}

/// One file of a [`Unit`].
#[derive(Clone, Debug, Default)]
pub struct UnitFile {
    /// Its name, as the header of the Rust that it becomes has it: `nfs_prot.x`.
    pub name: String,
    /// What it defines, in its order; types without a name of their own follow the type that they are
    /// written in.
    pub order: Vec<Definition>,
    /// The lines for C (`%…`) behind its last definition.
    pub trailing: Vec<String>,
}

/// One definition of a [`Unit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definition {
    /// An index into [`Unit::constants`].
    Constant(usize),
    /// A type.
    Type(TypeId),
    /// An index into [`Unit::programs`].
    Program(usize),
}

/// A type of a [`Unit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TypeId(pub usize);

/// A constant with its value.
#[derive(Clone, Debug)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// The file that defines it: an index into [`Unit::files`].
    pub file: usize,
    /// Its comments.
    pub docs: Docs,
    /// Its definition as it is written.
    pub definition: String,
    /// Its value.
    pub value: Value,
}

/// The value of a constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number of 64 bits at most, with or without a sign.
    Number(i128),
    /// Text.
    Text(String),
}

/// A type that has a name.
#[derive(Clone, Debug)]
pub struct TypeDef {
    /// Its name.
    pub name: String,
    /// The file that defines it: an index into [`Unit::files`].
    pub file: usize,
    /// Its comments.
    pub docs: Docs,
    /// Its definition as it is written, without the comments.
    pub definition: String,
    /// Where its name stands.
    pub span: Span,
    /// What it is.
    pub kind: TypeKind,
    /// The fewest bytes that a value takes on the wire.
    pub min_len: u32,
    /// Whether every value takes as many.
    pub fixed_len: bool,
}

/// What a named type is.
#[derive(Clone, Debug)]
pub enum TypeKind {
    /// Another name for a type.
    Alias(Type),
    /// An enum.
    Enum(Enum),
    /// A struct.
    Struct(Struct),
    /// A union.
    Union(Box<Union>),
}

/// A type where it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// One of the language's own types.
    Builtin(Builtin),
    /// A type that has a name.
    Named(TypeId),
    /// A type that no file defines: the Rust type at this path, which codes itself. Of what it is made
    /// nothing is known.
    Extern(String),
    /// `opaque[n]`
    OpaqueFixed(Size),
    /// `opaque<n>`
    Opaque(Size),
    /// `string<n>`
    Text(Size),
    /// `T[n]`
    Fixed(Box<Type>, Size),
    /// `T<n>`
    Array(Box<Type>, Size),
    /// `T *`
    Optional(Box<Type>),
    /// A `T` that leads back to what holds it, so that it needs a place of its own and counts as one level
    /// of nesting.
    Boxed(Box<Type>),
    /// `T *`, where `T` is a list: a chain of structs, each linked to the next by its last field.
    List(TypeId),
}

/// A length or the bound of one.
#[derive(Clone, Debug)]
pub struct Size {
    /// The number; [`u32::MAX`] where there is no bound.
    pub value: u32,
    /// The constant that it is written as: the file that defines it, and its name.
    pub constant: Option<(usize, String)>,
}

impl PartialEq for Size {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for Size {}

/// A struct.
#[derive(Clone, Debug)]
pub struct Struct {
    /// Its fields, without the link of a list.
    pub fields: Vec<Field>,
    /// If it is a list: the name of its last field, which points to the next one.
    pub link: Option<String>,
}

/// A field of a struct, or what an arm of a union holds.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its comments.
    pub docs: Docs,
    /// Its declaration as it is written.
    pub definition: String,
    /// Its type.
    pub ty: Type,
    /// Whether it is an array or a list that leads back to what holds it: one level of nesting.
    pub nested: bool,
}

/// An enum.
#[derive(Clone, Debug)]
pub struct Enum {
    /// Its enumerators; several may have the same value.
    pub members: Vec<Member>,
}

/// An enumerator.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its comments.
    pub docs: Docs,
    /// Its value.
    pub value: i32,
}

/// A union.
#[derive(Clone, Debug)]
pub struct Union {
    /// What decides which arm it is.
    pub discriminant: Discriminant,
    /// The arms that have labels; no label stands twice.
    pub arms: Vec<Arm>,
    /// The arm for all other values.
    pub default: Option<DefaultArm>,
}

/// What decides which arm a union is.
#[derive(Clone, Debug)]
pub struct Discriminant {
    /// Its name.
    pub name: String,
    /// Its type as it is declared.
    pub ty: Type,
    /// What that is behind all typedefs.
    pub kind: DiscriminantKind,
}

/// What can decide which arm a union is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiscriminantKind {
    /// A number, but no fraction.
    Number(Builtin),
    /// A bool.
    Bool,
    /// An enum.
    Enum(TypeId),
}

/// `case label: … declaration;`
#[derive(Clone, Debug)]
pub struct Arm {
    /// Its comments.
    pub docs: Docs,
    /// Its labels, one at least.
    pub labels: Vec<Label>,
    /// What it holds.
    pub field: Option<Field>,
}

/// The value of a `case`.
#[derive(Clone, Debug)]
pub struct Label {
    /// The value.
    pub value: i64,
    /// The enumerator or constant that it is written as.
    pub name: Option<String>,
}

/// `default: declaration;`
#[derive(Clone, Debug)]
pub struct DefaultArm {
    /// Its comments.
    pub docs: Docs,
    /// What it holds.
    pub field: Option<Field>,
}

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Its comments.
    pub docs: Docs,
    /// Its number.
    pub number: u32,
    /// Its versions.
    pub versions: Vec<Version>,
}

/// A version of a program.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its name.
    pub name: String,
    /// Its comments.
    pub docs: Docs,
    /// Its number.
    pub number: u32,
    /// Its procedures, by number.
    pub procedures: Vec<Procedure>,
}

/// A procedure of a version.
#[derive(Clone, Debug)]
pub struct Procedure {
    /// Its name.
    pub name: String,
    /// Its comments.
    pub docs: Docs,
    /// Its definition as it is written.
    pub definition: String,
    /// Its number.
    pub number: u32,
    /// What it is called with, one after the other.
    pub arguments: Vec<Argument>,
    /// What it answers.
    pub result: Option<Type>,
}

/// An argument of a procedure.
#[derive(Clone, Debug)]
pub struct Argument {
    /// Its name, if the file gives it one.
    pub name: Option<String>,
    /// Its type.
    pub ty: Type,
}

/// What is known of one file before its names are bound.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// Its name, without folders.
    pub name: String,
    /// What it defines.
    pub items: Vec<ast::Item>,
    /// The lines for C behind its last definition.
    pub trailing: Vec<String>,
    /// The words of what could not be read: nothing is missed that may have been defined there.
    pub lost: HashSet<String>,
}

/// Understands files, as [`parse`](crate::parser::parse) gives their items.
///
/// With an error among the diagnostics the unit is not whole.
pub fn resolve(files: &[File], sources: &Sources, reading: &Reading) -> (Unit, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let symbols = symbols::collect(files, reading, &mut diagnostics);
    let values = eval::evaluate(&symbols, &mut diagnostics);
    let mut unit = lower::lower(files, sources, &symbols, &values, reading, &mut diagnostics);
    cycles::refuse(&unit, &mut diagnostics);
    let lost = files.iter().any(|file| !file.lost.is_empty());
    if !lost && !diagnostics.iter().any(Diagnostic::is_error) {
        cycles::break_up(&mut unit);
        size::measure(&mut unit, &mut diagnostics);
    }
    (unit, diagnostics)
}

impl Unit {
    /// The type that `id` means.
    pub fn ty(&self, id: TypeId) -> &TypeDef {
        &self.types[id.0]
    }

    /// What a type is behind all typedefs.
    pub fn behind<'a>(&'a self, ty: &'a Type) -> &'a Type {
        let mut ty = ty;
        while let Type::Named(id) = ty
            && let TypeKind::Alias(other) = &self.ty(*id).kind
        {
            ty = other;
        }
        ty
    }

    /// The types in groups, each after all groups that it is made of; the types of one group are made of
    /// each other.
    pub fn groups(&self) -> Vec<Vec<TypeId>> {
        let edges: Vec<Vec<usize>> = self
            .types
            .iter()
            .map(|def| def.uses().iter().map(|(id, _)| id.0).collect())
            .collect();
        let groups = graph::components(&edges).into_iter();
        groups
            .map(|group| group.into_iter().map(TypeId).collect())
            .collect()
    }
}

/// How one type holds another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// As a part of itself.
    Value,
    /// As something that need not be there: an optional, an element of an array or of a list.
    Reference,
}

impl TypeDef {
    /// The types that it is made of.
    pub fn parts(&self) -> Vec<&Type> {
        match &self.kind {
            TypeKind::Alias(ty) => vec![ty],
            TypeKind::Enum(_) => Vec::new(),
            TypeKind::Struct(def) => def.fields.iter().map(|field| &field.ty).collect(),
            TypeKind::Union(def) => std::iter::once(&def.discriminant.ty)
                .chain(def.fields().map(|field| &field.ty))
                .collect(),
        }
    }

    /// The named types that it is made of, and how it holds them.
    pub fn uses(&self) -> Vec<(TypeId, Hold)> {
        self.parts().into_iter().filter_map(Type::named).collect()
    }
}

impl Union {
    /// What the arms hold.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let default = self.default.iter().filter_map(|arm| arm.field.as_ref());
        let arms = self.arms.iter().filter_map(|arm| arm.field.as_ref());
        arms.chain(default)
    }
}

impl Type {
    /// The named type that this one is made of, if any, and how it holds it.
    pub fn named(&self) -> Option<(TypeId, Hold)> {
        let mut hold = Hold::Value;
        let mut ty = self;
        loop {
            match ty {
                Self::Named(id) => return Some((*id, hold)),
                Self::List(id) => return Some((*id, Hold::Reference)),
                Self::Fixed(element, _) | Self::Boxed(element) => ty = element,
                Self::Array(element, _) | Self::Optional(element) => {
                    hold = Hold::Reference;
                    ty = element;
                }
                Self::Builtin(_)
                | Self::Extern(_)
                | Self::OpaqueFixed(_)
                | Self::Opaque(_)
                | Self::Text(_) => return None,
            }
        }
    }
}
