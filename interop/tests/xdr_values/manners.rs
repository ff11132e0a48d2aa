//! The ways in which our rpcgen is asked to write Rust: what travels is always the same.

use oncrpc_rpcgen::Options;
use oncrpc_rpcgen::options::{Enums, Lists, Naming, Opaque, Strings};

/// A way to write Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// As it is without options.
    Usual,
    /// As near to C as it can be: its names, enums that are numbers, lists that are pointers.
    LikeC,
    /// What is not listed in an enum is refused, and so are strings that are not UTF-8.
    Strict,
}

impl Manner {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Usual, Self::LikeC, Self::Strict];

    /// The module of its Rust.
    pub fn module(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::LikeC => "like_c",
            Self::Strict => "strict",
        }
    }

    /// How rpcgen is asked for it.
    pub fn options(self) -> Options {
        match self {
            Self::Usual => Options::default(),
            Self::LikeC => Options {
                naming: Naming::C,
                strings: Strings::Bytes,
                opaque: Opaque::Vec,
                enums: Enums::Newtype,
                lists: Lists::Box,
                ..Options::default()
            },
            Self::Strict => Options {
                strings: Strings::Utf8,
                enums: Enums::Closed,
                ..Options::default()
            },
        }
    }

    /// What a type is called that the .x file calls `name`: lower case, words with a `_` between them.
    pub fn type_name(self, name: &str) -> String {
        match self {
            Self::LikeC => name.to_owned(),
            Self::Usual | Self::Strict => name.split('_').map(capital).collect(),
        }
    }

    /// What a procedure is called, the name of which is one word.
    pub fn procedure_name(self, name: &str) -> String {
        match self {
            Self::LikeC => name.to_owned(),
            Self::Usual | Self::Strict => capital(&name.to_lowercase()),
        }
    }
}

/// A word with a capital letter.
fn capital(word: &str) -> String {
    let (first, rest) = word.split_at(1);
    first.to_uppercase() + rest
}
