//! Enums: open, closed, or numbers with names.

use std::collections::HashMap;

use crate::ir::{Enum, Member, TypeDef, TypeId};
use crate::options::{Enums, Naming, Part};

use super::scope::Scope;
use super::text::Code;
use super::{File, docs};

/// The enumerators of an enum, each with its Rust name.
struct Members<'a> {
    /// The first of each value.
    listed: Vec<(&'a Member, &'a str)>,
    /// Others, with the Rust name of the first that has their value.
    aliases: Vec<(&'a Member, &'a str)>,
}

impl File<'_> {
    pub(super) fn enumeration(
        &self,
        id: TypeId,
        def: &TypeDef,
        kind: &Enum,
        code: &mut Code,
        scope: &Scope<'_>,
    ) {
        let members = self.members(id, kind);
        let newtype = self.options.enums == Enums::Newtype;
        if self.has(Part::Types) {
            code.blank();
            code.docs(&docs::item(
                &def.docs,
                &format!("`enum {}`", def.name),
                &def.definition,
            ));
            match newtype {
                true => self.number(id, kind, code),
                false => self.variants(id, &members, code, scope),
            }
            self.member_constants(id, kind, code);
        }
        if self.has(Part::Codec) {
            code.blank();
            let name = self.name(id, scope);
            let listed = members.listed.iter();
            let listed = listed.map(|(member, name)| format!("{name} = {}", member.value));
            let listed: Vec<_> = listed.collect();
            let head = "oncrpc_xdr::enumeration!";
            match self.options.enums {
                Enums::Open => code.list(&format!("{head}({name}"), &listed, ");"),
                Enums::Closed => code.list(&format!("{head}(closed {name}"), &listed, ");"),
                Enums::Newtype => code.line(&format!("{head}(newtype {name});")),
            }
        }
        if self.has(Part::Types)
            && let Some(cfg) = self.serde_cfg()
        {
            code.blank();
            code.attributes(cfg);
            let how = match self.options.enums {
                Enums::Open => "",
                Enums::Closed => "closed ",
                Enums::Newtype => "newtype ",
            };
            let name = &self.names.types[id.0];
            let listed = members.listed.iter().map(|(_, name)| (*name).to_owned());
            let listed: Vec<_> = listed.collect();
            code.list(
                &format!("oncrpc_xdr::serde_enumeration!({how}{name}"),
                &listed,
                ");",
            );
        }
    }

    fn members<'a>(&'a self, id: TypeId, kind: &'a Enum) -> Members<'a> {
        let mut first_of = HashMap::new();
        let (mut listed, mut aliases) = (Vec::new(), Vec::new());
        for (member, name) in kind.members.iter().zip(self.names.members(id)) {
            match first_of.get(&member.value) {
                None => {
                    first_of.insert(member.value, &name[..]);
                    listed.push((member, &name[..]));
                }
                Some(first) => aliases.push((member, *first)),
            }
        }
        Members { listed, aliases }
    }

    /// An enum with a variant for each value.
    fn variants(&self, id: TypeId, members: &Members<'_>, code: &mut Code, scope: &Scope<'_>) {
        let name = &self.names.types[id.0];
        let open = self.options.enums == Enums::Open;
        let variants = members.listed.iter().map(|(_, name)| *name);
        code.attributes(self.derive(id));
        code.attributes(self.allow_enum(name, variants));
        code.block(&format!("pub enum {name}"), |code| {
            for (member, name) in &members.listed {
                code.docs(&member_docs(member));
                if member.value == 0 {
                    code.line("#[default]");
                }
                match open {
                    true => code.line(&format!("{name},")),
                    false => code.line(&format!("{name} = {},", member.value)),
                }
            }
            if open {
                code.line("/// A value that is not listed.");
                code.line(&format!("Unknown({}),", scope.xdr("Unknown")));
            }
        });
        if self.names.naming == Naming::Rust && !members.aliases.is_empty() {
            code.blank();
            code.block(&format!("impl {name}"), |code| {
                for (member, first) in &members.aliases {
                    let alias = self.names.naming.constant(&member.name);
                    code.blank();
                    code.docs(&member_docs(member));
                    code.line(&format!("pub const {alias}: Self = Self::{first};"));
                }
            });
        }
    }

    /// A number with a constant for each value.
    fn number(&self, id: TypeId, kind: &Enum, code: &mut Code) {
        let name = &self.names.types[id.0];
        code.attributes(self.derive(id));
        code.attributes(self.names.naming.allow([&name[..]], []));
        code.line(&format!("pub struct {name}("));
        code.line("    /// The value, listed or not.");
        code.line("    pub i32,");
        code.line(");");
        code.blank();
        code.block(&format!("impl {name}"), |code| {
            for (member, name) in kind.members.iter().zip(self.names.members(id)) {
                code.blank();
                code.docs(&member_docs(member));
                code.attributes(self.allow_global(name));
                code.line(&format!("pub const {name}: Self = Self({});", member.value));
            }
        });
    }

    /// The enumerators as constants beside the enum, as C has them.
    fn member_constants(&self, id: TypeId, kind: &Enum, code: &mut Code) {
        if self.names.naming != Naming::C {
            return;
        }
        let name = &self.names.types[id.0];
        for member in &kind.members {
            let constant = self.names.naming.constant(&member.name);
            let first = self.names.member(id, member.value.into());
            code.blank();
            code.docs(&docs::item(
                &Default::default(),
                "",
                &format!("{} = {}", member.name, member.value),
            ));
            code.attributes(self.allow_global(&constant));
            code.line(&format!("pub const {constant}: {name} = {name}::{first};"));
        }
    }

    /// The attribute for an enum whose names are not what rustc and clippy want.
    pub(super) fn allow_enum<'n>(
        &self,
        name: &'n str,
        variants: impl Iterator<Item = &'n str> + Clone,
    ) -> Vec<String> {
        let mut attributes = Vec::new();
        attributes.extend(self.names.naming.allow(variants.clone().chain([name]), []));
        if share_a_word(name, variants) {
            attributes.push("#[allow(clippy::enum_variant_names)]".to_owned());
        }
        attributes
    }
}

/// Whether all names begin or end with the same word, or one of them does with `of`.
fn share_a_word<'n>(of: &str, names: impl Iterator<Item = &'n str>) -> bool {
    let names: Vec<_> = names.collect();
    let alike = |word: fn(&'n str) -> &'n str| {
        let mut words = names.iter().map(|name| word(name));
        let first = words.next();
        names.len() >= 3 && words.all(|word| Some(word) == first)
    };
    let like_the_enum = |name: &&str| name.starts_with(of) || name.ends_with(of);
    alike(first_word) || alike(last_word) || names.iter().any(like_the_enum)
}

fn first_word(name: &str) -> &str {
    let next = name
        .char_indices()
        .skip(1)
        .find(|(_, letter)| begins_word(*letter));
    &name[..next.map_or(name.len(), |(at, _)| at)]
}

fn last_word(name: &str) -> &str {
    &name[name.rfind(begins_word).unwrap_or(0)..]
}

fn begins_word(letter: char) -> bool {
    letter.is_ascii_uppercase() || letter == '_'
}

fn member_docs(member: &Member) -> Vec<String> {
    let definition = format!("{} = {}", member.name, member.value);
    docs::item(&member.docs, "", &definition)
}
