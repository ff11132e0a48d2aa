//! What bytes mean to either side, word by word: RFC 4506, and the ways in which each is known to depart from it.

use std::collections::BTreeSet;
use std::fmt;

use oncrpc_rpcgen::ir::{
    Builtin, Discriminant, DiscriminantKind, Field, Member, Struct, Type, TypeId, TypeKind, Unit,
};

use super::manners::Manner;

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// C made by Debian's rpcgen, with libtirpc.
    Theirs,
    /// Rust made by our rpcgen.
    Ours(Manner),
}

/// A way in which what the two sides make of the same bytes differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// A bool, or the flag before an optional or a node of a list, that is neither 0 nor 1: libtirpc takes it for
    /// TRUE, we refuse it, as RFC 4506 section 4.4 has it.
    Bool,
    /// A char or short in a word that says more than these hold: libtirpc drops the upper bits, we refuse it.
    Narrow,
    /// A string with a zero byte in it: libtirpc ends it there when it is encoded, we keep it.
    Zero,
    /// A value that its enum does not list: C keeps it, and so do we, but not where enums are closed.
    Unlisted,
    /// A string that is not UTF-8: C keeps it, and so do we, but not where strings are UTF-8.
    NotUtf8,
    /// A bool that is neither 0 nor 1 in a run of words that rpcgen inlines: C keeps it as it came.
    InlinedBool,
}

impl Difference {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Bool,
        Self::Narrow,
        Self::Zero,
        Self::Unlisted,
        Self::NotUtf8,
        Self::InlinedBool,
    ];

    /// What COMPATIBILITY.md calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Narrow => "narrow-number",
            Self::Zero => "zero-in-string",
            Self::Unlisted => "unlisted-value",
            Self::NotUtf8 => "not-utf8",
            Self::InlinedBool => "inlined-bool",
        }
    }
}

/// What one side makes of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A value, which took so many of the bytes and becomes these when it is encoded again.
    Value { taken: usize, bytes: Vec<u8> },
    /// No value, for this reason.
    Refused(String),
}

impl Read {
    /// A value that is all of these bytes, and these again.
    pub fn whole(bytes: &[u8]) -> Self {
        Self::Value {
            taken: bytes.len(),
            bytes: bytes.to_vec(),
        }
    }
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { taken, bytes } => write!(f, "a value of {taken} bytes: {}", Words(bytes)),
            Self::Refused(why) => write!(f, "no value: {why}"),
        }
    }
}

/// Bytes in words, as hexadecimal.
pub struct Words<'a>(pub &'a [u8]);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("nothing");
        }
        for (index, word) in self.0.chunks(4).enumerate() {
            let blank = if index == 0 { "" } else { " " };
            f.write_str(blank)?;
            word.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}

/// Reads the values of these types, one after the other; says also which differences it met.
pub fn read(unit: &Unit, side: Side, types: &[Type], bytes: &[u8]) -> (Read, BTreeSet<Difference>) {
    let mut reading = Reading {
        unit,
        side,
        rest: bytes,
        again: Vec::new(),
        differences: BTreeSet::new(),
    };
    let read = types.iter().try_for_each(|ty| reading.take(ty));
    let read = match read {
        Ok(()) => Read::Value {
            taken: bytes.len() - reading.rest.len(),
            bytes: reading.again,
        },
        Err(why) => {
            let at = bytes.len() - reading.rest.len();
            Read::Refused(format!("{why} (before byte {at})"))
        }
    };
    (read, reading.differences)
}

struct Reading<'a> {
    unit: &'a Unit,
    side: Side,
    rest: &'a [u8],
    /// The value so far, encoded again.
    again: Vec<u8>,
    differences: BTreeSet<Difference>,
}

type Taken<T> = Result<T, &'static str>;

impl<'a> Reading<'a> {
    fn take(&mut self, ty: &Type) -> Taken<()> {
        match ty {
            Type::Builtin(builtin) => self.number(*builtin),
            Type::Named(id) => self.named(*id),
            Type::Extern(path) => panic!("nothing is known of {path}"),
            Type::OpaqueFixed(size) => {
                let bytes = self.opaque(size.value)?;
                self.put_opaque(bytes);
                Ok(())
            }
            Type::Opaque(max) => {
                let len = self.length(max.value)?;
                let bytes = self.opaque(len)?;
                self.put_word(len);
                self.put_opaque(bytes);
                Ok(())
            }
            Type::Text(max) => {
                let len = self.length(max.value)?;
                let mut bytes = self.opaque(len)?;
                if let Some(zero) = bytes.iter().position(|&byte| byte == 0) {
                    self.differences.insert(Difference::Zero);
                    if self.side == Side::Theirs {
                        bytes = &bytes[..zero];
                    }
                }
                if self.strict() && str::from_utf8(bytes).is_err() {
                    self.differences.insert(Difference::NotUtf8);
                    return Err("the string is not UTF-8");
                }
                self.put_word(bytes.len() as u32);
                self.put_opaque(bytes);
                Ok(())
            }
            Type::Fixed(element, size) => (0..size.value).try_for_each(|_| self.take(element)),
            Type::Array(element, max) => {
                let count = self.length(max.value)?;
                self.put_word(count);
                (0..count).try_for_each(|_| self.take(element))
            }
            Type::Optional(inner) => match self.flag()? {
                true => self.take(inner),
                false => Ok(()),
            },
            Type::Boxed(inner) => self.take(inner),
            Type::List(node) => {
                while self.flag()? {
                    self.named(*node)?;
                }
                Ok(())
            }
        }
    }

