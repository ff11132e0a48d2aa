//! Random values of a type, as RFC 4506 has them on the wire: the encoder that the other two are held to.

use std::collections::HashMap;

use oncrpc_rpcgen::ir::{
    Builtin, DiscriminantKind, Enum, Field, Size, Struct, Type, TypeId, TypeKind, Union, Unit,
};

use super::random::Random;

/// What kind of value is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    /// The least of everything: smallest numbers, nothing in what may be empty.
    Least,
    /// The most of everything: largest numbers, all that the bounds allow.
    Most,
    /// Zeros, and one element each.
    Zeros,
    /// Anything.
    Any,
}

/// Makes values of the types of a unit.
pub struct Values<'a> {
    unit: &'a Unit,
    random: Random,
    wanted: Wanted,
    /// Whether enums may be what they do not list.
    unlisted: bool,
    /// The next arm of each union and the next enumerator of each enum: none is left to chance.
    turns: HashMap<TypeId, usize>,
    /// How many lengths are still to be within their bounds before one exceeds its own, if one is to.
    excess_in: Option<usize>,
    depth: usize,
    bytes: Vec<u8>,
}

impl<'a> Values<'a> {
    /// Those that belong to this name.
    pub fn new(unit: &'a Unit, name: &str) -> Self {
        Self {
            unit,
            random: Random::of(name, 0),
            wanted: Wanted::Any,
            unlisted: false,
            turns: HashMap::new(),
            excess_in: None,
            depth: 0,
            bytes: Vec::new(),
        }
    }

    /// The bytes of the `number`th value of these types, one after the other. Edges come first.
    pub fn value(&mut self, number: usize, types: &[Type]) -> Vec<u8> {
        self.wanted = match number {
            0 => Wanted::Least,
            1 => Wanted::Most,
            2 => Wanted::Zeros,
            _ => Wanted::Any,
        };
        self.unlisted = number % 2 == 1;
        for ty in types {
            self.put(ty);
        }
        std::mem::take(&mut self.bytes)
    }

    /// The bytes of a value one length of which exceeds its bound by one; `None` if it has no such length.
    pub fn excessive(&mut self, types: &[Type]) -> Option<Vec<u8>> {
        self.excess_in = Some(self.random.below(6));
        let bytes = self.value(usize::MAX, types);
        self.excess_in.take().is_none().then_some(bytes)
    }

    fn put(&mut self, ty: &Type) {
        match ty {
            Type::Builtin(builtin) => self.number(*builtin),
            Type::Named(id) => self.named(*id),
            Type::Extern(path) => panic!("nothing is known of {path}"),
            Type::OpaqueFixed(size) => self.opaque(size.value as usize, u8::MIN),
            Type::Opaque(max) => {
                let len = self.length(max, 1);
                self.word(len);
                self.opaque(len as usize, u8::MIN);
            }
            Type::Text(max) => {
                let len = self.length(max, 1);
                self.word(len);
                self.text(len as usize);
            }
            Type::Fixed(element, size) => {
                for _ in 0..size.value {
                    self.put(element);
                }
            }
            Type::Array(element, max) => {
                let count = self.length(max, self.unit.min_len(element));
                self.word(count);
                for _ in 0..count {
                    self.deeper(|values| values.put(element));
                }
            }
            Type::Optional(inner) => {
                if self.flag() {
                    self.deeper(|values| values.put(inner));
                }
            }
            Type::Boxed(inner) => self.put(inner),
            Type::List(node) => {
                for _ in 0..NODES {
                    if !self.flag() {
                        return;
                    }
                    self.deeper(|values| values.named(*node));
                }
                self.word(0);
            }
        }
    }

    fn deeper(&mut self, put: impl FnOnce(&mut Self)) {
        self.depth += 1;
        put(self);
        self.depth -= 1;
    }

    fn named(&mut self, id: TypeId) {
        let unit = self.unit;
        match &unit.ty(id).kind {
            TypeKind::Alias(ty) => self.put(ty),
            TypeKind::Enum(def) => self.enumerator(id, def),
            TypeKind::Struct(Struct { fields, .. }) => {
                for field in fields {
                    self.put(&field.ty);
                }
            }
            TypeKind::Union(def) => self.union(id, def),
        }
    }

