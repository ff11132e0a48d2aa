//! Which traits can be derived for which types.

use crate::ir::{Builtin, DiscriminantKind, Field, Type, TypeDef, TypeId, TypeKind, Union, Unit};
use crate::options::{Enums, Options};

use super::File;

/// What can be derived for a type, beside `Clone`, `Debug` and `PartialEq`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Derives {
    /// `Eq` and `Hash`: not where there is a float.
    eq: bool,
    /// `Default`.
    default: bool,
    /// Whether a value owns something else, so that it is not `Copy`.
    owns: bool,
    /// About how many bytes of memory a value takes by itself.
    bytes: u32,
}

impl Derives {
    /// `Copy`: what owns nothing and is not too large to be copied unawares.
    fn copy(&self) -> bool {
        !self.owns && self.bytes <= MAX_COPY
    }

    const fn of_number(bytes: u32) -> Self {
        Self {
            eq: true,
            default: true,
            owns: false,
            bytes,
        }
    }

    /// A value that holds others, wherever these are.
    const OWNER: Self = Self {
        owns: true,
        ..Self::of_number(32)
    };

    /// A value that has both as parts.
    fn and(self, other: Self) -> Self {
        Self {
            bytes: self.bytes.saturating_add(other.bytes),
            ..self.or(other)
        }
    }

    /// A value that has one of both.
    fn or(self, other: Self) -> Self {
        Self {
            eq: self.eq && other.eq,
            default: self.default && other.default,
            owns: self.owns || other.owns,
            bytes: self.bytes.max(other.bytes),
        }
    }
}

impl File<'_> {
    /// The attributes that derive what holds for a type, and what the user wants.
    pub(super) fn derive(&self, id: TypeId) -> Vec<String> {
        let derives = self.derives[id.0];
        let mut traits = vec!["Clone"];
        let more = [
            (derives.copy(), &["Copy"][..]),
            (true, &["Debug"]),
            (derives.default, &["Default"]),
            (true, &["PartialEq"]),
            (derives.eq, &["Eq", "Hash"]),
        ];
        for (holds, names) in more {
            if holds {
                traits.extend(names);
            }
        }
        traits.extend(self.options.derives.iter().map(String::as_str));
        let derive = format!("#[derive({})]", traits.join(", "));
        let is_enum = matches!(self.unit.ty(id).kind, TypeKind::Enum(_));
        let serde = self.serde_derive().filter(|_| !is_enum);
        std::iter::once(derive).chain(serde).collect()
    }

    /// Whether a type has a default value.
    pub(super) fn has_default(&self, id: TypeId) -> bool {
        self.derives[id.0].default
    }

    /// Whether an arm of a union may be so large that clippy would have it in a box.
    pub(super) fn is_uneven(&self, union: &Union) -> bool {
        let bytes = |field: &Field| of(&field.ty, &self.derives).bytes;
        union.fields().any(|field| bytes(field) > MAX_UNNOTICED)
    }
}

/// The derives of all types of a unit, by [`TypeId`].
pub(super) fn derives(unit: &Unit, groups: &[Vec<TypeId>], options: &Options) -> Vec<Derives> {
    // What a type leads back to is in a box or a vector: it owns, and has a default.
    let mut all = vec![Derives::OWNER; unit.types.len()];
    for group in groups {
        for id in group {
            all[id.0] = of_def(unit.ty(*id), &all, options);
        }
        let eq = group.iter().all(|id| all[id.0].eq);
        for id in group {
            all[id.0].eq = eq;
        }
    }
    all
}

fn of_def(def: &TypeDef, all: &[Derives], options: &Options) -> Derives {
    match &def.kind {
        TypeKind::Alias(ty) => of(ty, all),
        TypeKind::Enum(def) => Derives {
            default: options.enums == Enums::Newtype
                || def.members.iter().any(|member| member.value == 0),
            ..Derives::of_number(8)
        },
        TypeKind::Struct(def) => {
            let fields = def.fields.iter().map(|field| of(&field.ty, all));
            let link = def.link.iter().map(|_| match options.lists {
                crate::options::Lists::Vec => Derives::of_number(0),
                crate::options::Lists::Box => Derives::OWNER,
            });
            fields.chain(link).fold(Derives::of_number(0), Derives::and)
        }
        TypeKind::Union(def) => {
            let held = def.fields().map(|field| of(&field.ty, all));
            let largest = held.fold(Derives::of_number(0), Derives::or);
            let discriminant = match def.discriminant.kind {
                DiscriminantKind::Enum(_) => 12,
                _ => 8,
            };
            Derives {
                default: false,
                ..largest.and(Derives::of_number(discriminant))
            }
        }
    }
}

/// The derives of a type where it is used.
fn of(ty: &Type, all: &[Derives]) -> Derives {
    match ty {
        Type::Builtin(builtin) => match builtin {
            Builtin::Bool | Builtin::Char | Builtin::UnsignedChar => Derives::of_number(1),
            Builtin::Short | Builtin::UnsignedShort => Derives::of_number(2),
            Builtin::Int | Builtin::UnsignedInt => Derives::of_number(4),
            Builtin::Hyper | Builtin::UnsignedHyper => Derives::of_number(8),
            Builtin::Quadruple => Derives::of_number(16),
            Builtin::Float | Builtin::Double => Derives {
                eq: false,
                ..Derives::of_number(8)
            },
        },
        Type::Named(TypeId(index)) => all[*index],
        // The standard library has defaults of arrays up to 32 elements.
        Type::OpaqueFixed(size) => Derives {
            default: size.value <= 32,
            ..Derives::of_number(size.value)
        },
        Type::Fixed(element, size) => {
            let element = of(element, all);
            Derives {
                default: element.default && size.value <= 32,
                bytes: element.bytes.saturating_mul(size.value),
                ..element
            }
        }
        Type::Optional(inner) => {
            let inner = of(inner, all);
            Derives {
                default: true,
                bytes: inner.bytes.saturating_add(8),
                ..inner
            }
        }
        Type::Opaque(_) | Type::Text(_) => Derives::OWNER,
        // It is `Clone`, `Debug` and `PartialEq`: no more is known of it.
        Type::Extern(_) => Derives {
            eq: false,
            default: false,
            ..Derives::OWNER
        },
        Type::Array(element, _) => Derives {
            eq: of(element, all).eq,
            ..Derives::OWNER
        },
        Type::Boxed(element) => Derives {
            default: of(element, all).default,
            eq: of(element, all).eq,
            ..Derives::OWNER
        },
        Type::List(TypeId(index)) => Derives {
            eq: all[*index].eq,
            ..Derives::OWNER
        },
    }
}

/// Largest type that is `Copy`, in bytes: a cache line.
const MAX_COPY: u32 = 64;

/// Most bytes of an arm that clippy surely lets pass; it complains from 200 on.
const MAX_UNNOTICED: u32 = 128;
