//! The Rust names of all that a unit defines, each only once.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::ir::{Field, Program, TypeDef, TypeId, TypeKind, Unit};
use crate::options::{Enums, Naming, Options};

use super::names;

/// The Rust names of a unit.
pub(super) struct Names<'a> {
    pub(super) naming: Naming,
    /// Of the types, by [`TypeId`].
    pub(super) types: Vec<String>,
    /// Of the enumerators of each enum as variants, in its order.
    pub(super) variants: Vec<Vec<String>>,
    /// Of the enumerators of each enum as constants of a number, if that is what enums are.
    numbers: Option<Vec<Vec<String>>>,
    /// Of the constants, in their order.
    pub(super) constants: Vec<String>,
    /// Of the programs' modules, in their order.
    pub(super) programs: Vec<String>,
    /// Of the files' modules, in their order.
    pub(super) modules: Vec<String>,
    /// Which enumerator has a value, the first if several do, by enum and value.
    member_of: HashMap<(TypeId, i32), usize>,
    /// The constants, by the file that defines each and its name.
    constant_of: HashMap<(usize, &'a str), usize>,
}

impl<'a> Names<'a> {
    /// Names everything; what would be named twice in one file gets a number.
    pub(super) fn new(unit: &'a Unit, options: &Options) -> Self {
        let naming = options.naming;
        let modules = unit.files.iter().map(|file| module(&file.name)).collect();
        let mut types: Vec<_> = unit.types.iter().map(|def| naming.ty(&def.name)).collect();
        let files = unit.types.iter().map(|def| def.file);
        let taken = unique(&mut types, files, Namespace::default());

        let mut programs: Vec<_> = unit
            .programs
            .iter()
            .map(|program| names::snake(&program.name))
            .collect();
        let of_program = program_files(unit);
        unique(&mut programs, of_program, taken.and(&CRATES));

        // A struct of a number is a function, too.
        let functions = types.iter().zip(&unit.types).filter(|(_, def)| {
            matches!(def.kind, TypeKind::Enum(_)) && options.enums == Enums::Newtype
        });
        let functions = functions.map(|(name, def)| (def.file, name.clone()));
        let values = Namespace(functions.collect(), Vec::new());
        let mut constants: Vec<_> = unit
            .constants
            .iter()
            .map(|constant| naming.constant(&constant.name))
            .collect();
        let files = unit.constants.iter().map(|constant| constant.file);
        unique(&mut constants, files, values);
        let constant_of = unit.constants.iter().enumerate();
        Self {
            naming,
            types,
            variants: unit.types.iter().map(|def| variants(def, naming)).collect(),
            numbers: (options.enums == Enums::Newtype).then(|| {
                let types = unit.types.iter();
                types.map(|def| numbers(def, naming)).collect()
            }),
            constants,
            programs,
            modules,
            member_of: member_of(unit),
            constant_of: constant_of
                .map(|(index, constant)| ((constant.file, &constant.name[..]), index))
                .collect(),
        }
    }

    /// The constant that `file` calls `name`.
    pub(super) fn constant(&self, file: usize, name: &str) -> Option<&str> {
        let index = self.constant_of.get(&(file, name))?;
        Some(&self.constants[*index])
    }

    /// The enumerators of an enum, in its order: its variants, or constants of a number.
    pub(super) fn members(&self, id: TypeId) -> &[String] {
        &self.numbers.as_ref().unwrap_or(&self.variants)[id.0]
    }

    /// The enumerator of an enum that has this value, the first if several do.
    pub(super) fn member(&self, id: TypeId, value: i64) -> &str {
        self.place(id, value).map_or("", |at| &self.members(id)[at])
    }

    /// The same as a variant.
    pub(super) fn variant(&self, id: TypeId, value: i64) -> &str {
        let place = self.place(id, value);
        place.map_or("", |at| &self.variants[id.0][at])
    }

    fn place(&self, id: TypeId, value: i64) -> Option<usize> {
        let value = i32::try_from(value).ok()?;
        self.member_of.get(&(id, value)).copied()
    }

