//! Unions: a Rust enum, the default arm of which keeps its discriminant.

use std::collections::HashSet;

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::ir::{
    Builtin, Discriminant, DiscriminantKind, Docs, Field, Label, TypeDef, TypeId, TypeKind, Union,
};

use super::codec::{Len, Place};
use super::scope::{Scope, ident};
use super::structs::{codec, sum};
use super::{File, docs, names, signed};

/// One variant of the Rust enum: an arm with one of its labels.
struct Variant<'a> {
    name: Ident,
    docs: &'a Docs,
    label: &'a Label,
    field: Option<&'a Field>,
}

/// The variant for all other values.
struct Default<'a> {
    docs: &'a Docs,
    /// The name of the discriminant in it, and the field.
    held: Option<(Ident, Ident, &'a Field)>,
}

/// A union with its names in Rust.
struct Parts<'a> {
    union: &'a Union,
    variants: Vec<Variant<'a>>,
    default: Option<Default<'a>>,
}

impl File<'_> {
    pub(super) fn union(
        &self,
        id: TypeId,
        def: &TypeDef,
        kind: &Union,
        scope: &Scope,
    ) -> Vec<TokenStream> {
        let name = ident(&self.names[id.0]);
        let parts = self.parts(kind);
        let docs = docs::item(&def.docs, &format!("`union {}`", def.name), &def.definition);
        let derive = self.derive(id);
        let variants = parts.variants.iter().map(|variant| {
            let docs = variant.docs();
            let name = &variant.name;
            let field = variant.field.map(|field| {
                let ty = self.rust_type(&field.ty, scope);
                quote!((#ty))
            });
            quote!(#docs #name #field,)
        });
        let default = self.default_variant(&parts, scope);
        let union = quote! {
            #docs
            #derive
            pub enum #name {
                #(#variants)*
                #default
            }
        };
        let accessor = self.accessor(&name, &parts, scope);
        let len = self.union_len(&parts, scope);
        let encode = self.encode_union(&parts, scope);
        let decode = self.decode_union(&parts, scope);
        let codec = codec(&name, &len, &encode, def.min_len, &decode, scope);
        let mut items = vec![union, accessor];
        items.extend(codec);
        items
    }

    fn parts<'a>(&self, union: &'a Union) -> Parts<'a> {
        let mut variants: Vec<_> = union
            .arms
            .iter()
            .flat_map(|arm| arm.labels.iter().map(move |label| (arm, label)))
            .collect();
        variants.sort_by_key(|(_, label)| label.value);
        let mut names = self.variant_names(union, &variants);
        let mut taken = HashSet::new();
        if union.default.is_some() {
            taken.insert("Default".to_owned());
        }
        names::unique(&mut names, taken);
        let variants = variants.into_iter().zip(&names);
        let variants = variants.map(|((arm, label), name)| Variant {
            name: ident(name),
            docs: &arm.docs,
            label,
            field: arm.field.as_ref(),
        });
        let default = union.default.as_ref().map(|arm| Default {
            docs: &arm.docs,
            held: arm.field.as_ref().map(|field| {
                let discriminant = names::snake(&union.discriminant.name);
                let mut held = names::snake(&field.name);
                if held == discriminant {
                    held = "value".to_owned();
                }
                (ident(&discriminant), ident(&held), field)
            }),
        });
        Parts {
            union,
            variants: variants.collect(),
            default,
        }
    }

    /// Variants are called as the enumerators of the discriminant are; those of a number as the constant in
    /// the label, the arm's own field if that is its only label, or else by the number.
    fn variant_names(&self, union: &Union, variants: &[(&crate::ir::Arm, &Label)]) -> Vec<String> {
        if let DiscriminantKind::Enum(id) = union.discriminant.kind
            && let TypeKind::Enum(def) = &self.unit.ty(id).kind
        {
            let name = |value: i64| {
                let mut members = def.members.iter().zip(&self.variants[id.0]);
                let member = members.find(|(member, _)| i64::from(member.value) == value);
                member.map_or_else(String::new, |(_, variant)| variant.clone())
            };
            return variants
                .iter()
                .map(|(_, label)| name(label.value))
                .collect();
        }
        if union.discriminant.kind == DiscriminantKind::Bool {
            let names = ["False".to_owned(), "True".to_owned()];
            return variants
                .iter()
                .map(|(_, label)| names[usize::from(label.value != 0)].clone())
                .collect();
        }
        let constants: Option<Vec<&str>> = variants
            .iter()
            .map(|(_, label)| label.name.as_deref())
            .collect();
        if let Some(constants) = constants {
            return names::variants(&constants);
        }
        let name = |(arm, label): &(&crate::ir::Arm, &Label)| match (&arm.field, &label.name) {
            (_, Some(name)) => names::upper_camel(name),
            (Some(field), None) if arm.labels.len() == 1 => names::upper_camel(&field.name),
            _ if label.value < 0 => format!("VNeg{}", label.value.unsigned_abs()),
            _ => format!("V{}", label.value),
        };
        variants.iter().map(name).collect()
    }

    fn default_variant(&self, parts: &Parts<'_>, scope: &Scope) -> Option<TokenStream> {
        let default = parts.default.as_ref()?;
        let discriminant = self.rust_type(&parts.union.discriminant.ty, scope);
        let docs = match default.docs.comments.is_empty() {
            true => docs::text("Any other value."),
            false => docs::part(default.docs, ""),
        };
        Some(match &default.held {
            None => quote!(#docs Default(#discriminant),),
            Some((discriminant_name, name, field)) => {
                let what = docs::text("The discriminant, which has no arm of its own.");
                let field_docs = docs::part(&field.docs, &field.definition);
                let ty = self.rust_type(&field.ty, scope);
                quote! {
                    #docs
                    Default {
                        #what
                        #discriminant_name: #discriminant,
                        #field_docs
                        #name: #ty,
                    },
                }
            }
        })
    }

    /// The method that says which arm it is.
    fn accessor(&self, name: &Ident, parts: &Parts<'_>, scope: &Scope) -> TokenStream {
        let discriminant = &parts.union.discriminant;
        let method = accessor_name(discriminant);
        let ty = self.rust_type(&discriminant.ty, scope);
        let docs = docs::text(&format!("The discriminant, `{}`.", discriminant.name));
        let values = parts.variants.iter().map(|variant| {
            let pattern = variant.pattern(&quote!(_));
            let value = self.label(discriminant, variant.label, scope);
            quote!(Self::#pattern => #value,)
        });
        let default = parts.default.as_ref().map(|default| match &default.held {
            None => quote!(Self::Default(value) => *value,),
            Some((name, _, _)) => quote!(Self::Default { #name, .. } => *#name,),
        });
        quote! {
            impl #name {
                #docs
                pub fn #method(&self) -> #ty {
                    match self {
                        #(#values)*
                        #default
                    }
                }
            }
        }
    }

    /// A label as a value or a pattern.
    fn label(&self, discriminant: &Discriminant, label: &Label, scope: &Scope) -> TokenStream {
        match discriminant.kind {
            DiscriminantKind::Number(_) => signed(label.value),
            DiscriminantKind::Bool if label.value == 0 => quote!(false),
            DiscriminantKind::Bool => quote!(true),
            DiscriminantKind::Enum(id) => {
                let ty = self.name(id, scope);
                let TypeKind::Enum(def) = &self.unit.ty(id).kind else {
                    return quote!(_);
                };
                let mut members = def.members.iter().zip(&self.variants[id.0]);
                let member = members.find(|(member, _)| i64::from(member.value) == label.value);
                let variant = member.map(|(_, variant)| ident(variant));
                quote!(#ty::#variant)
            }
        }
    }

    fn union_len(&self, parts: &Parts<'_>, scope: &Scope) -> TokenStream {
        let place = || Place::Reference(quote!(value));
        let len = |field: Option<&Field>| match field {
            None => Len::Fixed(0),
            Some(field) => self.len(&field.ty, &place(), scope),
        };
        let mut lens: Vec<(TokenStream, TokenStream, Len)> = parts
            .variants
            .iter()
            .map(|variant| {
                let (named, unnamed) =
                    (variant.pattern(&quote!(value)), variant.pattern(&quote!(_)));
                (named, unnamed, len(variant.field))
            })
            .collect();
        if let Some(default) = &parts.default {
            lens.push(match &default.held {
                None => (quote!(Default(_)), quote!(Default(_)), Len::Fixed(0)),
                Some((_, name, field)) => (
                    {
                        let value = bound_to(name, "value");
                        quote!(Default { #value, .. })
                    },
                    quote!(Default { .. }),
                    len(Some(field)),
                ),
            });
        }
        let discriminant = self.unit.min_len(&parts.union.discriminant.ty);
        let fixed = |len: &Len| match len {
            Len::Fixed(len) => Some(*len),
            Len::Expr(_) => None,
        };
        let first = lens.first().and_then(|(_, _, len)| fixed(len));
        if let Some(first) = first
            && lens.iter().all(|(_, _, len)| fixed(len) == Some(first))
        {
            return sum([Len::Fixed(discriminant + first)].into_iter());
        }
        let arms = lens.into_iter().map(|(named, unnamed, len)| match len {
            Len::Fixed(len) => {
                let len = signed(len);
                quote!(Self::#unnamed => #len,)
            }
            Len::Expr(len) => quote!(Self::#named => #len,),
        });
        let discriminant = signed(discriminant);
        quote! {
            #discriminant + match self {
                #(#arms)*
            }
        }
    }

    fn encode_union(&self, parts: &Parts<'_>, scope: &Scope) -> TokenStream {
        let discriminant = &parts.union.discriminant;
        let method = accessor_name(discriminant);
        let refuse = self.refuse_listed(parts, scope);
        let write = match discriminant.kind {
            DiscriminantKind::Bool => quote!(w.bool(self.#method());),
            DiscriminantKind::Number(Builtin::Int) => quote!(w.i32(self.#method());),
            DiscriminantKind::Number(Builtin::UnsignedInt) => quote!(w.u32(self.#method());),
            _ => {
                quote!(self.#method().encode(w)?;)
            }
        };
        let mut arms: Vec<TokenStream> = Vec::new();
        let mut empty: Vec<TokenStream> = Vec::new();
        let mut arm = |pattern: TokenStream, name: &TokenStream, field: Option<&Field>| {
            let Some(field) = field else {
                empty.push(quote!(Self::#pattern));
                return;
            };
            let place = Place::Reference(name.clone());
            let (code, fallible) = self.encode(field, &place, scope);
            arms.push(match fallible {
                true => quote!(Self::#pattern => #code,),
                false => quote!(Self::#pattern => { #code; Ok(()) }),
            });
        };
        for variant in &parts.variants {
            let name = quote!(value);
            arm(variant.pattern(&name), &name, variant.field);
        }
        match &parts.default {
            Some(Default { held: None, .. }) => arm(quote!(Default(_)), &quote!(_), None),
            Some(Default {
                held: Some((_, name, field)),
                ..
            }) => {
                let value = bound_to(name, "value");
                arm(quote!(Default { #value, .. }), &quote!(value), Some(field));
            }
            None => {}
        }
        if arms.is_empty() {
            return quote!(#refuse #write Ok(()));
        }
        let nothing = (!empty.is_empty()).then(|| quote!(#(#empty)|* => Ok(()),));
        quote! {
            #refuse
            #write
            match self {
                #(#arms)*
                #nothing
            }
        }
    }

    /// Refuses a default arm that holds a discriminant which has an arm of its own.
    fn refuse_listed(&self, parts: &Parts<'_>, scope: &Scope) -> Option<TokenStream> {
        let default = parts.default.as_ref()?;
        let discriminant = &parts.union.discriminant;
        let labels: Vec<_> = parts
            .variants
            .iter()
            .map(|variant| self.label(discriminant, variant.label, scope))
            .collect();
        if labels.is_empty() {
            return None;
        }
        let pattern = match &default.held {
            None => quote!(Self::Default(#(#labels)|*)),
            Some((name, _, _)) => quote!(Self::Default { #name: #(#labels)|*, .. }),
        };
        let (error, fault) = (scope.xdr("EncodeError"), scope.xdr("EncodeFault"));
        let method = accessor_name(discriminant);
        let found = found(discriminant, &quote!(self.#method()), scope);
        Some(quote! {
            if let #pattern = self {
                let found = #found;
                return Err(#error::new(#fault::ListedDiscriminant { found }));
            }
        })
    }

    fn decode_union(&self, parts: &Parts<'_>, scope: &Scope) -> TokenStream {
        let discriminant = &parts.union.discriminant;
        let field = Field {
            name: discriminant.name.clone(),
            docs: Docs::default(),
            definition: String::new(),
            ty: discriminant.ty.clone(),
            nested: false,
        };
        let read = self.decode(&field, scope);
        let arms = parts.variants.iter().map(|variant| {
            let label = self.label(discriminant, variant.label, scope);
            let name = &variant.name;
            let value = variant.field.map(|field| {
                let value = self.decode(field, scope);
                quote!((#value))
            });
            quote!(#label => Self::#name #value,)
        });
        let others = match &parts.default {
            Some(Default { held: None, .. }) => quote!(other => Self::Default(other),),
            Some(Default {
                held: Some((discriminant, name, field)),
                ..
            }) => {
                let value = self.decode(field, scope);
                let held = bound_to(discriminant, "other");
                quote!(other => Self::Default { #held, #name: #value },)
            }
            None if discriminant.kind == DiscriminantKind::Bool && parts.variants.len() == 2 => {
                TokenStream::new()
            }
            None => {
                let fault = scope.xdr("DecodeFault");
                let found = found(discriminant, &quote!(other), scope);
                quote! {
                    other => {
                        let found = #found;
                        return Err(r.error_at_last_word(#fault::BadDiscriminant { found }));
                    }
                }
            }
        };
        quote! {
            Ok(match #read {
                #(#arms)*
                #others
            })
        }
    }
}

impl Variant<'_> {
    fn pattern(&self, inside: &TokenStream) -> TokenStream {
        let name = &self.name;
        match self.field {
            Some(_) => quote!(#name(#inside)),
            None => quote!(#name),
        }
    }

    fn docs(&self) -> TokenStream {
        let label = match &self.label.name {
            Some(name) => format!("case {name}:"),
            None => format!("case {}:", self.label.value),
        };
        let definition = match self.field {
            Some(field) => format!("{label} {};", field.definition),
            None => format!("{label} void;"),
        };
        let mut docs = self.docs.clone();
        docs.comments.extend(
            self.field
                .iter()
                .flat_map(|field| field.docs.comments.clone()),
        );
        docs::item(&docs, "", &definition)
    }
}

/// What the method is called that says which arm it is; the names that every type has are taken.
fn accessor_name(discriminant: &Discriminant) -> Ident {
    let name = names::snake(&discriminant.name);
    match name.as_str() {
        "encode" | "decode" | "encoded_len" | "clone" => ident(&format!("{name}_")),
        _ => ident(&name),
    }
}

/// The field `name` bound to, or made of, the variable `variable`, which no other variable of the code is
/// called, whatever the .x file calls the field.
fn bound_to(name: &Ident, variable: &str) -> TokenStream {
    let variable = ident(variable);
    if *name == variable {
        quote!(#variable)
    } else {
        quote!(#name: #variable)
    }
}

/// A discriminant as an error shows it.
fn found(discriminant: &Discriminant, value: &TokenStream, scope: &Scope) -> TokenStream {
    match discriminant.kind {
        DiscriminantKind::Enum(_) => {
            scope.methods_of("Enumeration");
            quote!(#value.value().into())
        }
        DiscriminantKind::Number(Builtin::Hyper) => value.clone(),
        _ => quote!(#value.into()),
    }
}
