//! Structs.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::ir::{Field, Struct, TypeDef, TypeId};

use super::codec::{Len, Place};
use super::scope::{Scope, ident};
use super::{File, docs, names};

impl File<'_> {
    pub(super) fn structure(
        &self,
        id: TypeId,
        def: &TypeDef,
        kind: &Struct,
        scope: &Scope,
    ) -> Vec<TokenStream> {
        let name = ident(&self.names[id.0]);
        let mut field_names: Vec<_> = kind.fields.iter().map(|f| names::snake(&f.name)).collect();
        names::unique(&mut field_names, std::collections::HashSet::new());
        let fields: Vec<_> = field_names
            .iter()
            .map(|name| ident(name))
            .zip(&kind.fields)
            .collect();

        let docs = struct_docs(def, kind);
        let derive = self.derive(id);
        let declarations = fields.iter().map(|(name, field)| {
            let docs = docs::part(&field.docs, &field.definition);
            let ty = self.rust_type(&field.ty, scope);
            quote!(#docs pub #name: #ty,)
        });
        let structure = quote! {
            #docs
            #derive
            pub struct #name {
                #(#declarations)*
            }
        };

        let lens = fields.iter().map(|(name, field)| {
            let place = Place::Field(quote!(self.#name));
            self.len(&field.ty, &place, scope)
        });
        let len = sum(lens);
        let encode = self.encode_fields(&fields, scope);
        let reads = fields.iter().map(|(name, field)| {
            let value = self.decode(field, scope);
            quote!(#name: #value,)
        });
        let decode = quote!(Ok(Self { #(#reads)* }));
        let codec = codec(&name, &len, &encode, def.min_len, &decode, scope);
        let mut items = vec![structure];
        items.extend(codec);
        items
    }

    /// The statements that write all fields, and the result.
    fn encode_fields(&self, fields: &[(proc_macro2::Ident, &Field)], scope: &Scope) -> TokenStream {
        let mut statements = TokenStream::new();
        for (i, (name, field)) in fields.iter().enumerate() {
            let place = Place::Field(quote!(self.#name));
            let (code, fallible) = self.encode(field, &place, scope);
            let last = i + 1 == fields.len();
            statements.extend(match (fallible, last) {
                (true, true) => return quote!(#statements #code),
                (true, false) => quote!(#code?;),
                (false, _) => quote!(#code;),
            });
        }
        quote!(#statements Ok(()))
    }
}

fn struct_docs(def: &TypeDef, kind: &Struct) -> TokenStream {
    let name = &def.name;
    let note = kind.link.as_ref().map(|link| {
        format!(
            "A list: `{link}`, which links it to the next, is left out; a chain of them is a `Vec`."
        )
    });
    let what = format!("`struct {name}`");
    docs::with_note(&def.docs, &what, note.as_deref(), &def.definition)
}

/// The two impls by which a type codes itself.
pub(super) fn codec(
    name: &proc_macro2::Ident,
    len: &TokenStream,
    encode: &TokenStream,
    min_len: u32,
    decode: &TokenStream,
    scope: &Scope,
) -> [TokenStream; 2] {
    let (encode_trait, decode_trait) = (scope.xdr("Encode"), scope.xdr("Decode"));
    let (writer, reader) = (scope.xdr("Writer"), scope.xdr("Reader"));
    let (encode_error, decode_error) = (scope.xdr("EncodeError"), scope.xdr("DecodeError"));
    let result = scope.prelude("Result");
    let min_len = Literal::u32_unsuffixed(min_len);
    let blank = super::format::blank();
    let unused = |code: &TokenStream, name: &str| {
        let used = code.clone().into_iter().any(|token| mentions(&token, name));
        ident(if used { name } else { "_" })
    };
    let (w, r) = (unused(encode, "w"), unused(decode, "r"));
    [
        quote! {
            impl #encode_trait for #name {
                fn encoded_len(&self) -> usize {
                    #len
                }
                #blank
                fn encode(&self, #w: &mut #writer) -> #result<(), #encode_error> {
                    #encode
                }
            }
        },
        quote! {
            impl #decode_trait for #name {
                const MIN_LEN: usize = #min_len;
                #blank
                fn decode(#r: &mut #reader<'_>) -> #result<Self, #decode_error> {
                    #decode
                }
            }
        },
    ]
}

/// Whether code names `name`.
fn mentions(token: &proc_macro2::TokenTree, name: &str) -> bool {
    match token {
        proc_macro2::TokenTree::Ident(ident) => ident == name,
        proc_macro2::TokenTree::Group(group) => group
            .stream()
            .into_iter()
            .any(|token| mentions(&token, name)),
        _ => false,
    }
}

/// The sum of lengths: one number, then what depends on the value.
pub(super) fn sum(lens: impl Iterator<Item = Len>) -> TokenStream {
    let mut fixed = 0;
    let mut rest = Vec::new();
    for len in lens {
        match len {
            Len::Fixed(len) => fixed += len,
            Len::Expr(len) => rest.push(len),
        }
    }
    let number = Literal::u64_unsuffixed(fixed);
    match (fixed, rest.is_empty()) {
        (0, false) => quote!(#(#rest)+*),
        (_, true) => quote!(#number),
        (_, false) => quote!(#number + #(#rest)+*),
    }
}
