//! Items to definitions, with their names bound.

use std::collections::{HashMap, HashSet};

use crate::ast::{self, Declaration, EnumBody, Expr, Ident, Item, ItemKind, Shape, StructBody};
use crate::diagnostic::Diagnostic;
use crate::options::Reading;
use crate::source::{Sources, Span};

use super::definition::tidy;
use super::eval::Values;
use super::symbols::{Symbol, Symbols, names_itself};
use super::{
    Builtin, Constant, Definition, Docs, Enum, File, Member, Struct, Type, TypeDef, TypeId,
    TypeKind, Unit, UnitFile, Value,
};

/// Lowers the items of all files; what is wrong with them is reported and left out.
pub(super) fn lower(
    files: &[File],
    sources: &Sources,
    symbols: &Symbols<'_>,
    values: &Values,
    reading: &Reading,
    diagnostics: &mut Vec<Diagnostic>,
) -> Unit {
    let mut lower = Lower {
        sources,
        symbols,
        values,
        reading,
        diagnostics,
        types: symbols.types.iter().map(|_| None).collect(),
        unit: Unit::default(),
        file: 0,
        excluded: HashMap::new(),
        bounded: HashSet::new(),
        names: HashMap::new(),
    };
    for (index, file) in files.iter().enumerate() {
        lower.file(index, file);
    }
    lower.unused_bounds();
    let mut unit = lower.unit;
    // A slot stays empty only behind an error, and then nobody looks at what is in its place.
    let types = lower.types.into_iter();
    unit.types = types.map(|def| def.unwrap_or_else(nothing)).collect();
    unit
}

/// What stands for a type that has been reported.
fn nothing() -> TypeDef {
    TypeDef {
        name: String::new(),
        file: 0,
        docs: Docs::default(),
        definition: String::new(),
        span: Span { start: 0, end: 0 },
        kind: TypeKind::Alias(Type::Builtin(Builtin::Int)),
        min_len: 0,
        fixed_len: false,
    }
}

/// What lowering knows and what it has made so far.
pub(super) struct Lower<'a> {
    pub(super) sources: &'a Sources,
    pub(super) symbols: &'a Symbols<'a>,
    pub(super) values: &'a Values,
    pub(super) reading: &'a Reading,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    types: Vec<Option<TypeDef>>,
    unit: Unit,
    /// The file that is lowered.
    pub(super) file: usize,
    /// Procedures that a pragma leaves out, and whether there was one of that name.
    pub(super) excluded: HashMap<String, (Span, bool)>,
    /// The bounds of the user's that something had none for.
    pub(super) bounded: HashSet<&'a str>,
    /// The names that types without names of their own have been given, and the last number behind each.
    pub(super) names: HashMap<String, usize>,
}

/// What a type that is about to be defined is called, and where that stands.
pub(super) struct Head<'a> {
    pub(super) id: TypeId,
    pub(super) name: &'a Ident,
    pub(super) docs: &'a Docs,
    pub(super) definition: Span,
}

