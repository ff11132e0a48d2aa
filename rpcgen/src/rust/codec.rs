//! How a value of a type is held, encoded, decoded and measured.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::ir::{Builtin, Field, Size, Type, TypeId, TypeKind};

use super::File;
use super::scope::Scope;

/// Where a value is found in the code that encodes it.
pub(super) enum Place {
    /// A field: `self.name`.
    Field(TokenStream),
    /// A variable that refers to it.
    Reference(TokenStream),
}

impl Place {
    /// What a method is called on.
    fn receiver(&self) -> &TokenStream {
        match self {
            Self::Field(place) | Self::Reference(place) => place,
        }
    }

    /// The value itself.
    fn value(&self) -> TokenStream {
        match self {
            Self::Field(place) => quote!(#place),
            Self::Reference(place) => quote!(*#place),
        }
    }

    /// A reference to the value.
    fn reference(&self) -> TokenStream {
        match self {
            Self::Field(place) => quote!(&#place),
            Self::Reference(place) => quote!(#place),
        }
    }
}

/// How many bytes a value takes on the wire.
pub(super) enum Len {
    /// Always as many.
    Fixed(u64),
    /// As an expression says.
    Expr(TokenStream),
}

impl File<'_> {
    /// The Rust type of a value.
    pub(super) fn rust_type(&self, ty: &Type, scope: &Scope) -> TokenStream {
        match ty {
            Type::Builtin(builtin) => builtin_type(*builtin, scope),
            Type::Named(id) => self.name(*id, scope),
            Type::Extern(path) => super::scope::tokens(path),
            Type::OpaqueFixed(size) => {
                let size = as_usize(size, scope);
                quote!([u8; #size])
            }
            Type::Opaque(_) => scope.xdr("Bytes"),
            Type::Text(_) => scope.xdr("XdrString"),
            Type::Fixed(element, size) => {
                let (element, size) = (self.rust_type(element, scope), as_usize(size, scope));
                quote!([#element; #size])
            }
            Type::Array(element, _) => {
                let (vec, element) = (scope.prelude("Vec"), self.rust_type(element, scope));
                quote!(#vec<#element>)
            }
            Type::Optional(inner) => {
                let (option, inner) = (scope.prelude("Option"), self.rust_type(inner, scope));
                quote!(#option<#inner>)
            }
            Type::Boxed(inner) => {
                let (boxed, inner) = (scope.prelude("Box"), self.rust_type(inner, scope));
                quote!(#boxed<#inner>)
            }
            Type::List(id) => {
                let (vec, node) = (scope.prelude("Vec"), self.name(*id, scope));
                quote!(#vec<#node>)
            }
        }
    }

    /// The name of a type.
    pub(super) fn name(&self, id: TypeId, scope: &Scope) -> TokenStream {
        scope.item(&self.names[id.0])
    }

    /// The shape of a value on the wire, as a type: the Rust type if that codes itself.
    pub(super) fn shape(&self, ty: &Type, scope: &Scope) -> TokenStream {
        if self.codes_itself(ty) {
            return self.rust_type(ty, scope);
        }
        if let Type::Named(_) = ty {
            return self.shape(self.unit.behind(ty), scope);
        }
        let wire = scope.xdr("wire");
        match ty {
            Type::Opaque(max) => {
                let max = generic(max, scope);
                quote!(#wire::Opaque<#max>)
            }
            Type::Text(max) => {
                let max = generic(max, scope);
                quote!(#wire::Text<#max>)
            }
            Type::Fixed(element, size) => {
                let (element, size) = (self.shape(element, scope), generic_usize(size, scope));
                quote!(#wire::Fixed<#element, #size>)
            }
            Type::Array(element, max) => {
                let (element, max) = (self.shape(element, scope), generic(max, scope));
                quote!(#wire::Array<#element, #max>)
            }
            Type::Optional(inner) => {
                let inner = self.shape(inner, scope);
                quote!(#wire::Optional<#inner>)
            }
            Type::Boxed(inner) => {
                let inner = self.shape(inner, scope);
                quote!(#wire::Boxed<#inner>)
            }
            Type::List(id) => {
                let node = self.name(*id, scope);
                quote!(#wire::List<#node>)
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
            Type::Opaque(max) | Type::Text(max) => max.value == u32::MAX,
            Type::Array(element, max) => max.value == u32::MAX && self.codes_itself(element),
            Type::Optional(inner) => self.codes_itself(inner),
            Type::Fixed(..) | Type::Boxed(_) | Type::List(_) => false,
        }
    }

    /// Whether the Rust type alone says how many bytes a value takes.
    fn measures_itself(&self, ty: &Type) -> bool {
        match ty {
            Type::Builtin(_)
            | Type::Extern(_)
            | Type::OpaqueFixed(_)
            | Type::Opaque(_)
            | Type::Text(_) => true,
            Type::Named(id) => match &self.unit.ty(*id).kind {
                TypeKind::Alias(ty) => self.measures_itself(ty),
                _ => true,
            },
            Type::Array(inner, _) | Type::Optional(inner) => self.measures_itself(inner),
            Type::Fixed(..) | Type::Boxed(_) | Type::List(_) => false,
        }
    }

    /// How many bytes the value at `place` takes.
    pub(super) fn len(&self, ty: &Type, place: &Place, scope: &Scope) -> Len {
        if self.unit.is_fixed(ty) {
            return Len::Fixed(self.unit.min_len(ty));
        }
        if self.measures_itself(ty) {
            let receiver = place.receiver();
            return Len::Expr(quote!(#receiver.encoded_len()));
        }
        let (shape, reference) = (self.shape(ty, scope), place.reference());
        let wire = scope.xdr("wire");
        Len::Expr(quote!(<#shape as #wire::Wire>::encoded_len(#reference)))
    }

    /// Writes the value of `field`, found at `place`: an expression that is a `Result`, or, if that cannot
    /// fail, one that is nothing.
    pub(super) fn encode(
        &self,
        field: &Field,
        place: &Place,
        scope: &Scope,
    ) -> (TokenStream, bool) {
        let ty = self.unit.behind(&field.ty);
        let (code, fallible) = self.encode_value(ty, place, scope);
        let code = match field.nested {
            true => quote!(w.nested(|w| #code)),
            false => code,
        };
        if !fallible {
            return (code, false);
        }
        if self.never_fails(ty) {
            return (code, true);
        }
        scope.methods_of("At");
        let name = &field.name;
        (quote!(#code.at(#name)), true)
    }

    /// Whether encoding gives a `Result` that is always good, so that no path is worth adding.
    fn never_fails(&self, ty: &Type) -> bool {
        match ty {
            Type::Builtin(_) => true,
            Type::Named(id) => matches!(self.unit.ty(*id).kind, TypeKind::Enum(_)),
            _ => false,
        }
    }

    fn encode_value(&self, ty: &Type, place: &Place, scope: &Scope) -> (TokenStream, bool) {
        let (receiver, value, reference) = (place.receiver(), place.value(), place.reference());
        match ty {
            Type::Builtin(Builtin::Int) => (quote!(w.i32(#value)), false),
            Type::Builtin(Builtin::UnsignedInt) => (quote!(w.u32(#value)), false),
            Type::Builtin(Builtin::Bool) => (quote!(w.bool(#value)), false),
            Type::OpaqueFixed(_) => (quote!(w.opaque_fixed(#reference)), false),
            Type::Opaque(max) => {
                let max = number(max, scope);
                (quote!(w.opaque(#reference, #max)), true)
            }
            Type::Text(max) => {
                let max = number(max, scope);
                (quote!(w.string(#reference, #max)), true)
            }
            Type::Fixed(element, size) => {
                let (element, size) = (self.shape(element, scope), generic_usize(size, scope));
                (quote!(w.array_fixed::<#element, #size>(#reference)), true)
            }
            Type::Array(element, max) => {
                let (element, max) = (self.shape(element, scope), number(max, scope));
                (quote!(w.array::<#element>(#reference, #max)), true)
            }
            Type::Optional(inner) => {
                let inner = self.shape(inner, scope);
                (quote!(w.optional::<#inner>(#receiver.as_ref())), true)
            }
            Type::List(id) => {
                let node = self.name(*id, scope);
                (quote!(w.list::<#node>(#reference)), true)
            }
            Type::Builtin(_) | Type::Named(_) | Type::Extern(_) | Type::Boxed(_) => {
                (quote!(#receiver.encode(w)), true)
            }
        }
    }

    /// Reads the value of `field`: an expression of its type.
    pub(super) fn decode(&self, field: &Field, scope: &Scope) -> TokenStream {
        let ty = self.unit.behind(&field.ty);
        let code = self.decode_value(ty, scope);
        let code = match field.nested {
            true => quote!(r.nested(|r| #code)),
            false => code,
        };
        scope.methods_of("At");
        let name = &field.name;
        quote!(#code.at(#name)?)
    }

    fn decode_value(&self, ty: &Type, scope: &Scope) -> TokenStream {
        match ty {
            Type::Builtin(Builtin::Int) => quote!(r.i32()),
            Type::Builtin(Builtin::UnsignedInt) => quote!(r.u32()),
            Type::Builtin(Builtin::Bool) => quote!(r.bool()),
            Type::OpaqueFixed(_) => quote!(r.opaque_fixed()),
            Type::Opaque(max) => {
                let max = number(max, scope);
                quote!(r.opaque(#max))
            }
            Type::Text(max) => {
                let max = number(max, scope);
                quote!(r.string(#max))
            }
            Type::Fixed(element, size) => {
                let (element, size) = (self.shape(element, scope), generic_usize(size, scope));
                quote!(r.array_fixed::<#element, #size>())
            }
            Type::Array(element, max) => {
                let (element, max) = (self.shape(element, scope), number(max, scope));
                quote!(r.array::<#element>(#max))
            }
            Type::Optional(inner) => {
                let inner = self.shape(inner, scope);
                quote!(r.optional::<#inner>())
            }
            Type::List(id) => {
                let node = self.name(*id, scope);
                quote!(r.list::<#node>())
            }
            Type::Builtin(_) | Type::Named(_) | Type::Extern(_) | Type::Boxed(_) => {
                let ty = self.rust_type(ty, scope);
                quote!(#ty::decode(r))
            }
        }
    }
}

/// The Rust type of one of the language's own types.
fn builtin_type(builtin: Builtin, scope: &Scope) -> TokenStream {
    match builtin {
        Builtin::Char => quote!(i8),
        Builtin::UnsignedChar => quote!(u8),
        Builtin::Short => quote!(i16),
        Builtin::UnsignedShort => quote!(u16),
        Builtin::Int => quote!(i32),
        Builtin::UnsignedInt => quote!(u32),
        Builtin::Hyper => quote!(i64),
        Builtin::UnsignedHyper => quote!(u64),
        Builtin::Float => quote!(f32),
        Builtin::Double => quote!(f64),
        Builtin::Quadruple => scope.xdr("Quadruple"),
        Builtin::Bool => quote!(bool),
    }
}

/// A length as an expression of type `u32`.
fn number(size: &Size, scope: &Scope) -> TokenStream {
    match &size.constant {
        Some((_, constant)) => scope.item(&super::names::screaming(constant)),
        None if size.value == u32::MAX => quote!(u32::MAX),
        None => {
            let value = Literal::u32_unsuffixed(size.value);
            quote!(#value)
        }
    }
}

/// A length as an argument for a constant parameter of type `u32`.
fn generic(size: &Size, scope: &Scope) -> TokenStream {
    let number = number(size, scope);
    match number.clone().into_iter().count() {
        1 => number,
        _ => quote!({ #number }),
    }
}

/// A length as an expression of type `usize`.
fn as_usize(size: &Size, scope: &Scope) -> TokenStream {
    match size.constant {
        Some(_) => {
            let constant = number(size, scope);
            quote!(#constant as usize)
        }
        None => {
            let value = Literal::u32_unsuffixed(size.value);
            quote!(#value)
        }
    }
}

/// A length as an argument for a constant parameter of type `usize`.
fn generic_usize(size: &Size, scope: &Scope) -> TokenStream {
    let number = as_usize(size, scope);
    match size.constant {
        Some(_) => quote!({ #number }),
        None => number,
    }
}
