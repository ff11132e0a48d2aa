//! Items to definitions, with their names bound.

use std::collections::HashMap;

use crate::ast::{self, Declaration, EnumBody, Expr, Ident, Item, ItemKind, Shape, StructBody};
use crate::diagnostic::Diagnostic;
use crate::source::{Source, Span};

use super::definition::{one_line, tidy};
use super::eval::Values;
use super::symbols::{Symbol, Symbols, names_itself};
use super::{
    Builtin, Constant, Definition, Docs, Enum, Field, Member, Size, Struct, Type, TypeDef, TypeId,
    TypeKind, Unit, UnitFile, Value,
};

/// Lowers all items; what is wrong with them is reported and left out.
pub(super) fn lower(
    items: &[Item],
    source: &Source,
    symbols: &Symbols<'_>,
    values: &Values,
    diagnostics: &mut Vec<Diagnostic>,
) -> Unit {
    let mut lower = Lower {
        source,
        symbols,
        values,
        diagnostics,
        types: (0..symbols.types).map(|_| None).collect(),
        order: Vec::new(),
        file: 0,
        constants: Vec::new(),
    };
    let mut programs = Vec::new();
    for item in items {
        match &item.kind {
            ItemKind::Program(program) => {
                if let Some(program) = lower.program(program, &item.docs) {
                    lower.order.push(Definition::Program(programs.len()));
                    programs.push(program);
                }
            }
            _ => lower.item(item),
        }
    }
    // A slot stays empty only after an error.
    Unit {
        files: vec![UnitFile {
            name: source
                .name()
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
            order: lower.order,
            trailing: Vec::new(),
        }],
        constants: lower.constants,
        types: lower.types.into_iter().flatten().collect(),
        programs,
    }
}

/// What lowering knows and what it has made so far.
pub(super) struct Lower<'a> {
    pub(super) source: &'a Source,
    pub(super) symbols: &'a Symbols<'a>,
    pub(super) values: &'a Values,
    pub(super) diagnostics: &'a mut Vec<Diagnostic>,
    types: Vec<Option<TypeDef>>,
    order: Vec<Definition>,
    /// The file that is lowered.
    file: usize,
    constants: Vec<Constant>,
}

/// What a type that is about to be defined is called, and where that stands.
struct Head<'a> {
    id: TypeId,
    name: &'a Ident,
    docs: &'a Docs,
    definition: Span,
}

