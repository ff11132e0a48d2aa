//! Unions: a Rust enum, the default arm of which keeps its discriminant.

mod names;
mod values;

use crate::ir::{Discriminant, DiscriminantKind, Docs, Field, Label, TypeDef, TypeId, Union};
use crate::options::Part;

use super::scope::Scope;
use super::structs::called;
use super::text::Code;
use super::{File, docs};

/// A union with its names in Rust.
struct Parts<'a> {
    variants: Vec<Variant<'a>>,
    default: Option<Default<'a>>,
}

/// One variant of the Rust enum: an arm with one of its labels.
struct Variant<'a> {
    name: String,
    docs: &'a Docs,
    label: &'a Label,
    field: Option<&'a Field>,
}

/// The variant for all other values.
struct Default<'a> {
    docs: &'a Docs,
    /// The name of the discriminant in it, that of the field, and the field.
    held: Option<(String, String, &'a Field)>,
}

impl File<'_> {
    pub(super) fn union(
        &self,
        id: TypeId,
        def: &TypeDef,
        kind: &Union,
        code: &mut Code,
        scope: &Scope<'_>,
    ) {
        let parts = self.parts(kind);
        if self.has(Part::Types) {
            code.blank();
            code.docs(&docs::item(
                &def.docs,
                &format!("`union {}`", def.name),
                &def.definition,
            ));
            self.union_item(id, kind, &parts, code, scope);
        }
        if self.has(Part::Codec) {
            code.blank();
            self.union_codec(id, kind, &parts, code, scope);
        }
    }

    fn union_item(
        &self,
        id: TypeId,
        kind: &Union,
        parts: &Parts<'_>,
        code: &mut Code,
        scope: &Scope<'_>,
    ) {
        let name = &self.names.types[id.0];
        let variants = parts.variants.iter().map(|variant| &variant.name[..]);
        code.attributes(self.derive(id));
        code.attributes(self.allow_enum(name, variants));
        if self.is_uneven(kind) {
            code.line("#[allow(clippy::large_enum_variant)]");
        }
        code.block(&format!("pub enum {name}"), |code| {
            for variant in &parts.variants {
                code.docs(&variant.docs());
                let name = &variant.name;
                match variant.field {
                    Some(field) => {
                        let ty = self.rust_type(&field.ty, scope);
                        code.attributes(self.serde_with(&field.ty));
                        code.line(&format!("{name}({ty}),"));
                    }
                    None => code.line(&format!("{name},")),
                }
            }
            if let Some(default) = &parts.default {
                self.default_variant(default, &kind.discriminant, code, scope);
            }
        });
    }

    fn default_variant(
        &self,
        default: &Default<'_>,
        discriminant: &Discriminant,
        code: &mut Code,
        scope: &Scope<'_>,
    ) {
        let of = self.rust_type(&discriminant.ty, scope);
        code.docs(&match default.docs.comments.is_empty() {
            true => docs::text("Any other value."),
            false => docs::part(default.docs, ""),
        });
        let Some((own, name, field)) = &default.held else {
            return code.line(&format!("Default({of}),"));
        };
        let names = [&own[..], &name[..]];
        code.attributes(self.names.naming.allow([], names));
        code.block_with("Default", ",", |code| {
            code.docs(&docs::text(
                "The discriminant, which has no arm of its own.",
            ));
            code.line(&format!("{own}: {of},"));
            code.docs(&docs::part(&field.docs, &field.definition));
            code.attributes(self.serde_with(&field.ty));
            code.line(&format!("{name}: {},", self.rust_type(&field.ty, scope)));
        });
    }

    /// How a union is coded, which also gives it the method that says its discriminant.
    fn union_codec(
        &self,
        id: TypeId,
        kind: &Union,
        parts: &Parts<'_>,
        code: &mut Code,
        scope: &Scope<'_>,
    ) {
        let discriminant = &kind.discriminant;
        let arms = parts.variants.iter().map(|variant| {
            let label = self.label(discriminant, variant.label, scope);
            let name = &variant.name;
            match variant.field {
                Some(field) => {
                    let shape = self.field_shape(field, scope);
                    format!("{label} => {name}({shape}) as {:?}", field.name)
                }
                None => format!("{label} => {name}"),
            }
        });
        let arms: Vec<_> = arms.collect();
        let tail = match &parts.default {
            None => ");".to_owned(),
            Some(Default { held: None, .. }) => " default Default);".to_owned(),
            Some(Default {
                held: Some((own, name, field)),
                ..
            }) => {
                let shape = self.field_shape(field, scope);
                let called = called(name, &field.name);
                format!(" default Default {{ {own}, {name}: {shape}{called} }});")
            }
        };
        let accessor = self.accessor(discriminant);
        let head = format!(
            "oncrpc_xdr::union!({}, {accessor}: {}{}",
            self.name(id, scope),
            self.rust_type(&discriminant.ty, scope),
            called(&accessor, &discriminant.name),
        );
        code.attributes(self.names.naming.allow([], [&accessor[..]]));
        code.list(&head, &arms, &tail);
    }

    /// A label as a value or a pattern.
    fn label(&self, discriminant: &Discriminant, label: &Label, scope: &Scope<'_>) -> String {
        match discriminant.kind {
            DiscriminantKind::Number(_) => label.value.to_string(),
            DiscriminantKind::Bool => (label.value != 0).to_string(),
            DiscriminantKind::Enum(id) => {
                let member = self.names.member(id, label.value);
                format!("{}::{member}", self.name(id, scope))
            }
        }
    }

    /// What the method is called that says which arm it is; the names that every type has are taken.
    fn accessor(&self, discriminant: &Discriminant) -> String {
        let name = self.names.naming.field(&discriminant.name);
        match name.as_str() {
            "encode" | "decode" | "encoded_len" | "clone" => format!("{name}_"),
            _ => name,
        }
    }
}

impl Variant<'_> {
    fn docs(&self) -> Vec<String> {
        let label = match &self.label.name {
            Some(name) => format!("case {name}:"),
            None => format!("case {}:", self.label.value),
        };
        let definition = match self.field {
            Some(field) => format!("{label} {};", field.definition),
            None => format!("{label} void;"),
        };
        let mut docs = self.docs.clone();
        if let Some(field) = self.field {
            docs.comments.extend(field.docs.comments.iter().cloned());
            docs.verbatim.extend(field.docs.verbatim.iter().cloned());
        }
        docs::item(&docs, "", &definition)
    }
}
