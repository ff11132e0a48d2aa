//! What the generated Rust looks like, as far as the user decides.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::translate::is_path;

/// How Rust is generated: the same for a build.rs and for the `rpcgen` command.
///
/// The defaults are what suits most programs; each field says what the others are for.
///
/// ```no_run
/// use oncrpc_rpcgen::options::{Enums, Options, Serde, Strings};
///
/// let options = Options {
///     strings: Strings::Utf8,
///     enums: Enums::Closed,
///     serde: Serde::Feature("serde".to_owned()),
///     ..Options::default()
/// };
/// oncrpc_rpcgen::Config::new()
///     .options(options)
///     .compile(&["hello.x"])
///     .unwrap_or_else(|error| panic!("{error}"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// How names are written.
    pub naming: Naming,
    /// What `string<>` is.
    pub strings: Strings,
    /// What `opaque<>` is.
    pub opaque: Opaque,
    /// What an `enum` is.
    pub enums: Enums,
    /// What a chain of structs is, each linked to the next by its last field.
    pub lists: Lists,
    /// Whether types are serde's, too.
    pub serde: Serde,
    /// Whether the code is for a crate without `std`.
    ///
    /// It then names `Vec`, `Box` and `String` by `alloc`, which the crate declares (`extern crate alloc;`), and
    /// nothing of `oncrpc`: of [`parts`](Self::parts) there are types and codec only, and of a procedure its
    /// number.
    pub no_std: bool,
    /// What is generated: everything, unless some parts are named.
    pub parts: Parts,
    /// Paths of further traits that every struct, union and enum derives: `Ord`, `zerocopy::KnownLayout`.
    ///
    /// They must hold for all types of the file. rpcgen itself derives `Clone`, `Debug` and `PartialEq` for all,
    /// `Eq` and `Hash` where there is no float, `Copy` for what takes at most 64 bytes and owns nothing, and
    /// `Default` for structs whose parts have it and enums with a member of value 0.
    pub derives: Vec<String>,
}

/// Options that contradict each other, or that no Rust can come of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionsError(String);

impl OptionsError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

impl Options {
    /// Whether `part` is generated. Without `std` there are types and their codec only.
    pub fn generates(&self, part: Part) -> bool {
        let possible = !self.no_std || matches!(part, Part::Types | Part::Codec);
        possible && self.parts.has(part)
    }

    /// Whether Rust can be generated so.
    ///
    /// # Errors
    ///
    /// Says which options contradict each other.
    pub fn check(&self) -> Result<(), OptionsError> {
        if self.parts.0.is_empty() {
            return Err(OptionsError::new("there is no part to generate"));
        }
        if self.no_std && !self.generates(Part::Types) && !self.generates(Part::Codec) {
            let what = "without std there are types and their codec only, and neither is asked for";
            return Err(OptionsError::new(what));
        }
        if let Serde::Feature(feature) = &self.serde {
            let is_word = |letter: char| letter.is_alphanumeric() || "_-+.".contains(letter);
            if feature.is_empty() || !feature.chars().all(is_word) {
                let what = format!("`{feature}` is not the name of a feature");
                return Err(OptionsError::new(what));
            }
        }
        for (index, path) in self.derives.iter().enumerate() {
            let what = if !is_path(path) {
                "is not the path of a trait"
            } else if CHOSEN.contains(&path.as_str()) {
                "is derived wherever it holds"
            } else if self.derives[..index].contains(path) {
                "is to be derived twice"
            } else {
                continue;
            };
            return Err(OptionsError::new(format!("`{path}` {what}")));
        }
        Ok(())
    }
}

/// Traits that rpcgen derives by itself.
const CHOSEN: [&str; 7] = [
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Eq",
    "Hash",
    "PartialEq",
];

/// How names are written.
///
/// A name that Rust keeps for itself becomes a raw one (`r#type`) or gets a `_` (`self_`); where two things would
/// have one name, the later one gets a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// As Rust has them: `struct rpcb_entry` is `RpcbEntry`, and `NFS3ERR_IO` is `Nfsstat3::ErrIo`.
    #[default]
    Rust,
    /// As the .x file has them, for programs that are carried over from C; enumerators are constants, too.
    ///
    /// Procedures are methods in small letters, as in C, and modules are called as with [`Rust`](Self::Rust).
    C,
}

