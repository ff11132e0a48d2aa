//! Types where they are used: bound to their definitions, in their shapes and within their bounds.

use crate::ast::{self, Declaration, Expr, Ident, Shape};
use crate::diagnostic::Diagnostic;
use crate::source::Span;

use super::definition::one_line;
use super::lower::{Head, Lower};
use super::symbols::Symbol;
use super::{Docs, Field, Size, Type, TypeId};

impl Lower<'_> {
    /// A field of the struct or an arm of the union `parent`.
    pub(super) fn field(&mut self, declaration: &Declaration, parent: &str) -> Option<Field> {
        let name = &declaration.name.name;
        let ty = self.shaped(
            &declaration.ty,
            &declaration.shape,
            &format!("{parent}_{name}"),
        )?;
        Some(Field {
            ty: self.bounded_by_user(ty, &format!("{parent}.{name}")),
            name: declaration.name.name.clone(),
            docs: declaration.docs.clone(),
            definition: one_line(self.sources.slice(declaration.span)),
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

    /// `wanted`, or that with a number if a file uses it.
    fn free_name(&mut self, wanted: &str) -> String {
        let taken = |name: &String| {
            self.symbols.symbol(self.file, name).is_some() || self.names.contains_key(name)
        };
        let mut name = wanted.to_owned();
        let mut number = self.names.get(wanted).copied().unwrap_or(1);
        while taken(&name) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        self.names.insert(wanted.to_owned(), number);
        self.names.entry(name.clone()).or_insert(1);
        name
    }

    /// The type with the bound that the user gives it, if it has none of its own.
    pub(super) fn bounded_by_user(&mut self, ty: Type, place: &str) -> Type {
        let Some((place, &value)) = self.reading.bounds.get_key_value(place) else {
            return ty;
        };
        let constant = None;
        let size = Size { value, constant };
        let bounded = match ty {
            Type::Opaque(size) if size.value == u32::MAX => Type::Opaque,
            Type::Text(size) if size.value == u32::MAX => Type::Text,
            Type::Array(element, old) if old.value == u32::MAX => {
                self.bounded.insert(place);
                return Type::Array(element, size);
            }
            other => return other,
        };
        self.bounded.insert(place);
        bounded(size)
    }

    /// Reports bounds that nothing was there for.
    pub(super) fn unused_bounds(&mut self) {
        let bounds = self.reading.bounds.keys();
        for place in bounds.filter(|place| !self.bounded.contains(place.as_str())) {
            let message = format!("nothing without a bound is called `{place}`");
            let help = "a bound is for `type.field` as the file has them, or for a typedef";
            self.diagnostics
                .push(Diagnostic::error(Span::NOWHERE, message).help(help));
        }
    }

    pub(super) fn named(&mut self, name: &str, span: Span) -> Option<Type> {
        if let Some(Symbol::Type(index)) = self.symbols.symbol(self.file, name) {
            return Some(Type::Named(TypeId(index)));
        }
        let message = match self.symbols.symbol(self.file, name) {
            Some(_) => format!("`{name}` is a constant, not a type"),
            None => {
                if let Some(outside) = self.symbols.outside(name) {
                    return Some(outside);
                }
                if self.symbols.is_lost(name) {
                    return None;
                }
                format!("there is no type `{name}`")
            }
        };
        let help = match self.symbols.like(name, true, self.diagnostics.len()) {
            Some(like) => format!("there is one named `{like}`"),
            None => format!(
                "if another .x file defines it, give that, too; if Rust does, --extern-type {name}=PATH"
            ),
        };
        self.diagnostics
            .push(Diagnostic::error(span, message).help(help));
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
            ast::ExprKind::Name(name) => {
                let file = self.symbols.constant(self.file, name);
                file.map(|file| (file, name.clone()))
            }
            _ => None,
        };
        Some(Size { value, constant })
    }
}
