//! What the variants of a union are called.

use std::collections::HashSet;

use crate::ir::{Arm, DiscriminantKind, Label, Union};
use crate::rust::{File, names};

use super::{Default, Parts, Variant};

impl File<'_> {
    /// A variant for each label, in the order of the file, and the default arm.
    pub(super) fn parts<'a>(&self, union: &'a Union) -> Parts<'a> {
        let labels: Vec<_> = union
            .arms
            .iter()
            .flat_map(|arm| arm.labels.iter().map(move |label| (arm, label)))
            .collect();
        let mut names = self.variant_names(union, &labels);
        let default = union.default.as_ref().map(|_| "Default".to_owned());
        names::unique(&mut names, default.into_iter().collect());
        let variants = labels.into_iter().zip(names);
        let variants = variants.map(|((arm, label), name)| Variant {
            name,
            docs: &arm.docs,
            label,
            field: arm.field.as_ref(),
        });
        let default = union.default.as_ref().map(|arm| Default {
            docs: &arm.docs,
            held: arm.field.as_ref().map(|field| {
                let names = [&union.discriminant.name, &field.name];
                let mut names = names.map(|name| self.names.naming.field(name));
                if names[0] == names[1] {
                    names[1] = "value".to_owned();
                }
                names::unique(&mut names, HashSet::new());
                let [own, name] = names;
                (own, name, field)
            }),
        });
        Parts {
            variants: variants.collect(),
            default,
        }
    }

    /// Variants are called as the enumerators of the discriminant are; those of a number as the constant in
    /// the label, the arm's own field if that is its only label, or else by the number.
    fn variant_names(&self, union: &Union, labels: &[(&Arm, &Label)]) -> Vec<String> {
        let naming = self.names.naming;
        match union.discriminant.kind {
            DiscriminantKind::Enum(id) => {
                let names = labels.iter();
                let names = names.map(|(_, label)| self.names.variant(id, label.value).to_owned());
                return names.collect();
            }
            DiscriminantKind::Bool => {
                let names = labels.iter().map(|(_, label)| label.value != 0);
                let names = names.map(|value| naming.variant(if value { "TRUE" } else { "FALSE" }));
                return names.collect();
            }
            DiscriminantKind::Number(_) => {}
        }
        let constants: Option<Vec<&str>> = labels
            .iter()
            .map(|(_, label)| label.name.as_deref())
            .collect();
        if let Some(constants) = constants {
            return naming.variants(&constants);
        }
        let name = |(arm, label): &(&Arm, &Label)| match (&arm.field, &label.name) {
            (_, Some(name)) => naming.variant(name),
            (Some(field), None) if arm.labels.len() == 1 => naming.variant(&field.name),
            _ if label.value < 0 => format!("VNeg{}", label.value.unsigned_abs()),
            _ => format!("V{}", label.value),
        };
        labels.iter().map(name).collect()
    }
}