    /// The fields of a struct.
    pub(super) fn fields(&self, fields: &[Field], link: Option<&str>) -> Vec<String> {
        let names = fields.iter().map(|field| &field.name[..]).chain(link);
        let mut names: Vec<_> = names.map(|name| self.naming.field(name)).collect();
        names::unique(&mut names, HashSet::new());
        names
    }
}

impl Naming {
    /// A type.
    fn ty(self, name: &str) -> String {
        match self {
            Self::Rust => names::upper_camel(name),
            Self::C if PRIMITIVES.contains(&name) || VARIABLES.contains(&name) => {
                format!("{name}_")
            }
            Self::C => names::safe(name.to_owned()),
        }
    }

    /// A constant.
    pub(super) fn constant(self, name: &str) -> String {
        match self {
            Self::Rust => names::screaming(name),
            Self::C if VARIABLES.contains(&name) => format!("{name}_"),
            Self::C => names::safe(name.to_owned()),
        }
    }

    /// A field, a parameter or a method.
    pub(super) fn field(self, name: &str) -> String {
        match self {
            Self::Rust => names::snake(name),
            Self::C => names::safe(name.to_owned()),
        }
    }

    /// A variant of an enum, or the type that stands for a procedure.
    pub(super) fn variant(self, name: &str) -> String {
        match self {
            Self::Rust => names::upper_camel(name),
            Self::C => names::safe(name.to_owned()),
        }
    }

    /// Variants of one enum, without what all of their names share.
    pub(super) fn variants(self, names: &[&str]) -> Vec<String> {
        let short = match self {
            Self::Rust => names::without_prefix(names),
            Self::C => names.to_vec(),
        };
        let mut variants: Vec<_> = short.iter().map(|name| self.variant(name)).collect();
        names::unique(&mut variants, HashSet::new());
        variants
    }

    /// The attribute for a type's name, its variants' and its fields', where rustc wants others.
    pub(super) fn allow<'n>(
        self,
        types: impl IntoIterator<Item = &'n str>,
        fields: impl IntoIterator<Item = &'n str>,
    ) -> Option<String> {
        let mut types = types.into_iter();
        let mut fields = fields.into_iter();
        let lints = [
            (types.any(|name| !is_camel(name)), "non_camel_case_types"),
            (fields.any(|name| !is_snake(name)), "non_snake_case"),
        ];
        let lints: Vec<_> = lints
            .into_iter()
            .filter_map(|(broken, lint)| broken.then_some(lint))
            .collect();
        (self == Self::C && !lints.is_empty()).then(|| format!("#[allow({})]", lints.join(", ")))
    }
}

/// Whether a name is surely what rustc wants of a type.
fn is_camel(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_uppercase()) && !name.contains('_')
}

/// Whether a name is surely what rustc wants of a field.
fn is_snake(name: &str) -> bool {
    !name.contains(|letter: char| letter.is_ascii_uppercase()) && !name.contains("__")
}

/// Names that are taken, by file, and those that are in every file.
#[derive(Clone, Default)]
struct Namespace(HashSet<(usize, String)>, Vec<&'static str>);

impl Namespace {
    fn and(self, names: &[&'static str]) -> Self {
        Self(self.0, names.to_vec())
    }
}

/// Gives names that are taken in their file a number; gives back all that are taken then.
fn unique(
    names: &mut [String],
    files: impl IntoIterator<Item = usize>,
    taken: Namespace,
) -> Namespace {
    let Namespace(mut taken, everywhere) = taken;
    // The number that a name was given last, as for `names::unique`.
    let mut last: HashMap<(usize, String), usize> = HashMap::new();
    for (name, file) in names.iter_mut().zip(files) {
        let is_free = |name: &String, taken: &mut HashSet<(usize, String)>| {
            !everywhere.contains(&&name[..]) && taken.insert((file, name.clone()))
        };
        if is_free(name, &mut taken) {
            continue;
        }
        let number = last.entry((file, name.clone())).or_insert(1);
        let stem = name.trim_end_matches('_').to_owned();
        while !is_free(name, &mut taken) {
            *number += 1;
            *name = format!("{stem}{number}");
        }
    }
    Namespace(taken, everywhere)
}

/// The first enumerator of each value of each enum.
fn member_of(unit: &Unit) -> HashMap<(TypeId, i32), usize> {
    let mut places = HashMap::new();
    for (index, def) in unit.types.iter().enumerate() {
        if let TypeKind::Enum(def) = &def.kind {
            for (place, member) in def.members.iter().enumerate() {
                places.entry((TypeId(index), member.value)).or_insert(place);
            }
        }
    }
    places
}

/// The file of each program.
fn program_files(unit: &Unit) -> Vec<usize> {
    let mut files = vec![0; unit.programs.len()];
    for (index, file) in unit.files.iter().enumerate() {
        for definition in &file.order {
            if let crate::ir::Definition::Program(program) = definition {
                files[*program] = index;
            }
        }
    }
    files
}

/// The module that a file becomes: `nfs-prot.x` is `nfs_prot`.
pub(super) fn module(file: &str) -> String {
    let stem = Path::new(file).file_stem().unwrap_or_default();
    let stem = stem.to_string_lossy();
    let word = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        }
    };
    names::snake(&stem.chars().map(word).collect::<String>())
}

