//! How code names what lies outside of the module that it is in.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

/// A module of the generated file.
///
/// Names are written short and imported, unless the .x file uses the same name for something else.
pub(super) struct Scope {
    /// How many modules lie around this one.
    depth: usize,
    /// Names that mean something in this module.
    own: HashSet<String>,
    /// What has been named so far: names by the path that they come from.
    imports: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

impl Scope {
    /// A module with so many modules around it, in which `own` are names that mean something already.
    pub(super) fn new(depth: usize, own: HashSet<String>) -> Self {
        Self {
            depth,
            own,
            imports: RefCell::default(),
        }
    }

    /// A type or a constant of the file.
    pub(super) fn item(&self, name: &str) -> TokenStream {
        let ident = ident(name);
        if self.depth == 0 {
            return quote!(#ident);
        }
        let path = vec!["super"; self.depth].join("::");
        if self.own.contains(name) {
            let path = tokens(&path);
            return quote!(#path::#ident);
        }
        self.import(&path, name.to_owned());
        quote!(#ident)
    }

    /// A name of the standard prelude.
    pub(super) fn prelude(&self, name: &str) -> TokenStream {
        let ident = ident(name);
        if self.own.contains(name) {
            let path = tokens(match name {
                "Option" => "::core::option",
                "Result" => "::core::result",
                "Box" => "::std::boxed",
                "Vec" => "::std::vec",
                "Send" | "Sync" => "::core::marker",
                "Future" => "::core::future",
                _ => "::std",
            });
            return quote!(#path::#ident);
        }
        quote!(#ident)
    }

    /// A type or module of a library.
    pub(super) fn library(&self, path: &str, name: &str) -> TokenStream {
        let ident = ident(name);
        if self.own.contains(name) {
            let path = tokens(path);
            return quote!(#path::#ident);
        }
        self.import(path, name.to_owned());
        quote!(#ident)
    }

    /// A type or module of `oncrpc_xdr`.
    pub(super) fn xdr(&self, name: &str) -> TokenStream {
        self.library("oncrpc_xdr", name)
    }

    /// A trait of `oncrpc_xdr` whose methods are called; inside its own impl a trait need not be imported.
    pub(super) fn methods_of(&self, name: &str) {
        if self.own.contains(name) {
            self.import("oncrpc_xdr", format!("{name} as _"));
        } else {
            self.import("oncrpc_xdr", name.to_owned());
        }
    }

    fn import(&self, path: &str, name: String) {
        let mut imports = self.imports.borrow_mut();
        imports.entry(path.to_owned()).or_default().insert(name);
    }

    /// The `use` declarations for all that has been named so far.
    pub(super) fn imports(&self) -> TokenStream {
        let imports = self.imports.borrow();
        let declarations = imports.iter().map(|(path, names)| {
            let path = tokens(path);
            let names = names.iter().map(|name| tokens(name));
            if names.len() == 1 {
                quote!(use #path::#(#names)*;)
            } else {
                quote!(use #path::{#(#names),*};)
            }
        });
        quote!(#(#declarations)*)
    }
}

/// A name, raw if it says so.
pub(super) fn ident(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()),
        None => format_ident!("{name}"),
    }
}

/// A path, or a name with an `as`.
pub(super) fn tokens(path: &str) -> TokenStream {
    // INVARIANT: paths are literals in this crate, and names have been made by `names`.
    #[expect(clippy::expect_used, reason = "paths and names are words and colons")]
    path.parse().expect("a path")
}
