//! The fewest bytes that a value of each type takes.

use crate::diagnostic::Diagnostic;

use super::{Builtin, Hold, Type, TypeDef, TypeKind, Unit, graph};

/// Measures every type, those that are parts of others first.
pub(super) fn measure(unit: &mut Unit, diagnostics: &mut Vec<Diagnostic>) {
    let by_value = |def: &TypeDef| {
        let uses = def.uses().into_iter();
        uses.filter(|(_, hold)| *hold == Hold::Value)
            .map(|(id, _)| id.0)
            .collect()
    };
    let edges: Vec<Vec<usize>> = unit.types.iter().map(by_value).collect();
    for index in graph::components(&edges).into_iter().flatten() {
        let def = &unit.types[index];
        let len = match &def.kind {
            TypeKind::Alias(ty) => unit.min_len(ty),
            TypeKind::Enum(_) => 4,
            TypeKind::Struct(def) => {
                let fields = def.fields.iter().map(|field| unit.min_len(&field.ty));
                fields.fold(0, u64::saturating_add)
            }
            TypeKind::Union(def) => {
                let arms = def.arms.iter().map(|arm| arm.field.as_ref());
                let default = def.default.iter().map(|arm| arm.field.as_ref());
                let held = arms.chain(default);
                let held = held.map(|field| field.map_or(0, |field| unit.min_len(&field.ty)));
                unit.min_len(&def.discriminant.ty) + held.min().unwrap_or(0)
            }
        };
        if len > MAX_FIXED {
            let message = format!("every `{}` takes more than {MAX_FIXED} bytes", def.name);
            let help = "make a length variable (`<n>`)";
            diagnostics.push(Diagnostic::error(def.span, message).help(help));
        }
        let fixed = unit.parts_are_fixed(def);
        unit.types[index].min_len = u32::try_from(len).unwrap_or(u32::MAX);
        unit.types[index].fixed_len = fixed;
    }
}

impl Unit {
    /// Whether all values of a type take the same number of bytes.
    pub fn is_fixed(&self, ty: &Type) -> bool {
        match ty {
            Type::Builtin(_) | Type::OpaqueFixed(_) => true,
            Type::Named(id) => self.ty(*id).fixed_len,
            Type::Fixed(element, _) | Type::Boxed(element) => self.is_fixed(element),
            _ => false,
        }
    }

    fn parts_are_fixed(&self, def: &TypeDef) -> bool {
        let parts_fixed = def.parts().into_iter().all(|part| self.is_fixed(part));
        match &def.kind {
            TypeKind::Union(def) => {
                let arms = def.arms.iter().map(|arm| arm.field.as_ref());
                let default = def.default.iter().map(|arm| arm.field.as_ref());
                let mut lens = arms
                    .chain(default)
                    .map(|field| field.map_or(0, |field| self.min_len(&field.ty)));
                let first = lens.next();
                parts_fixed && lens.all(|len| Some(len) == first)
            }
            _ => parts_fixed,
        }
    }

    /// The fewest bytes that a value takes on the wire.
    pub fn min_len(&self, ty: &Type) -> u64 {
        match ty {
            Type::Builtin(builtin) => match builtin {
                Builtin::Hyper | Builtin::UnsignedHyper | Builtin::Double => 8,
                Builtin::Quadruple => 16,
                _ => 4,
            },
            Type::Named(id) => self.ty(*id).min_len.into(),
            Type::OpaqueFixed(size) => u64::from(size.value).next_multiple_of(4),
            Type::Fixed(element, size) => self.min_len(element).saturating_mul(size.value.into()),
            Type::Boxed(inner) => self.min_len(inner),
            // It may be as much as nothing.
            Type::Extern(_) => 0,
            Type::Opaque(_)
            | Type::Text(_)
            | Type::Array(..)
            | Type::Optional(_)
            | Type::List(_) => 4,
        }
    }
}

/// Largest type of which every value takes as much, in bytes: decoding one goes by way of the stack.
const MAX_FIXED: u64 = 256 * 1024;
