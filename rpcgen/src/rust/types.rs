//! How a value of a type is held in Rust, and how it stands on the wire.

use crate::ir::{Builtin, Field, Size, Type, TypeId, TypeKind};
use crate::options::{Lists, Opaque, Strings};

use super::File;
use super::scope::Scope;

impl File<'_> {
    /// The Rust type of a value.
    pub(super) fn rust_type(&self, ty: &Type, scope: &Scope<'_>) -> String {
        match ty {
            Type::Builtin(Builtin::Quadruple) => scope.xdr("Quadruple"),
            Type::Builtin(builtin) => number_type(*builtin).to_owned(),
            Type::Named(id) => self.name(*id, scope),
            Type::Extern(path) => scope.foreign(path),
            Type::OpaqueFixed(size) => format!("[u8; {}]", self.as_usize(size, scope)),
            Type::Opaque(_) => match self.options.opaque {
                Opaque::Bytes => scope.xdr("Bytes"),
                Opaque::Vec => format!("{}<u8>", scope.prelude("Vec")),
            },
            Type::Text(_) => match self.options.strings {
                Strings::Xdr => scope.xdr("XdrString"),
                Strings::Utf8 => scope.prelude("String"),
                Strings::Bytes => scope.xdr("Bytes"),
            },
            Type::Fixed(element, size) => {
                let element = self.rust_type(element, scope);
                format!("[{element}; {}]", self.as_usize(size, scope))
            }
            Type::Array(element, _) => {
                let element = self.rust_type(element, scope);
                format!("{}<{element}>", scope.prelude("Vec"))
            }
            Type::Optional(inner) => {
                let inner = self.rust_type(inner, scope);
                format!("{}<{inner}>", scope.prelude("Option"))
            }
            Type::Boxed(inner) => {
                let inner = self.rust_type(inner, scope);
                format!("{}<{inner}>", scope.prelude("Box"))
            }
            Type::List(id) => {
                let node = self.name(*id, scope);
                match self.options.lists {
                    Lists::Vec => format!("{}<{node}>", scope.prelude("Vec")),
                    Lists::Box => {
                        let (option, boxed) = (scope.prelude("Option"), scope.prelude("Box"));
                        format!("{option}<{boxed}<{node}>>")
                    }
                }
            }
        }
    }

    /// The name of a type.
    pub(super) fn name(&self, id: TypeId, scope: &Scope<'_>) -> String {
        scope.item(
            self.elsewhere(self.unit.ty(id).file),
            &self.names.types[id.0],
        )
    }

    /// The module of `file`, if that is another one.
    fn elsewhere(&self, file: usize) -> Option<&str> {
        (file != self.file).then(|| &self.names.modules[file][..])
    }

    /// The shape of a field on the wire.
    pub(super) fn field_shape(&self, field: &Field, scope: &Scope<'_>) -> String {
        let shape = self.shape(&field.ty, scope);
        match field.nested {
            true => format!("{}::Nested<{shape}>", scope.xdr("wire")),
            false => shape,
        }
    }

    /// The shape of a value on the wire, as a type: the Rust type if that codes itself.
    pub(super) fn shape(&self, ty: &Type, scope: &Scope<'_>) -> String {
        if self.codes_itself(ty) {
            return self.rust_type(ty, scope);
        }
        if let Type::Named(_) = ty {
            return self.shape(self.unit.behind(ty), scope);
        }
        let wire = scope.xdr("wire");
        match ty {
            Type::Opaque(max) => {
                let shape = match self.options.opaque {
                    Opaque::Bytes => "Opaque",
                    Opaque::Vec => "OpaqueVec",
                };
                format!("{wire}::{shape}<{}>", self.bound(max, scope))
            }
            Type::Text(max) => {
                let shape = match self.options.strings {
                    Strings::Xdr => "Text",
                    Strings::Utf8 => "Utf8",
                    Strings::Bytes => "Opaque",
                };
                format!("{wire}::{shape}<{}>", self.bound(max, scope))
            }
            Type::Fixed(element, size) => {
                let (element, size) = (self.shape(element, scope), self.count(size, scope));
                format!("{wire}::Fixed<{element}, {size}>")
            }
            Type::Array(element, max) => {
                let (element, max) = (self.shape(element, scope), self.bound(max, scope));
                format!("{wire}::Array<{element}, {max}>")
            }
            Type::Optional(inner) => format!("{wire}::Optional<{}>", self.shape(inner, scope)),
            Type::Boxed(inner) => format!("{wire}::Boxed<{}>", self.shape(inner, scope)),
            Type::List(id) => {
                let node = self.name(*id, scope);
                match self.options.lists {
                    Lists::Vec => format!("{wire}::List<{node}>"),
                    Lists::Box => format!("{wire}::Optional<{wire}::Boxed<{node}>>"),
                }
            }
            Type::Builtin(_) | Type::Named(_) | Type::Extern(_) | Type::OpaqueFixed(_) => {
                self.rust_type(ty, scope)
            }
        }
    }

    /// Whether the Rust type alone says what is on the wire, bounds included.
    fn codes_itself(&self, ty: &Type) -> bool {
        match ty {
            Type::Builtin(_) | Type::Extern(_) | Type::OpaqueFixed(_) => true,
            Type::Named(id) => match &self.unit.ty(*id).kind {
                TypeKind::Alias(ty) => self.codes_itself(ty),
                _ => true,
            },
            Type::Opaque(max) => max.value == u32::MAX && self.options.opaque == Opaque::Bytes,
            Type::Text(max) => max.value == u32::MAX && self.options.strings != Strings::Utf8,
            Type::Array(element, max) => max.value == u32::MAX && self.codes_itself(element),
            Type::Optional(inner) => self.codes_itself(inner),
            Type::Fixed(element, _) => is_word(self.unit.behind(element)),
            Type::Boxed(_) | Type::List(_) => false,
        }
    }

    /// A bound as an argument for a constant parameter of type `u32`.
    fn bound(&self, size: &Size, scope: &Scope<'_>) -> String {
        match self.constant(size, scope) {
            Some(path) if path.contains("::") => format!("{{ {path} }}"),
            Some(name) => name,
            None if size.value == u32::MAX => "{ u32::MAX }".to_owned(),
            None => size.value.to_string(),
        }
    }

    /// A length as an expression of type `usize`.
    pub(super) fn as_usize(&self, size: &Size, scope: &Scope<'_>) -> String {
        match self.constant(size, scope) {
            Some(constant) => format!("{constant} as usize"),
            None => size.value.to_string(),
        }
    }

    /// A length as an argument for a constant parameter of type `usize`.
    fn count(&self, size: &Size, scope: &Scope<'_>) -> String {
        match self.constant(size, scope) {
            Some(constant) => format!("{{ {constant} as usize }}"),
            None => size.value.to_string(),
        }
    }

    /// The constant that a length is written as.
    fn constant(&self, size: &Size, scope: &Scope<'_>) -> Option<String> {
        let (file, name) = size.constant.as_ref()?;
        let name = self.names.constant(*file, name)?;
        Some(scope.item(self.elsewhere(*file), name))
    }
}

/// A number of 4 or 8 bytes on the wire and in memory, arrays of which are coded in bulk.
fn is_word(ty: &Type) -> bool {
    use Builtin::{Double, Float, Hyper, Int, UnsignedHyper, UnsignedInt};
    matches!(
        ty,
        Type::Builtin(Int | UnsignedInt | Hyper | UnsignedHyper | Float | Double)
    )
}

/// The Rust type of one of the language's own types; there is none for a quadruple.
fn number_type(builtin: Builtin) -> &'static str {
    match builtin {
        Builtin::Char => "i8",
        Builtin::UnsignedChar => "u8",
        Builtin::Short => "i16",
        Builtin::UnsignedShort => "u16",
        Builtin::Int => "i32",
        Builtin::UnsignedInt => "u32",
        Builtin::Hyper => "i64",
        Builtin::UnsignedHyper => "u64",
        Builtin::Float => "f32",
        Builtin::Double => "f64",
        Builtin::Quadruple => "Quadruple",
        Builtin::Bool => "bool",
    }
}
