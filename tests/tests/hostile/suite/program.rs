//! What is asked of a server under test: its programs as tables.

use super::types::Type;

/// A program, as whoever calls it knows it.
pub struct Program {
    /// Its number.
    pub number: u32,
    /// What is asked of it.
    pub procedures: &'static [Procedure],
    /// The version whose null procedure says that the server is alive.
    pub null: u32,
    /// Longest record that the server takes, in bytes.
    pub record: usize,
    /// Most fragments of a record that it takes.
    pub fragments: usize,
    /// Longest datagram that it takes, in bytes.
    pub datagram: usize,
}

/// A procedure of a version of the program.
pub struct Procedure {
    /// What its messages are named after.
    pub name: &'static str,
    /// The version.
    pub version: u32,
    /// The number.
    pub number: u32,
    /// Its arguments.
    pub args: Type,
    /// Values of the arguments' words and bytes in their order, of a call as it should be.
    pub sample: &'static [Sample],
    /// What it answers.
    pub results: Results,
}

/// A value in a call as it should be.
#[derive(Clone, Copy)]
pub enum Sample {
    /// Of a number, a bool or a discriminant; how many elements an array or a list has.
    Word(u32),
    /// Of 8 bytes.
    Wide(u64),
    /// Of opaque data or a string.
    Bytes(&'static [u8]),
}

/// What a procedure answers to arguments that are well formed.
pub enum Results {
    /// Its arguments.
    Echo,
    /// Something of this type.
    Of(Type),
    /// The same, or one of these statuses: of what the arguments mean rpcbind has an opinion.
    OfOr(Type, &'static [u32]),
    /// What a call for others comes to that are not to be called: over streams nothing at all.
    Forwarded,
}

/// GARBAGE_ARGS of RFC 5531 section 9.
pub const GARBAGE_ARGS: u32 = 4;
/// SYSTEM_ERR.
pub const SYSTEM_ERR: u32 = 5;

impl Program {
    /// The versions that are served, lowest first.
    pub fn versions(&self) -> (u32, u32) {
        let versions = || self.procedures.iter().map(|procedure| procedure.version);
        let (low, high) = (versions().min(), versions().max());
        (low.unwrap_or(0), high.unwrap_or(0))
    }

    /// The procedure of this version and number.
    pub fn find(&self, version: u32, number: u32) -> Option<&Procedure> {
        let is = |known: &&Procedure| (known.version, known.number) == (version, number);
        self.procedures.iter().find(is)
    }
}