impl Lower<'_> {
    fn file(&mut self, index: usize, file: &File) {
        self.file = index;
        self.unit.files.push(UnitFile {
            name: file.name.clone(),
            order: Vec::new(),
            trailing: file.trailing.clone(),
        });
        let excluded = file.items.iter().filter_map(|item| match &item.kind {
            ItemKind::Exclude(name) => Some((name.name.clone(), (name.span, false))),
            _ => None,
        });
        self.excluded = excluded.collect();
        for item in &file.items {
            self.item(item);
        }
        let unknown = self.excluded.drain().filter(|(_, (_, found))| !found);
        self.diagnostics.extend(unknown.map(|(name, (span, _))| {
            Diagnostic::warning(span, format!("there is no procedure `{name}` to exclude"))
        }));
    }

    /// Adds to the order of the file.
    fn defines(&mut self, definition: Definition) {
        let file = self.file;
        self.unit.files[file].order.push(definition);
    }

    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Constant(name, _) => {
                if let Some(value) = self.own_value(name) {
                    let definition = tidy(self.sources.slice(item.span));
                    self.constant(name, item.docs.clone(), definition, value);
                }
            }
            ItemKind::Verbatim(name, _) => {
                if let Some(value) = self.own_value(name) {
                    let line = self.sources.slice(item.span);
                    let definition = line[1..].trim().to_owned();
                    self.constant(name, Docs::default(), definition, value);
                }
            }
            ItemKind::Typedef(declaration) => self.typedef(declaration, item),
            ItemKind::Struct(name, body) => {
                let head = self.head(name, &item.docs, item.span);
                self.define_struct(&head, body);
            }
            ItemKind::Union(name, body) => {
                let head = self.head(name, &item.docs, item.span);
                self.define_union(&head, body);
            }
            ItemKind::Enum(Some(name), body) => {
                let head = self.head(name, &item.docs, item.span);
                self.define_enum(&head, body);
            }
            ItemKind::Enum(None, body) => {
                for member in &body.members {
                    if let Some(value) = self.member_value(&member.name) {
                        let value = Value::Number(value.into());
                        let definition = self.sources.slice(member.name.span).to_owned();
                        self.constant(&member.name, member.docs.clone(), definition, value);
                    }
                }
            }
            ItemKind::Program(program) => {
                if let Some(program) = self.program(program, &item.docs) {
                    self.defines(Definition::Program(self.unit.programs.len()));
                    self.unit.programs.push(program);
                }
            }
            // Whoever uses what is declared ahead misses it, if it is never defined.
            ItemKind::Forward(_) | ItemKind::Exclude(_) => {}
        }
    }

    /// The value of a constant where it is defined, unless its name stands for something else.
    fn own_value(&self, name: &Ident) -> Option<Value> {
        let Some(Symbol::Number(index)) = self.symbols.symbol(self.file, &name.name) else {
            return None;
        };
        let own = self.symbols.numbers[index].name.span == name.span;
        self.values.get(index).filter(|_| own).cloned()
    }

    fn constant(&mut self, name: &Ident, docs: Docs, definition: String, value: Value) {
        self.defines(Definition::Constant(self.unit.constants.len()));
        self.unit.constants.push(Constant {
            file: self.file,
            name: name.name.clone(),
            docs,
            definition,
            value,
        });
    }

    fn typedef(&mut self, declaration: &Declaration, item: &Item) {
        if names_itself(declaration) {
            self.named(&declaration.name.name, declaration.ty.span);
            return;
        }
        let head = self.head(&declaration.name, &item.docs, item.span);
        let mut docs = item.docs.clone();
        docs.comments
            .extend(trailing(&declaration.docs, &item.docs));
        let head = Head {
            docs: &docs,
            ..head
        };
        // `typedef struct { … } s;` is `struct s { … };`.
        let plain = declaration.shape == Shape::Plain;
        let same = |name: &Option<Ident>| {
            plain
                && name
                    .as_ref()
                    .is_none_or(|name| name.name == declaration.name.name)
        };
        match &declaration.ty.kind {
            ast::TypeKind::Struct(name, body) if same(name) => self.define_struct(&head, body),
            ast::TypeKind::Union(name, body) if same(name) => self.define_union(&head, body),
            ast::TypeKind::Enum(name, body) if same(name) => self.define_enum(&head, body),
            _ => {
                self.defines(Definition::Type(head.id));
                let parent = format!("{}_element", declaration.name.name);
                let place = &declaration.name.name;
                let ty = self.shaped(&declaration.ty, &declaration.shape, &parent);
                let ty = ty.map(|ty| self.bounded_by_user(ty, place));
                if let Some(ty) = ty {
                    self.fill(&head, TypeKind::Alias(ty));
                }
            }
        }
    }

    /// The head of a type that the symbols know by its name.
    pub(super) fn head<'h>(
        &mut self,
        name: &'h Ident,
        docs: &'h Docs,
        definition: Span,
    ) -> Head<'h> {
        let id = match self.symbols.symbol(self.file, &name.name) {
            Some(Symbol::Type(index)) => TypeId(index),
            // Defined as something else first, which has been reported.
            _ => self.new_slot(),
        };
        Head {
            id,
            name,
            docs,
            definition,
        }
    }

    pub(super) fn new_slot(&mut self) -> TypeId {
        self.types.push(None);
        TypeId(self.types.len() - 1)
    }

    fn fill(&mut self, head: &Head<'_>, kind: TypeKind) {
        self.types[head.id.0] = Some(TypeDef {
            file: self.file,
            name: head.name.name.clone(),
            docs: head.docs.clone(),
            definition: tidy(self.sources.slice(head.definition)),
            span: head.name.span,
            kind,
            min_len: 0,
            fixed_len: false,
        });
    }

    pub(super) fn define_struct(&mut self, head: &Head<'_>, body: &StructBody) {
        self.defines(Definition::Type(head.id));
        self.unique(body.fields.iter().map(|field| &field.name), "field");
        let fields = body.fields.iter();
        let fields = fields.filter_map(|field| self.field(field, &head.name.name));
        let fields = fields.collect();
        let link = None;
        self.fill(head, TypeKind::Struct(Struct { fields, link }));
    }

    pub(super) fn define_enum(&mut self, head: &Head<'_>, body: &EnumBody) {
        self.defines(Definition::Type(head.id));
        let members = body.members.iter().filter_map(|member| {
            Some(Member {
                name: member.name.name.clone(),
                docs: member.docs.clone(),
                value: self.member_value(&member.name)?,
            })
        });
        let members = members.collect();
        self.fill(head, TypeKind::Enum(Enum { members }));
    }

    pub(super) fn define_union(&mut self, head: &Head<'_>, body: &ast::UnionBody) {
        self.defines(Definition::Type(head.id));
        if let Some(kind) = self.union(body, &head.name.name) {
            self.fill(head, kind);
        }
    }

    /// The value of an enumerator: 32 bits with a sign.
    fn member_value(&mut self, name: &Ident) -> Option<i32> {
        let Some(Symbol::Number(index)) = self.symbols.symbol(self.file, &name.name) else {
            return None;
        };
        let value = match self.values.get(index)? {
            Value::Number(value) => *value,
            Value::Text(_) => {
                let message = format!("`{}` is made of a text", name.name);
                self.diagnostics.push(Diagnostic::error(name.span, message));
                return None;
            }
        };
        if let Ok(value) = i32::try_from(value) {
            return Some(value);
        }
        if let Ok(unsigned) = u32::try_from(value) {
            let wrapped = unsigned.cast_signed();
            let message = format!(
                "`{}` is {value}, which an enum of 32 bits has as {wrapped}",
                name.name
            );
            self.diagnostics
                .push(Diagnostic::warning(name.span, message));
            return Some(wrapped);
        }
        let message = format!(
            "`{}` is {value}, which an enum of 32 bits cannot be",
            name.name
        );
        self.diagnostics.push(Diagnostic::error(name.span, message));
        None
    }

    /// Reports the names that stand twice.
    pub(super) fn unique<'n>(&mut self, names: impl Iterator<Item = &'n Ident>, what: &str) {
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for name in names {
            if let Some(first) = seen.insert(&name.name, name.span) {
                let message = format!("{what} `{}` stands twice", name.name);
                let diagnostic = Diagnostic::error(name.span, message).cause(first, "first here");
                self.diagnostics.push(diagnostic);
            }
        }
    }

    /// The value of an enumerator of `file`.
    pub(super) fn value_of(&self, file: usize, name: &str) -> Option<i128> {
        match self.symbols.symbol(file, name) {
            Some(Symbol::Number(index)) => match self.values.get(index) {
                Some(Value::Number(value)) => Some(*value),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn number(&mut self, expr: &Expr) -> Option<i128> {
        self.values
            .number(expr, self.file, self.symbols, self.diagnostics)
    }
}

/// The comments of a declaration that its item does not have as well.
fn trailing(declaration: &Docs, item: &Docs) -> Vec<String> {
    let new = |comment: &&String| !item.comments.contains(comment);
    declaration.comments.iter().filter(new).cloned().collect()
}