    /// Each enumerator in turn, and in half of the values what is none.
    fn enumerator(&mut self, id: TypeId, def: &Enum) {
        let turn = self.turn(id, def.members.len() + usize::from(self.unlisted));
        match def.members.get(turn) {
            Some(member) => self.word(member.value.cast_unsigned()),
            None => {
                let value = self.random.next();
                self.bytes.extend(&value.to_be_bytes()[..4]);
            }
        }
    }

    /// Each label in turn, and where there is a default arm, a value without a label.
    fn union(&mut self, id: TypeId, def: &Union) {
        let labels = def
            .arms
            .iter()
            .flat_map(|arm| arm.labels.iter().map(move |label| (arm, label)));
        let labels: Vec<_> = labels.collect();
        let turn = self.turn(id, labels.len() + usize::from(def.default.is_some()));
        let kind = def.discriminant.kind;
        let field = match (labels.get(turn), &def.default) {
            (Some((arm, label)), _) => {
                self.discriminant(kind, label.value);
                arm.field.as_ref()
            }
            (None, Some(default)) => {
                let listed = |value: &i64| labels.iter().any(|(_, label)| label.value == *value);
                let mut value = self.unlisted(kind);
                while listed(&value) {
                    value = self.unlisted(kind);
                }
                self.discriminant(kind, value);
                default.field.as_ref()
            }
            (None, None) => panic!("a union without arms"),
        };
        if let Some(Field { ty, .. }) = field {
            self.put(ty);
        }
    }

    fn turn(&mut self, id: TypeId, turns: usize) -> usize {
        let turn = self.turns.entry(id).or_default();
        *turn += 1;
        (*turn - 1) % turns
    }

    /// A value that may have no label.
    fn unlisted(&mut self, kind: DiscriminantKind) -> i64 {
        let bits = self.random.next().cast_signed();
        // Small ones are likely to be near a label.
        let bits = if self.random.once_in(2) {
            bits % 20
        } else {
            bits
        };
        match kind {
            DiscriminantKind::Bool => bits & 1,
            DiscriminantKind::Enum(_) => i64::from(bits as i32),
            DiscriminantKind::Number(builtin) => match builtin {
                Builtin::Char => i64::from(bits as i8),
                Builtin::UnsignedChar => i64::from(bits as u8),
                Builtin::Short => i64::from(bits as i16),
                Builtin::UnsignedShort => i64::from(bits as u16),
                Builtin::UnsignedInt => i64::from(bits as u32),
                Builtin::Hyper => bits,
                _ => i64::from(bits as i32),
            },
        }
    }

    fn discriminant(&mut self, kind: DiscriminantKind, value: i64) {
        match kind {
            DiscriminantKind::Number(Builtin::Hyper) => self.bytes.extend(value.to_be_bytes()),
            _ => self.word(value as u32),
        }
    }

    /// Whether an optional is there, or another node of a list.
    fn flag(&mut self) -> bool {
        let there = match self.wanted {
            _ if self.depth >= DEEPEST || self.bytes.len() >= self.room() => false,
            Wanted::Least => false,
            Wanted::Most | Wanted::Zeros => self.depth == 0 || self.random.once_in(2),
            Wanted::Any => !self.random.once_in(3),
        };
        self.word(there.into());
        there
    }

    /// A length within `max`, of elements of `each` bytes.
    fn length(&mut self, max: &Size, each: u64) -> u32 {
        let each = usize::try_from(each).unwrap_or(usize::MAX).max(1);
        let max = max.value as usize;
        if let Some(excess) = &mut self.excess_in {
            if *excess > 0 {
                *excess -= 1;
            } else if max < LONGEST / each {
                self.excess_in = None;
                return max as u32 + 1;
            }
        }
        let holds = self.room().saturating_sub(self.bytes.len()) / each;
        let most = match self.depth {
            DEEPEST.. => 0,
            _ => max.min(holds),
        };
        let length = match self.wanted {
            Wanted::Least => 0,
            // What has no bound has no most.
            Wanted::Most if max > LONGEST => most.min(FEW),
            Wanted::Most => most,
            Wanted::Zeros => most.min(1),
            Wanted::Any if max <= LONGEST && self.random.once_in(16) => most,
            Wanted::Any => self.random.below(most.min(FEW) + 1),
        };
        length as u32
    }

