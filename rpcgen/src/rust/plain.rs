//! Which types are plain: any bytes are a value of them, and always as many. They are coded by way of an array.

use crate::ir::{Builtin, Struct, Type, TypeId, TypeKind, Unit};
use crate::options::{Enums, Options};

/// The types of this file that are plain, by [`TypeId`], given all types in an order in which the parts of others come first. What
/// another file defines may have been generated in another way.
pub(super) fn plain(
    unit: &Unit,
    groups: &[Vec<TypeId>],
    file: usize,
    options: &Options,
) -> Vec<bool> {
    let mut all = vec![false; unit.types.len()];
    for id in groups.iter().flatten() {
        let def = unit.ty(*id);
        all[id.0] = def.file == file
            && match &def.kind {
                TypeKind::Alias(ty) => is_plain(ty, &all),
                TypeKind::Enum(_) => options.enums == Enums::Open,
                TypeKind::Struct(def) => is_plain_struct(def, &all),
                TypeKind::Union(_) => false,
            };
    }
    all
}

fn is_plain(ty: &Type, all: &[bool]) -> bool {
    use Builtin::{Double, Float, Hyper, Int, UnsignedHyper, UnsignedInt};
    match ty {
        Type::Builtin(builtin) => {
            matches!(
                builtin,
                Int | UnsignedInt | Hyper | UnsignedHyper | Float | Double
            )
        }
        Type::Named(id) => all[id.0],
        _ => false,
    }
}

fn is_plain_struct(def: &Struct, all: &[bool]) -> bool {
    let plain = def.fields.iter().all(|field| is_plain(&field.ty, all));
    plain && def.link.is_none() && !def.fields.is_empty()
}
