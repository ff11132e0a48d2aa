//! How code names what lies outside of the module that it is in.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

/// A module of the generated file.
///
/// Names are written short and imported, unless the module uses the same name for something else.
pub(super) struct Scope<'a> {
    /// How many modules lie between this one and that of the file's types.
    depth: usize,
    /// Names that mean something in this module.
    own: HashSet<&'a str>,
    /// Where `Vec`, `Box` and `String` come from: `alloc` in a crate without `std`.
    no_std: bool,
    /// Set outside of what is generated: where the file's module is.
    root: Option<&'a str>,
    imports: RefCell<Imports>,
}

/// What a module imports: names, and the path that each comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Imports(BTreeMap<String, String>);

impl Imports {
    /// The names in order, by their paths, in the order that rustfmt has.
    pub(super) fn by_path(&self) -> Vec<(&str, Vec<&str>)> {
        let mut paths: BTreeMap<(bool, &str), Vec<&str>> = BTreeMap::new();
        for (name, path) in &self.0 {
            let key = (!path.starts_with("super"), &path[..]);
            paths.entry(key).or_default().push(name);
        }
        let paths = paths.into_iter();
        paths.map(|((_, path), names)| (path, names)).collect()
    }
}

impl<'a> Scope<'a> {
    /// A module so deep below that of the file's types, in which `own` are names that mean something already.
    pub(super) fn new(depth: usize, own: HashSet<&'a str>, no_std: bool) -> Self {
        Self {
            depth,
            own,
            no_std,
            root: None,
            imports: RefCell::default(),
        }
    }

    /// A place outside of what is generated, where everything is named by its whole path. The file's module is
    /// `root`.
    pub(super) fn outside(root: &'a str) -> Self {
        Self {
            root: Some(root),
            ..Self::new(0, HashSet::new(), false)
        }
    }

    /// A type, constant or module of the file, or of another one whose module is `file`.
    pub(super) fn item(&self, file: Option<&str>, name: &str) -> String {
        if let Some(root) = self.root {
            let beside = root.rsplit_once("::").map_or(root, |(library, _)| library);
            return match file {
                Some(file) => format!("{beside}::{file}::{name}"),
                None => format!("{root}::{name}"),
            };
        }
        let supers = self.depth + usize::from(file.is_some());
        if supers == 0 {
            return name.to_owned();
        }
        let mut path = vec!["super"; supers].join("::");
        if let Some(file) = file {
            path = format!("{path}::{file}");
        }
        if PRELUDE.iter().any(|(known, _)| *known == name) {
            return format!("{path}::{name}");
        }
        self.library(&path, name)
    }

    /// A type that no .x file defines: one word, `self::…` and `super::…` are as the module with the types sees
    /// them, all other paths begin at a crate.
    pub(super) fn foreign(&self, path: &str) -> String {
        if let (Some(root), Some(inside)) = (self.root, path.strip_prefix("crate::")) {
            let library = root.split("::").next().unwrap_or(root);
            return format!("{library}::{inside}");
        }
        let local = path.strip_prefix("self::").unwrap_or(path);
        let is_local = local != path || local.starts_with("super::") || !path.contains("::");
        let Some(root) = self.root else {
            return match is_local {
                true => format!("{}{local}", "super::".repeat(self.depth)),
                false => path.to_owned(),
            };
        };
        match path.strip_prefix("crate::") {
            Some(rest) => format!("{}::{rest}", root.split("::").next().unwrap_or(root)),
            None if is_local => beneath(root, local),
            None => path.to_owned(),
        }
    }

    /// A name of the standard prelude.
    pub(super) fn prelude(&self, name: &str) -> String {
        let Some((_, path)) = PRELUDE.iter().find(|(known, _)| *known == name) else {
            return name.to_owned();
        };
        match path.strip_prefix("std::") {
            Some(allocated) if self.no_std => self.library(&format!("alloc::{allocated}"), name),
            _ if self.own.contains(name) => format!("::{path}::{name}"),
            _ => name.to_owned(),
        }
    }

    /// What a library has at `path`.
    pub(super) fn library(&self, path: &str, name: &str) -> String {
        if self.root.is_some() {
            return format!("{path}::{name}");
        }
        let mut imports = self.imports.borrow_mut();
        let elsewhere = imports.0.get(name).is_some_and(|other| other != path);
        if elsewhere || self.own.contains(name) {
            return format!("{path}::{name}");
        }
        if !imports.0.contains_key(name) {
            imports.0.insert(name.to_owned(), path.to_owned());
        }
        name.to_owned()
    }

    /// A type or module of `oncrpc_xdr`.
    pub(super) fn xdr(&self, name: &str) -> String {
        self.library("oncrpc_xdr", name)
    }

    /// What has been named so far.
    pub(super) fn imports(self) -> Imports {
        self.imports.into_inner()
    }
}

/// A path that the module `root` sees, as one that is seen from outside.
fn beneath(root: &str, path: &str) -> String {
    match (path.strip_prefix("super::"), root.rsplit_once("::")) {
        (Some(rest), Some((above, _))) => beneath(above, rest),
        _ => format!("{root}::{path}"),
    }
}

/// Names that code uses without importing them, and the paths of what they mean.
const PRELUDE: [(&str, &str); 7] = [
    ("Box", "std::boxed"),
    ("Option", "core::option"),
    ("Result", "core::result"),
    ("Send", "core::marker"),
    ("String", "std::string"),
    ("Sync", "core::marker"),
    ("Vec", "std::vec"),
];