    fn room(&self) -> usize {
        match self.wanted {
            Wanted::Most => LONGEST,
            _ => USUAL,
        }
    }

    /// A string, which is ASCII more often than not. That one of C ends at a zero is a difference with a test
    /// of its own.
    fn text(&mut self, len: usize) {
        if self.wanted != Wanted::Any || self.random.once_in(4) {
            return self.opaque(len, 1);
        }
        for _ in 0..len {
            let byte = b' ' + (self.random.below(usize::from(b'~' - b' ' + 1)) as u8);
            self.bytes.push(byte);
        }
        self.pad();
    }

    /// Bytes that are `least` at least, and their padding.
    fn opaque(&mut self, len: usize, least: u8) {
        for _ in 0..len {
            let byte = match self.wanted {
                Wanted::Least | Wanted::Zeros => least,
                Wanted::Most => u8::MAX,
                Wanted::Any => (self.random.next() as u8).max(least),
            };
            self.bytes.push(byte);
        }
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    fn number(&mut self, builtin: Builtin) {
        // The range of what takes one word; those of the others are all values of their bits.
        let range = match builtin {
            Builtin::Char => i8::MIN.into()..=i8::MAX.into(),
            Builtin::UnsignedChar => 0..=u8::MAX.into(),
            Builtin::Short => i16::MIN.into()..=i16::MAX.into(),
            Builtin::UnsignedShort => 0..=u16::MAX.into(),
            Builtin::Int => i32::MIN.into()..=i32::MAX.into(),
            Builtin::UnsignedInt => 0..=u32::MAX.into(),
            Builtin::Bool => 0..=1,
            Builtin::Float => return self.bits(&FLOATS, 4),
            Builtin::Hyper | Builtin::UnsignedHyper | Builtin::Double => {
                return self.bits(&DOUBLES, 8);
            }
            Builtin::Quadruple => return self.opaque(16, u8::MIN),
        };
        let (least, most): (i64, i64) = range.into_inner();
        let value = match self.wanted {
            Wanted::Least => least,
            Wanted::Most => most,
            Wanted::Zeros => 0,
            Wanted::Any if self.random.once_in(4) => {
                let near = [least, least + 1, -1, 0, 1, 2, most - 1, most];
                self.random.one_of(&near).clamp(least, most)
            }
            Wanted::Any => {
                let span = (most - least + 1).cast_unsigned();
                least + (self.random.next() % span).cast_signed()
            }
        };
        self.word(value as u32);
    }

    /// A number of `len` bytes, any bits of which are a value, often one of `edges`.
    fn bits(&mut self, edges: &[u64], len: usize) {
        let bits = match self.wanted {
            Wanted::Least => edges[1],
            Wanted::Most => edges[2],
            Wanted::Zeros => 0,
            Wanted::Any if self.random.once_in(4) => self.random.one_of(edges),
            Wanted::Any => self.random.next() >> (64 - 8 * len),
        };
        self.bytes.extend(&bits.to_be_bytes()[8 - len..]);
    }

    fn word(&mut self, word: u32) {
        self.bytes.extend(word.to_be_bytes());
    }
}

/// Bits of floats: zero, least, most, infinity, smallest, minus zero, quiet and signalling NaN.
const FLOATS: [u64; 8] = [
    0,
    0xff7f_ffff,
    0x7f7f_ffff,
    0x7f80_0000,
    1,
    0x8000_0000,
    0x7fc0_0000,
    0xffa0_0001,
];

/// Bits of doubles, the same, and what these are as hypers: among them the least, the most and -1.
const DOUBLES: [u64; 10] = [
    0,
    1 << 63,
    u64::MAX,
    (1 << 63) - 1,
    1,
    0xffef_ffff_ffff_ffff,
    0x7fef_ffff_ffff_ffff,
    0x7ff0_0000_0000_0000,
    0x7ff8_0000_0000_0000,
    0xfff4_0000_0000_0001,
];

/// Deepest nesting of what may as well be absent.
const DEEPEST: usize = 7;
/// Bytes from which on a value does not grow further.
const USUAL: usize = 1024;
/// The same for values with the most of everything, and the largest bound that is met exactly.
const LONGEST: usize = 16 * 1024;
/// Most nodes of a list: where they are pointers, none may nest deeper than 128 levels.
const NODES: usize = 64;
/// Most elements of most arrays.
const FEW: usize = 9;