/// The enumerators of an enum as variants, in its order.
fn variants(def: &TypeDef, naming: Naming) -> Vec<String> {
    let given = enumerators(def);
    let mut variants = naming.variants(&given);
    for (variant, name) in variants.iter_mut().zip(&given) {
        if variant == "Unknown" {
            *variant = naming.variant(name);
        }
    }
    names::unique(&mut variants, ["Unknown".to_owned()].into());
    variants
}

/// The enumerators of an enum as constants of a number, in its order.
fn numbers(def: &TypeDef, naming: Naming) -> Vec<String> {
    let given = enumerators(def);
    let short = match naming {
        Naming::Rust => names::without_prefix(&given),
        Naming::C => given,
    };
    let mut constants: Vec<_> = short.iter().map(|name| naming.constant(name)).collect();
    names::unique(&mut constants, HashSet::new());
    constants
}

fn enumerators(def: &TypeDef) -> Vec<&str> {
    let TypeKind::Enum(def) = &def.kind else {
        return Vec::new();
    };
    def.members.iter().map(|member| &member.name[..]).collect()
}

/// The methods of a version: the name of each procedure as a type, and as a function. First comes the null procedure,
/// where the .x file leaves it out.
pub(super) fn procedures(
    naming: Naming,
    program: &str,
    null: Option<&str>,
    given: &[&str],
) -> (Vec<String>, Vec<String>) {
    let short = match naming {
        Naming::Rust => names::of_procedures(program, null, given),
        Naming::C => given.to_vec(),
    };
    let all: Vec<_> = null.into_iter().chain(short).collect();
    let mut types: Vec<_> = all.iter().map(|name| naming.variant(name)).collect();
    names::unique(&mut types, ["ALL".to_owned()].into());
    let mut functions: Vec<_> = all.iter().map(|name| names::snake(name)).collect();
    // What every client has.
    let taken = ["call", "new", "with_options"];
    names::unique(&mut functions, taken.map(str::to_owned).into());
    (types, functions)
}

/// The modules of a program's versions.
pub(super) fn versions(program: &Program) -> Vec<String> {
    let numbers = program.versions.iter().map(|version| version.number);
    let mut modules: Vec<_> = numbers.map(|number| format!("v{number}")).collect();
    names::unique(&mut modules, HashSet::new());
    modules
}

/// Crates that generated code names.
const CRATES: [&str; 6] = ["alloc", "core", "oncrpc", "oncrpc_xdr", "serde", "std"];

/// Types of Rust's own, which a type of the file would hide.
const PRIMITIVES: [&str; 17] = [
    "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "str", "u128", "u16",
    "u32", "u64", "u8", "usize",
];

/// Variables of generated code and of the macros that it calls: a constant of that name would be a pattern.
const VARIABLES: [&str; 13] = [
    "call", "caller", "context", "found", "listed", "options", "reader", "reply", "run", "server",
    "value", "writer", "written",
];