/// What `string<>` is in Rust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strings {
    /// `oncrpc_xdr::XdrString`: bytes that are text as a rule, but need not be UTF-8.
    #[default]
    Xdr,
    /// `String`: what is not UTF-8 is refused, by an error of its own (`DecodeFault::NotUtf8`).
    Utf8,
    /// `Bytes`, as for opaque data.
    Bytes,
}

/// What `opaque<>` is in Rust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Opaque {
    /// `Bytes`: a slice of the message that it came in, which it keeps in memory.
    #[default]
    Bytes,
    /// `Vec<u8>`: a copy.
    Vec,
}

/// What an `enum` is in Rust.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Enums {
    /// An enum with a variant for values that are not listed, since peers of another age send them.
    #[default]
    Open,
    /// An enum of the listed values, with these as its discriminants; others are refused, where they are decoded
    /// and by `TryFrom<i32>`.
    Closed,
    /// `struct Name(pub i32)` with a constant for each listed value, which is a pattern, too: 4 bytes, any value.
    Newtype,
}

/// What a chain of structs is in Rust, each linked to the next by its last field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lists {
    /// A `Vec`, of any length.
    #[default]
    Vec,
    /// `Option<Box<_>>`, as it is written, and no longer than the limit of nesting.
    Box,
}

/// Whether types have serde's `Serialize` and `Deserialize`.
///
/// The crate needs `serde` with its feature `derive`, and `oncrpc-xdr` with its feature `serde`. Structs and unions
/// derive the traits. In formats for people, enums are the names of their variants, and numbers where they have
/// none; strings are text, or their bytes where they are not UTF-8. Types from outside must be serde's by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Serde {
    /// They do not.
    #[default]
    Off,
    /// They do.
    On,
    /// They do if a feature of the user's crate is on.
    Feature(String),
}

/// A part of what is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Constants, types, and the numbers and procedures of programs. The procedures need the codec beside them.
    Types,
    /// What encodes and decodes the types.
    Codec,
    /// The client of each version.
    Client,
    /// The trait of a server of each version, and the service that is made of it.
    Server,
    /// The table of each version's procedures.
    Table,
}

/// The parts that are generated.
///
/// All of them are one file. What is generated without [`Part::Types`] is a module of its own beside the types, which
/// it finds in `super`: `mod nfs { include!("nfs.rs"); mod client { include!("nfs_client.rs"); } }`. There it has
/// the same modules for programs and versions: `client::nfs_program::v3::Client`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts(BTreeSet<Part>);

impl Default for Parts {
    fn default() -> Self {
        use Part::{Client, Codec, Server, Table, Types};
        Self([Types, Codec, Client, Server, Table].into())
    }
}

impl Parts {
    /// These and no others.
    pub fn only(parts: impl IntoIterator<Item = Part>) -> Self {
        Self(parts.into_iter().collect())
    }

    /// Whether `part` is generated.
    pub fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }
}

/// How .x files are read: the same for a build.rs and for the `rpcgen` command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Where `#include` looks behind the folder of the file that includes.
    pub include: Vec<PathBuf>,
    /// Macros that are defined from the start; without a value they are 1.
    pub defines: Vec<(String, Option<String>)>,
    /// Types that no file defines, and the paths of the Rust types that they are.
    pub extern_types: BTreeMap<String, String>,
    /// Bounds for what has none, by `type.field`, or by the name of a typedef.
    pub bounds: BTreeMap<String, u32>,
    /// The preprocessor that reads the files instead of the one built in.
    pub cpp: Option<PathBuf>,
    /// Whether what Sun's rpcgen refuses is an error.
    pub sun: bool,
    /// Whether procedures may have several arguments even so, as they may for Sun's rpcgen with `-N`.
    pub new_style: bool,
}
