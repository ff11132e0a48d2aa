//! What generated Rust offers, read from the generated Rust: it alone decides how things are called.

use std::collections::{HashMap, HashSet};

use super::ty::Ty;

/// What the generated files of a crate offer.
#[derive(Debug, Default)]
pub(super) struct Interface {
    pub(super) programs: Vec<Program>,
    /// The types, by their whole path.
    pub(super) types: HashMap<Vec<String>, Definition>,
}

/// The module of a program.
#[derive(Debug)]
pub(super) struct Program {
    /// Its whole path.
    pub(super) path: Vec<String>,
    pub(super) versions: Vec<Version>,
}

/// The module of a version.
#[derive(Debug)]
pub(super) struct Version {
    /// Its whole path.
    pub(super) path: Vec<String>,
    pub(super) procedures: Vec<Procedure>,
}

/// A procedure, as client and server have it.
#[derive(Debug)]
pub(super) struct Procedure {
    /// The function of both.
    pub(super) function: String,
    /// The lines of its documentation, each as it stands behind `///`.
    pub(super) docs: Vec<String>,
    /// The server's parameters behind the context.
    pub(super) parameters: Vec<(String, Ty)>,
    /// What the client's function takes.
    pub(super) arguments: Vec<Ty>,
    pub(super) result: Ty,
    /// Whether the trait has an answer already, as it has for the procedure that does nothing.
    pub(super) answered: bool,
}

/// What a type is.
#[derive(Debug)]
pub(super) struct Definition {
    /// Whether it implements `Default`.
    pub(super) default: bool,
    pub(super) kind: Kind,
}

/// What a type is.
#[derive(Debug)]
pub(super) enum Kind {
    Alias(Ty),
    Struct(Fields),
    Enum(Vec<(String, Fields)>),
}

/// What a struct or a variant holds.
#[derive(Debug)]
pub(super) enum Fields {
    None,
    Tuple(Vec<Ty>),
    Named(Vec<(String, Ty)>),
}

impl Interface {
    /// Reads generated files; each is the module at the path beside it.
    pub(super) fn read(files: &[(Vec<String>, &str)]) -> Result<Self, syn::Error> {
        let mut interface = Self::default();
        for (path, rust) in files {
            let file = syn::parse_file(rust)?;
            interface.module(&Module::new(path.clone(), &file.items), &file.items);
        }
        Ok(interface)
    }

    fn module(&mut self, module: &Module, items: &[syn::Item]) {
        let mut versions = Vec::new();
        for item in items {
            match item {
                syn::Item::Mod(inner) => {
                    let Some((_, items)) = &inner.content else {
                        continue;
                    };
                    let inner = Module::new(module.child(&inner.ident), items);
                    versions.extend(inner.version(items));
                    self.module(&inner, items);
                }
                syn::Item::Struct(def) => {
                    let kind = Kind::Struct(module.fields(&def.fields));
                    self.define(module.child(&def.ident), &def.attrs, kind);
                }
                syn::Item::Enum(def) => {
                    let variants = def.variants.iter();
                    let variants = variants
                        .map(|variant| (variant.ident.to_string(), module.fields(&variant.fields)));
                    let kind = Kind::Enum(variants.collect());
                    self.define(module.child(&def.ident), &def.attrs, kind);
                }
                syn::Item::Type(def) => {
                    if let Some(ty) = module.ty(&def.ty) {
                        self.define(module.child(&def.ident), &[], Kind::Alias(ty));
                    }
                }
                _ => {}
            }
        }
        for item in items {
            if let syn::Item::Impl(def) = item
                && let Some((implemented, _)) = &def.trait_
                && implemented
                    .segments
                    .last()
                    .is_some_and(|last| last.ident == "Default")
                && let Some(Ty::Path(path, _)) = module.ty(&def.self_ty)
                && let Some(definition) = self.types.get_mut(&path)
            {
                definition.default = true;
            }
        }
        if !versions.is_empty() {
            let path = module.path.clone();
            self.programs.push(Program { path, versions });
        }
    }

    fn define(&mut self, path: Vec<String>, attributes: &[syn::Attribute], kind: Kind) {
        let default = attributes.iter().any(derives_default);
        self.types.insert(path, Definition { default, kind });
    }
}

/// A module on its way into the interface.
struct Module {
    /// Its whole path.
    path: Vec<String>,
    /// What it defines.
    own: HashSet<String>,
    /// What it imports, and from which whole path.
    imports: HashMap<String, Vec<String>>,
}

impl Module {
    fn new(path: Vec<String>, items: &[syn::Item]) -> Self {
        let mut module = Self {
            path,
            own: HashSet::new(),
            imports: HashMap::new(),
        };
        for item in items {
            match item {
                syn::Item::Use(item) => module.import(&item.tree, &mut Vec::new()),
                syn::Item::Struct(item) => module.defines(&item.ident),
                syn::Item::Enum(item) => module.defines(&item.ident),
                syn::Item::Type(item) => module.defines(&item.ident),
                syn::Item::Const(item) => module.defines(&item.ident),
                syn::Item::Mod(item) => module.defines(&item.ident),
                _ => {}
            }
        }
        module
    }

    fn defines(&mut self, name: &syn::Ident) {
        self.own.insert(name.to_string());
    }

