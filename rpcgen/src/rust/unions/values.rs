//! Values that there are of a union, for examples.

use crate::ir::{Discriminant, DiscriminantKind, TypeId, TypeKind, Union};
use crate::rust::File;
use crate::rust::scope::Scope;

use super::Parts;

impl File<'_> {
    /// The first variant that can be made without a type of `within`.
    pub(in crate::rust) fn made_union(
        &self,
        kind: &Union,
        name: &str,
        scope: &Scope<'_>,
        within: &mut Vec<TypeId>,
    ) -> Option<String> {
        let parts = self.parts(kind);
        for variant in &parts.variants {
            let made = match variant.field {
                None => Some(format!("{name}::{}", variant.name)),
                Some(field) => {
                    let value = self.made(&field.ty, scope, within);
                    value.map(|value| format!("{name}::{}({value})", variant.name))
                }
            };
            if made.is_some() {
                return made;
            }
        }
        let other = self.unlisted(&kind.discriminant, &parts, scope)?;
        match &parts.default.as_ref()?.held {
            None => Some(format!("{name}::Default({other})")),
            Some((own, field, of)) => {
                let value = self.made(&of.ty, scope, within)?;
                Some(format!(
                    "{name}::Default {{ {own}: {other}, {field}: {value} }}"
                ))
            }
        }
    }

    /// A discriminant that has no arm of its own.
    fn unlisted(
        &self,
        discriminant: &Discriminant,
        parts: &Parts<'_>,
        scope: &Scope<'_>,
    ) -> Option<String> {
        let is_free = |value: i64| {
            parts
                .variants
                .iter()
                .all(|variant| variant.label.value != value)
        };
        match discriminant.kind {
            DiscriminantKind::Bool => (0..=1)
                .find(|value| is_free(*value))
                .map(|value| (value != 0).to_string()),
            DiscriminantKind::Number(_) => (0..)
                .find(|value| is_free(*value))
                .map(|value| value.to_string()),
            DiscriminantKind::Enum(id) => {
                let TypeKind::Enum(def) = &self.unit.ty(id).kind else {
                    return None;
                };
                let values = def.members.iter().map(|member| i64::from(member.value));
                let value = values.into_iter().find(|value| is_free(*value))?;
                let member = self.names.member(id, value);
                Some(format!("{}::{member}", self.name(id, scope)))
            }
        }
    }
}