    fn named(&mut self, id: TypeId) -> Taken<()> {
        let unit = self.unit;
        match &unit.ty(id).kind {
            TypeKind::Alias(ty) => self.take(ty),
            TypeKind::Enum(def) => {
                let value = self.word()?;
                self.put_word(value);
                let listed = |member: &Member| member.value == value.cast_signed();
                if self.strict() && !def.members.iter().any(listed) {
                    self.differences.insert(Difference::Unlisted);
                    return Err("the enum does not list this");
                }
                Ok(())
            }
            TypeKind::Struct(Struct { fields, .. }) => {
                fields.iter().try_for_each(|field| self.take(&field.ty))
            }
            TypeKind::Union(def) => {
                let value = self.discriminant(&def.discriminant)?;
                let mut arms = def.arms.iter();
                let arm = arms.find(|arm| arm.labels.iter().any(|label| label.value == value));
                let field = match (arm, &def.default) {
                    (Some(arm), _) => &arm.field,
                    (None, Some(default)) => &default.field,
                    (None, None) => return Err("no arm has this label"),
                };
                match field {
                    Some(Field { ty, .. }) => self.take(ty),
                    None => Ok(()),
                }
            }
        }
    }

    /// The discriminant as it will be encoded again.
    fn discriminant(&mut self, discriminant: &Discriminant) -> Taken<i64> {
        let at = self.again.len();
        self.take(&discriminant.ty)?;
        let bytes = &self.again[at..];
        if let Ok(bytes) = <[u8; 8]>::try_from(bytes) {
            return Ok(i64::from_be_bytes(bytes));
        }
        let word = <[u8; 4]>::try_from(bytes).map_or(0, u32::from_be_bytes);
        Ok(match discriminant.kind {
            DiscriminantKind::Number(Builtin::UnsignedInt) => word.into(),
            _ => word.cast_signed().into(),
        })
    }

    fn strict(&self) -> bool {
        self.side == Side::Ours(Manner::Strict)
    }

    fn number(&mut self, builtin: Builtin) -> Taken<()> {
        match builtin {
            Builtin::Hyper | Builtin::UnsignedHyper | Builtin::Double => self.keep(8),
            Builtin::Quadruple => self.keep(16),
            Builtin::Int | Builtin::UnsignedInt | Builtin::Float => self.keep(4),
            Builtin::Bool => self.flag().map(drop),
            Builtin::Char => self.narrow(|word| i32::from(word as i8)),
            Builtin::UnsignedChar => self.narrow(|word| i32::from(word as u8)),
            Builtin::Short => self.narrow(|word| i32::from(word as i16)),
            Builtin::UnsignedShort => self.narrow(|word| i32::from(word as u16)),
        }
    }

    /// A number that takes a word although it needs less.
    fn narrow(&mut self, kept: impl Fn(i32) -> i32) -> Taken<()> {
        let word = self.word()?.cast_signed();
        if kept(word) != word {
            self.differences.insert(Difference::Narrow);
            if self.side != Side::Theirs {
                return Err("the number is out of range");
            }
        }
        self.put_word(kept(word).cast_unsigned());
        Ok(())
    }

    fn flag(&mut self) -> Taken<bool> {
        let word = self.word()?;
        if word > 1 {
            self.differences.insert(Difference::Bool);
            if self.side != Side::Theirs {
                return Err("a bool is neither 0 nor 1");
            }
        }
        self.put_word((word != 0).into());
        Ok(word != 0)
    }

    fn length(&mut self, max: u32) -> Taken<u32> {
        let len = self.word()?;
        match len <= max {
            true => Ok(len),
            false => Err("the length exceeds its bound"),
        }
    }

    /// So many bytes; whatever pads them is ignored by both sides.
    fn opaque(&mut self, len: u32) -> Taken<&'a [u8]> {
        let len = len as usize;
        let padded = self.bytes(len.next_multiple_of(4))?;
        Ok(&padded[..len])
    }

    fn word(&mut self) -> Taken<u32> {
        let bytes = self.bytes(4)?;
        Ok(<[u8; 4]>::try_from(bytes).map_or(0, u32::from_be_bytes))
    }

    fn keep(&mut self, len: usize) -> Taken<()> {
        let bytes = self.bytes(len)?;
        self.again.extend(bytes);
        Ok(())
    }

    fn bytes(&mut self, len: usize) -> Taken<&'a [u8]> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or("the bytes end here")?;
        self.rest = rest;
        Ok(bytes)
    }

    fn put_word(&mut self, word: u32) {
        self.again.extend(word.to_be_bytes());
    }

    fn put_opaque(&mut self, bytes: &[u8]) {
        self.again.extend(bytes);
        self.again.resize(self.again.len().next_multiple_of(4), 0);
    }
}
