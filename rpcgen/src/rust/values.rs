//! Values that there are of a type, for examples.

use crate::ir::{Builtin, Type, TypeId, TypeKind};
use crate::options::Lists;

use super::File;
use super::scope::Scope;

impl File<'_> {
    /// An expression for a value of a type: the default one, or the first that can be made.
    pub(super) fn value(&self, ty: &Type, scope: &Scope<'_>) -> String {
        self.made(ty, scope, &mut Vec::new())
            .unwrap_or_else(|| DEFAULT.to_owned())
    }

    /// `None` if every value holds one of the types in `within`.
    pub(super) fn made(
        &self,
        ty: &Type,
        scope: &Scope<'_>,
        within: &mut Vec<TypeId>,
    ) -> Option<String> {
        Some(match ty {
            Type::Builtin(Builtin::Bool) => "false".to_owned(),
            Type::Builtin(Builtin::Float | Builtin::Double) => "0.0".to_owned(),
            Type::Builtin(Builtin::Quadruple) => DEFAULT.to_owned(),
            Type::Builtin(_) => "0".to_owned(),
            Type::Named(id) => return self.made_of(*id, scope, within),
            Type::OpaqueFixed(size) => format!("[0; {}]", self.as_usize(size, scope)),
            Type::Fixed(element, size) => {
                let value = self.made(element, scope, within)?;
                match self.unit.behind(element) {
                    Type::Builtin(_) => format!("[{value}; {}]", self.as_usize(size, scope)),
                    _ => format!("std::array::from_fn(|_| {value})"),
                }
            }
            Type::Boxed(inner) => format!("Box::new({})", self.made(inner, scope, within)?),
            Type::Optional(_) => "None".to_owned(),
            // Of what comes from outside nothing is known; that it has a default is the best guess.
            Type::Opaque(_) | Type::Text(_) | Type::Array(..) | Type::List(_) | Type::Extern(_) => {
                DEFAULT.to_owned()
            }
        })
    }

    fn made_of(&self, id: TypeId, scope: &Scope<'_>, within: &mut Vec<TypeId>) -> Option<String> {
        let def = self.unit.ty(id);
        let name = self.name(id, scope);
        if let Type::Builtin(_) = self.unit.behind(&Type::Named(id)) {
            return self.made(self.unit.behind(&Type::Named(id)), scope, within);
        }
        if self.has_default(id) {
            return Some(format!("{name}::default()"));
        }
        if within.contains(&id) {
            return None;
        }
        within.push(id);
        let made = match &def.kind {
            TypeKind::Alias(ty) => self.made(ty, scope, within),
            TypeKind::Enum(_) => {
                let member = self.names.members(id).first()?;
                Some(format!("{name}::{member}"))
            }
            TypeKind::Struct(kind) => {
                let link = kind.link.as_deref();
                let link = link.filter(|_| self.options.lists == Lists::Box);
                let names = self.names.fields(&kind.fields, link);
                let fields = names.iter().zip(&kind.fields).map(|(field, of)| {
                    Some(format!("{field}: {}", self.made(&of.ty, scope, within)?))
                });
                let held: Option<Vec<_>> = fields.collect();
                held.map(|mut held| {
                    // The link has a name, but is no field of its own.
                    held.extend(
                        names[held.len()..]
                            .iter()
                            .map(|link| format!("{link}: None")),
                    );
                    format!("{name} {{ {} }}", held.join(", "))
                })
            }
            TypeKind::Union(kind) => self.made_union(kind, &name, scope, within),
        };
        within.pop();
        made
    }
}

const DEFAULT: &str = "Default::default()";
