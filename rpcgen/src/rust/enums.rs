//! Enums: open, as `oncrpc_xdr::Enumeration` explains.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use quote::quote;

use crate::ir::{Enum, Member, TypeDef, TypeId, TypeKind};

use super::scope::{Scope, ident};
use super::{File, docs, format, names, signed};

/// The Rust names of the enumerators of an enum, in its order.
pub(super) fn variants(def: &TypeDef) -> Vec<String> {
    let TypeKind::Enum(def) = &def.kind else {
        return Vec::new();
    };
    let members: Vec<_> = def
        .members
        .iter()
        .map(|member| member.name.as_str())
        .collect();
    let mut variants = names::variants(&members);
    for (variant, member) in variants.iter_mut().zip(&def.members) {
        if variant == "Unknown" {
            *variant = names::upper_camel(&member.name);
        }
    }
    let taken = ["Unknown".to_owned()].into_iter().collect();
    names::unique(&mut variants, taken);
    variants
}

impl File<'_> {
    pub(super) fn enumeration(
        &self,
        id: TypeId,
        def: &TypeDef,
        kind: &Enum,
        scope: &Scope,
    ) -> Vec<TokenStream> {
        let name = ident(&self.names[id.0]);
        let (unknown, enumeration) = (scope.xdr("Unknown"), scope.xdr("Enumeration"));
        let option = scope.prelude("Option");
        let blank = format::blank();
        let mut first_of = HashMap::new();
        let mut listed = Vec::new();
        let mut aliases = Vec::new();
        for (member, variant) in kind.members.iter().zip(&self.variants[id.0]) {
            match first_of.get(&member.value) {
                None => {
                    first_of.insert(member.value, variant);
                    listed.push((member, ident(variant)));
                }
                Some(first) => aliases.push(alias(member, first)),
            }
        }
        let item_docs = docs::item(&def.docs, &format!("`enum {}`", def.name), &def.definition);
        let derive = self.derive(id);
        let members = listed.iter().map(|(member, variant)| {
            let docs = member_docs(member);
            let default = (member.value == 0).then(|| quote!(#[default]));
            quote!(#docs #default #variant,)
        });
        let to_member = listed.iter().map(|(member, variant)| {
            let value = signed(member.value);
            quote!(#value => Some(Self::#variant),)
        });
        let to_value = listed.iter().map(|(member, variant)| {
            let value = signed(member.value);
            quote!(Self::#variant => #value,)
        });
        let mut items = vec![
            quote! {
                #item_docs
                #derive
                pub enum #name {
                    #(#members)*
                    /// A value that is not listed.
                    Unknown(#unknown),
                }
            },
            quote! {
                impl #enumeration for #name {
                    fn listed(value: i32) -> #option<Self> {
                        match value {
                            #(#to_member)*
                            _ => None,
                        }
                    }
                    #blank

                    fn unknown(value: #unknown) -> Self {
                        Self::Unknown(value)
                    }
                    #blank
                    fn value(self) -> i32 {
                        match self {
                            #(#to_value)*
                            Self::Unknown(value) => value.value(),
                        }
                    }
                }
            },
        ];
        if !aliases.is_empty() {
            items.insert(1, quote!(impl #name { #(#aliases)* }));
        }
        items
    }
}

/// Another name for a value that has one.
fn alias(member: &Member, first: &str) -> TokenStream {
    let docs = member_docs(member);
    let name = ident(&names::screaming(&member.name));
    let first = ident(first);
    quote! {
        #docs
        pub const #name: Self = Self::#first;
    }
}

fn member_docs(member: &Member) -> TokenStream {
    let definition = format!("{} = {}", member.name, member.value);
    docs::item(&member.docs, "", &definition)
}
