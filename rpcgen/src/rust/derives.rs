//! Which traits can be derived for which types.

use crate::ir::{Builtin, DiscriminantKind, Type, TypeDef, TypeId, TypeKind, Unit};

/// What can be derived for a type, beside `Clone`, `Debug` and `PartialEq`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Derives {
    /// `Eq` and `Hash`: not where there is a float.
    pub(super) eq: bool,
    /// `Default`.
    pub(super) default: bool,
    /// About how many bytes of memory a value takes, if it owns nothing else.
    size: Option<u32>,
}

impl Derives {
    /// `Copy`: what owns nothing and is not too large to be copied unawares.
    pub(super) fn copy(&self) -> bool {
        self.size.is_some_and(|size| size <= MAX_COPY)
    }

    fn of_number(size: u32) -> Self {
        Self {
            eq: true,
            default: true,
            size: Some(size),
        }
    }

    const OWNER: Self = Self {
        eq: true,
        default: true,
        size: None,
    };
}

/// The derives of all types of a unit, by [`TypeId`].
pub(super) fn derives(unit: &Unit) -> Vec<Derives> {
    // What a type leads back to is in a box or a vector: it owns, and has a default.
    let mut all = vec![Derives::OWNER; unit.types.len()];
    for group in unit.groups() {
        for id in &group {
            let derives = of_def(unit.ty(*id), &all);
            all[id.0] = derives;
        }
        let eq = group.iter().all(|id| all[id.0].eq);
        for id in group {
            all[id.0].eq = eq;
        }
    }
    all
}

fn of_def(def: &TypeDef, all: &[Derives]) -> Derives {
    match &def.kind {
        TypeKind::Alias(ty) => of(ty, all),
        TypeKind::Enum(def) => Derives {
            default: def.members.iter().any(|member| member.value == 0),
            ..Derives::of_number(8)
        },
        TypeKind::Struct(def) => {
            let fields = def.fields.iter().map(|field| of(&field.ty, all));
            fields.fold(Derives::of_number(0), |all, one| Derives {
                eq: all.eq && one.eq,
                default: all.default && one.default,
                size: all
                    .size
                    .zip(one.size)
                    .map(|(all, one)| all.saturating_add(one)),
            })
        }
        TypeKind::Union(def) => {
            let held = def.fields().map(|field| of(&field.ty, all));
            let largest = held.fold(Derives::of_number(0), |all, one| Derives {
                eq: all.eq && one.eq,
                default: false,
                size: all.size.zip(one.size).map(|(all, one)| all.max(one)),
            });
            let discriminant = match def.discriminant.kind {
                DiscriminantKind::Enum(_) => 12,
                _ => 8,
            };
            Derives {
                default: false,
                size: largest.size.map(|size| size.saturating_add(discriminant)),
                ..largest
            }
        }
    }
}

/// The derives of a type where it is used.
pub(super) fn of(ty: &Type, all: &[Derives]) -> Derives {
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
                size: element.size.map(|bytes| bytes.saturating_mul(size.value)),
                ..element
            }
        }
        Type::Optional(inner) => {
            let inner = of(inner, all);
            Derives {
                default: true,
                size: inner.size.map(|size| size.saturating_add(8)),
                ..inner
            }
        }
        Type::Opaque(_) | Type::Text(_) => Derives::OWNER,
        Type::Extern(_) => Derives {
            eq: false,
            default: false,
            size: None,
        },
        Type::Array(element, _) | Type::Boxed(element) => Derives {
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
