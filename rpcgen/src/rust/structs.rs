//! Structs.

use crate::ir::{Field, Struct, Type, TypeDef, TypeId};
use crate::options::{Lists, Part};

use super::scope::Scope;
use super::text::Code;
use super::{File, docs};

impl File<'_> {
    pub(super) fn structure(
        &self,
        id: TypeId,
        def: &TypeDef,
        kind: &Struct,
        code: &mut Code,
        scope: &Scope<'_>,
    ) {
        // The link is a field like all others where lists are not vectors.
        let link = kind
            .link
            .as_ref()
            .filter(|_| self.options.lists == Lists::Box);
        let link = link.map(|name| Field {
            name: name.clone(),
            docs: Default::default(),
            definition: format!("{} *{name}", def.name),
            ty: Type::List(id),
            nested: false,
        });
        let names = self
            .names
            .fields(&kind.fields, link.as_ref().map(|link| &link.name[..]));
        let fields: Vec<_> = names.iter().zip(kind.fields.iter().chain(&link)).collect();
        let name = &self.names.types[id.0];
        if self.has(Part::Types) {
            code.blank();
            code.docs(&self.struct_docs(def, kind));
            code.attributes(self.derive(id));
            let fields_as_str = names.iter().map(String::as_str);
            code.attributes(self.names.naming.allow([&name[..]], fields_as_str));
            let head = format!("pub struct {name}");
            if fields.is_empty() {
                code.line(&format!("{head} {{}}"));
            } else {
                code.block(&head, |code| {
                    for (name, field) in &fields {
                        code.docs(&docs::part(&field.docs, &field.definition));
                        code.attributes(self.serde_with(&field.ty));
                        code.line(&format!(
                            "pub {name}: {},",
                            self.rust_type(&field.ty, scope)
                        ));
                    }
                });
            }
        }
        if self.has(Part::Codec) {
            let shapes = fields.iter().map(|(name, field)| {
                let shape = self.field_shape(field, scope);
                format!("{name}: {shape}{}", called(name, &field.name))
            });
            let shapes: Vec<_> = shapes.collect();
            code.blank();
            let name = self.name(id, scope);
            let fixed = match self.plain[id.0] {
                true => " fixed",
                false => "",
            };
            code.list(
                &format!("oncrpc_xdr::structure!({name}:{fixed}"),
                &shapes,
                ");",
            );
        }
    }

    fn struct_docs(&self, def: &TypeDef, kind: &Struct) -> Vec<String> {
        let name = &def.name;
        let link = kind
            .link
            .as_ref()
            .filter(|_| self.options.lists == Lists::Vec);
        let note = link.map(|link| {
            format!(
                "A list: `{link}`, which links it to the next, is left out; a chain of them is a `Vec`."
            )
        });
        let what = format!("`struct {name}`");
        docs::with_note(&def.docs, &what, note.as_deref(), &def.definition)
    }
}

/// What follows a field whose name in the .x file is not the one that it has in Rust.
pub(super) fn called(name: &str, given: &str) -> String {
    match name == given {
        true => String::new(),
        false => format!(" as {given:?}"),
    }
}