    fn import(&mut self, tree: &syn::UseTree, before: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(&path.tree, before);
                before.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before);
                }
            }
            syn::UseTree::Name(name) => self.imports_as(&name.ident, &name.ident, before),
            syn::UseTree::Rename(name) => self.imports_as(&name.rename, &name.ident, before),
            syn::UseTree::Glob(_) => {}
        }
    }

    fn imports_as(&mut self, name: &syn::Ident, of: &syn::Ident, before: &[String]) {
        let path = before.iter().cloned().chain([of.to_string()]);
        let whole = self.whole(path.collect());
        self.imports.insert(name.to_string(), whole);
    }

    fn child(&self, name: &syn::Ident) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(name.to_string());
        path
    }

    /// A path that is written in this module, from the root.
    fn whole(&self, path: Vec<String>) -> Vec<String> {
        let ups = path.iter().take_while(|word| *word == "super").count();
        let (up, rest) = path.split_at(ups);
        let first = rest.first().map_or("", String::as_str);
        if up.is_empty() && !self.own.contains(first) && first != "self" {
            let Some(imported) = self.imports.get(first) else {
                return path;
            };
            return imported.iter().chain(&rest[1..]).cloned().collect();
        }
        let base = self.path.len().saturating_sub(ups);
        let rest = rest.iter().filter(|word| *word != "self");
        self.path[..base].iter().chain(rest).cloned().collect()
    }

    fn ty(&self, ty: &syn::Type) -> Option<Ty> {
        Ty::read(ty, &|path| {
            let words = path.segments.iter().map(|word| word.ident.to_string());
            match path.leading_colon {
                Some(_) => words.collect(),
                None => self.whole(words.collect()),
            }
        })
    }

    fn fields(&self, fields: &syn::Fields) -> Fields {
        match fields {
            syn::Fields::Unit => Fields::None,
            syn::Fields::Unnamed(fields) => {
                let types = fields.unnamed.iter().filter_map(|field| self.ty(&field.ty));
                Fields::Tuple(types.collect())
            }
            syn::Fields::Named(fields) => {
                let named = fields.named.iter().filter_map(|field| {
                    Some((field.ident.as_ref()?.to_string(), self.ty(&field.ty)?))
                });
                Fields::Named(named.collect())
            }
        }
    }

    /// The version that this is the module of: one with the trait of a server in it.
    fn version(&self, items: &[syn::Item]) -> Option<Version> {
        let server = items.iter().find_map(|item| match item {
            syn::Item::Trait(item) if item.ident == "Server" => Some(item),
            _ => None,
        })?;
        let calls: HashMap<String, Vec<Ty>> = items
            .iter()
            .filter_map(|item| match item {
                syn::Item::Impl(item) if item.trait_.is_none() => Some(&item.items),
                _ => None,
            })
            .flatten()
            .filter_map(|item| match item {
                syn::ImplItem::Fn(function) => Some(&function.sig),
                _ => None,
            })
            .map(|call| {
                let types = self.parameters(call).into_iter().map(|(_, ty)| ty);
                (call.ident.to_string(), types.collect())
            })
            .collect();
        let procedures = server.items.iter().filter_map(|item| match item {
            syn::TraitItem::Fn(function) => Some(function),
            _ => None,
        });
        let procedures = procedures.filter_map(|function| {
            let name = function.sig.ident.to_string();
            Some(Procedure {
                docs: function.attrs.iter().filter_map(doc).collect(),
                parameters: self.parameters(&function.sig).into_iter().skip(1).collect(),
                arguments: calls.get(&name).cloned().unwrap_or_default(),
                result: self.result(&function.sig)?,
                answered: function.default.as_ref().is_some_and(says_ok),
                function: name,
            })
        });
        Some(Version {
            path: self.path.clone(),
            procedures: procedures.collect(),
        })
    }

    /// The parameters of a function, but `self`.
    fn parameters(&self, function: &syn::Signature) -> Vec<(String, Ty)> {
        let typed = function.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(input) => Some(input),
            syn::FnArg::Receiver(_) => None,
        });
        let named = typed.filter_map(|input| match &*input.pat {
            syn::Pat::Ident(name) => Some((name.ident.to_string(), self.ty(&input.ty)?)),
            _ => None,
        });
        named.collect()
    }

    /// The `T` of a function that gives a `Future<Output = Result<T, …>>`.
    fn result(&self, function: &syn::Signature) -> Option<Ty> {
        let syn::ReturnType::Type(_, ty) = &function.output else {
            return None;
        };
        let syn::Type::ImplTrait(future) = &**ty else {
            return None;
        };
        let syn::TypeParamBound::Trait(future) = future.bounds.first()? else {
            return None;
        };
        let syn::PathArguments::AngleBracketed(output) = &future.path.segments.last()?.arguments
        else {
            return None;
        };
        let syn::GenericArgument::AssocType(output) = output.args.first()? else {
            return None;
        };
        match self.ty(&output.ty)? {
            Ty::Path(_, arguments) => arguments.into_iter().next(),
            _ => None,
        }
    }
}

fn derives_default(attribute: &syn::Attribute) -> bool {
    let syn::Meta::List(list) = &attribute.meta else {
        return false;
    };
    let words = list.tokens.clone().into_iter();
    list.path.is_ident("derive") && words.into_iter().any(|word| word.to_string() == "Default")
}

/// A line of documentation.
fn doc(attribute: &syn::Attribute) -> Option<String> {
    let syn::Meta::NameValue(doc) = &attribute.meta else {
        return None;
    };
    match &doc.value {
        syn::Expr::Lit(literal) if doc.path.is_ident("doc") => match &literal.lit {
            syn::Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a function's body ends in a future that comes to `Ok(…)`.
fn says_ok(body: &syn::Block) -> bool {
    let Some(syn::Stmt::Expr(syn::Expr::Async(future), None)) = body.stmts.last() else {
        return false;
    };
    let Some(syn::Stmt::Expr(syn::Expr::Call(call), None)) = future.block.stmts.last() else {
        return false;
    };
    matches!(&*call.func, syn::Expr::Path(function) if function.path.is_ident("Ok"))
}