impl Lower<'_> {
    fn item(&mut self, item: &Item) {
        match &item.kind {
            ItemKind::Constant(name, _) => {
                let Some(Symbol::Number(index)) = self.symbols.symbol(&name.name) else {
                    return;
                };
                if let Some(value) = self.values.get(index) {
                    self.constant(name, item.docs.clone(), item.span, value.clone());
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
                        self.constant(&member.name, member.docs.clone(), member.name.span, value);
                    }
                }
            }
            ItemKind::Forward(name) => {
                self.named(&name.name, name.span);
            }
            ItemKind::Program(_) => {}
        }
    }

    fn constant(&mut self, name: &Ident, docs: Docs, span: Span, value: Value) {
        self.order.push(Definition::Constant(self.constants.len()));
        self.constants.push(Constant {
            file: self.file,
            name: name.name.clone(),
            docs,
            definition: tidy(self.source.slice(span)),
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
                self.order.push(Definition::Type(head.id));
                let parent = format!("{}_element", declaration.name.name);
                let ty = self.shaped(&declaration.ty, &declaration.shape, &parent);
                if let Some(ty) = ty {
                    self.fill(&head, TypeKind::Alias(ty));
                }
            }
        }
    }

    /// The head of a type that the symbols know by its name.
    fn head<'h>(&mut self, name: &'h Ident, docs: &'h Docs, definition: Span) -> Head<'h> {
        let id = match self.symbols.symbol(&name.name) {
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

    fn new_slot(&mut self) -> TypeId {
        self.types.push(None);
        TypeId(self.types.len() - 1)
    }

    fn fill(&mut self, head: &Head<'_>, kind: TypeKind) {
        self.types[head.id.0] = Some(TypeDef {
            file: self.file,
            name: head.name.name.clone(),
            docs: head.docs.clone(),
            definition: tidy(self.source.slice(head.definition)),
            span: head.name.span,
            kind,
            min_len: 0,
            fixed_len: false,
        });
    }

    fn define_struct(&mut self, head: &Head<'_>, body: &StructBody) {
        self.order.push(Definition::Type(head.id));
        self.unique(body.fields.iter().map(|field| &field.name), "field");
        let fields = body.fields.iter();
        let fields = fields.filter_map(|field| self.field(field, &head.name.name));
        let fields = fields.collect();
        let link = None;
        self.fill(head, TypeKind::Struct(Struct { fields, link }));
    }

    fn define_enum(&mut self, head: &Head<'_>, body: &EnumBody) {
        self.order.push(Definition::Type(head.id));
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

    fn define_union(&mut self, head: &Head<'_>, body: &ast::UnionBody) {
        self.order.push(Definition::Type(head.id));
        if let Some(kind) = self.union(body, &head.name.name) {
            self.fill(head, kind);
        }
    }

    /// The value of an enumerator: 32 bits with a sign.
    fn member_value(&mut self, name: &Ident) -> Option<i32> {
        let Some(Symbol::Number(index)) = self.symbols.symbol(&name.name) else {
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

    /// A field of the struct or an arm of the union `parent`.
    pub(super) fn field(&mut self, declaration: &Declaration, parent: &str) -> Option<Field> {
        let inline = format!("{parent}_{}", declaration.name.name);
        Some(Field {
            ty: self.shaped(&declaration.ty, &declaration.shape, &inline)?,
            name: declaration.name.name.clone(),
            docs: declaration.docs.clone(),
            definition: one_line(self.source.slice(declaration.span)),
            nested: false,
        })
    }

    /// A type in its shape; `inline` is the name of a body that has none of its own.
    pub(super) fn shaped(&mut self, ty: &ast::Type, shape: &Shape, inline: &str) -> Option<Type> {
        match (&ty.kind, shape) {
            (ast::TypeKind::Opaque, Shape::Fixed(size)) => {
                Some(Type::OpaqueFixed(self.size(size)?))
            }
            (ast::TypeKind::Opaque, Shape::Variable(bound)) => {
                Some(Type::Opaque(self.bound(bound.as_ref())?))
            }
            (ast::TypeKind::String, Shape::Variable(bound)) => {
                Some(Type::Text(self.bound(bound.as_ref())?))
            }
            (ast::TypeKind::String, _) => Some(Type::Text(self.bound(None)?)),
            (_, Shape::Plain) => self.ty(ty, inline),
            (_, Shape::Optional) => Some(Type::Optional(Box::new(self.ty(ty, inline)?))),
            (_, Shape::Fixed(size)) => {
                let (element, size) = (self.ty(ty, inline), self.size(size));
                Some(Type::Fixed(Box::new(element?), size?))
            }
            (_, Shape::Variable(bound)) => {
                let (element, bound) = (self.ty(ty, inline), self.bound(bound.as_ref()));
                Some(Type::Array(Box::new(element?), bound?))
            }
        }
    }

    fn ty(&mut self, ty: &ast::Type, inline: &str) -> Option<Type> {
        let (name, docs) = match &ty.kind {
            ast::TypeKind::Builtin(builtin) => return Some(Type::Builtin(*builtin)),
            ast::TypeKind::Named(name) => return self.named(name, ty.span),
            // The parser wants a length behind these.
            ast::TypeKind::Opaque | ast::TypeKind::String => return None,
            ast::TypeKind::Struct(name, _)
            | ast::TypeKind::Union(name, _)
            | ast::TypeKind::Enum(name, _) => (name.clone(), Docs::default()),
        };
        let head = match &name {
            Some(name) => self.head(name, &docs, ty.span),
            None => {
                let id = self.new_slot();
                let span = ty.span;
                let name = self.free_name(inline);
                let name = Ident { name, span };
                return self.body(ty, id, &name, &docs);
            }
        };
        let id = head.id;
        self.body(ty, id, name.as_ref()?, &docs)
    }

    /// Defines the type of a body that stands where it is used.
    fn body(&mut self, ty: &ast::Type, id: TypeId, name: &Ident, docs: &Docs) -> Option<Type> {
        let head = Head {
            id,
            name,
            docs,
            definition: ty.span,
        };
        match &ty.kind {
            ast::TypeKind::Struct(_, body) => self.define_struct(&head, body),
            ast::TypeKind::Union(_, body) => self.define_union(&head, body),
            ast::TypeKind::Enum(_, body) => self.define_enum(&head, body),
            _ => return None,
        }
        Some(Type::Named(id))
    }

    /// `wanted`, or that with a number if the file uses it.
    fn free_name(&self, wanted: &str) -> String {
        let taken = |name: &str| {
            self.symbols.symbol(name).is_some()
                || self.types.iter().flatten().any(|def| def.name == name)
        };
        let numbered = (2..).map(|number| format!("{wanted}_{number}"));
        let mut names = std::iter::once(wanted.to_owned()).chain(numbered);
        names.find(|name| !taken(name)).unwrap_or_default()
    }

    fn named(&mut self, name: &str, span: Span) -> Option<Type> {
        if let Some(Symbol::Type(index)) = self.symbols.symbol(name) {
            return Some(Type::Named(TypeId(index)));
        }
        let message = match self.symbols.symbol(name) {
            Some(_) => format!("`{name}` is a constant, not a type"),
            None => {
                if let Some(known) = well_known(name) {
                    return Some(known);
                }
                format!("there is no type `{name}`")
            }
        };
        let mut diagnostic = Diagnostic::error(span, message);
        if let Some(like) = self.symbols.like(name, true, self.diagnostics.len()) {
            diagnostic = diagnostic.help(format!("there is one named `{like}`"));
        }
        self.diagnostics.push(diagnostic);
        None
    }

    /// The bound of something of variable length.
    fn bound(&mut self, bound: Option<&Expr>) -> Option<Size> {
        match bound {
            Some(bound) => self.size(bound),
            None => Some(Size {
                value: u32::MAX,
                constant: None,
            }),
        }
    }

    fn size(&mut self, size: &Expr) -> Option<Size> {
        let value = self.number(size)?;
        let Ok(value) = u32::try_from(value) else {
            let message = format!("a length cannot be {value}");
            let diagnostic = Diagnostic::error(size.span, message);
            let help = format!("lengths go from 0 to {}", u32::MAX);
            self.diagnostics.push(diagnostic.help(help));
            return None;
        };
        let constant = match &size.kind {
            ast::ExprKind::Name(name) if self.is_constant(name) => Some((self.file, name.clone())),
            _ => None,
        };
        Some(Size { value, constant })
    }

    /// Whether `name` is a constant by a `const` or by an enum without a name.
    fn is_constant(&self, name: &str) -> bool {
        self.symbols.is_constant(name)
    }

    /// The type that `name` names.
    pub(super) fn type_id(&self, name: &str) -> Option<TypeId> {
        match self.symbols.symbol(name) {
            Some(Symbol::Type(index)) => Some(TypeId(index)),
            _ => None,
        }
    }

    /// The number that `name` names.
    pub(super) fn value_of(&self, name: &str) -> Option<i128> {
        match self.symbols.symbol(name) {
            Some(Symbol::Number(index)) => match self.values.get(index) {
                Some(Value::Number(value)) => Some(*value),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn number(&mut self, expr: &Expr) -> Option<i128> {
        self.values.number(expr, self.symbols, self.diagnostics)
    }
}

/// The comments of a declaration that its item does not have as well.
fn trailing(declaration: &Docs, item: &Docs) -> Vec<String> {
    let new = |comment: &&String| !item.comments.contains(comment);
    declaration.comments.iter().filter(new).cloned().collect()
}

/// Types that C files use without defining them, because the headers of libtirpc do.
pub(super) fn well_known(name: &str) -> Option<Type> {
    let builtin = match name {
        "bool_t" | "boolean_t" => Builtin::Bool,
        "enum_t" | "int32_t" | "int32" => Builtin::Int,
        "u_int" | "u_long" | "uint32_t" | "u_int32_t" | "uint32" | "rpcprog_t" | "rpcvers_t"
        | "rpcproc_t" | "rpcport_t" => Builtin::UnsignedInt,
        "quad_t" | "int64_t" | "longlong_t" => Builtin::Hyper,
        "u_quad_t" | "uint64_t" | "u_int64_t" | "u_longlong_t" => Builtin::UnsignedHyper,
        "int16_t" => Builtin::Short,
        "u_short" | "uint16_t" | "u_int16_t" => Builtin::UnsignedShort,
        "int8_t" => Builtin::Char,
        "u_char" | "uint8_t" | "u_int8_t" => Builtin::UnsignedChar,
        "netobj" => {
            return Some(Type::Opaque(Size {
                value: MAX_NETOBJ,
                constant: None,
            }));
        }
        _ => return None,
    };
    Some(Type::Builtin(builtin))
}

/// Longest `netobj` in bytes: `MAX_NETOBJ_SZ` of libtirpc's `rpc/xdr.h`.
const MAX_NETOBJ: u32 = 1024;
