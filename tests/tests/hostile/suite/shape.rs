//! A call as it should be, taken apart into its fields.

use super::program::{Procedure, Program, Sample};
use super::types::{ANY, Type};

/// A call, field by field.
#[derive(Clone)]
pub struct Shape {
    /// What its messages are named after.
    pub name: String,
    /// The fields, in their order.
    pub fields: Vec<Field>,
}

/// A field of a message.
#[derive(Clone)]
pub struct Field {
    /// Its name, with the names of what it stands in before it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a field is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A word of which nothing else depends.
    Word,
    /// A word that says what follows: a flavor, a bool, a discriminant, a link.
    Choice,
    /// The length of opaque data or of a string, which is the next field; and its bound.
    Length(u32),
    /// How many bytes these many next fields have together.
    Body(usize),
    /// How many elements follow, in fields of which each element has this many; and its bound.
    Count {
        /// Fields of an element.
        each: usize,
        /// Most elements.
        bound: u32,
    },
    /// Opaque data or a string, of this many bytes and some that pad it.
    Data(usize),
    /// 8 bytes.
    Wide,
}

/// The xid of each message of the suite whose xid is not what is wrong with it.
pub const XID: u32 = 0x0bad_0001;

/// The flavor of a credential that names a user.
const AUTH_SYS: u32 = 1;

impl Shape {
    /// The call of a procedure as its sample has it, in nobody's name.
    pub fn of(program: &Program, procedure: &'static Procedure) -> Self {
        let mut shape = Self::in_nobodys_name(program, procedure.version, procedure.number);
        shape.name = procedure.name.to_owned();
        let mut sample = procedure.sample.iter();
        shape.value("", &procedure.args, &mut sample);
        shape
    }

    /// A null call in somebody's name, told by AUTH_SYS.
    pub fn in_a_name(program: &Program) -> Self {
        let mut shape = Self::header(program, program.null, 0);
        shape.name = "auth_sys".to_owned();
        shape.word("cred_flavor", Kind::Choice, AUTH_SYS);
        shape.word("cred_length", Kind::Body(8), 0);
        shape.word("stamp", Kind::Word, 0x1234_5678);
        shape.bytes("machinename", 255, b"hostile");
        shape.word("uid", Kind::Word, 1000);
        shape.word("gid", Kind::Word, 1000);
        shape.word("gids", Kind::Count { each: 1, bound: 16 }, 2);
        shape.word("gids[0]", Kind::Word, 4);
        shape.word("gids[1]", Kind::Word, 27);
        shape.verifier();
        shape.settle();
        shape
    }

    /// A null call with something in its verifier.
    pub fn with_a_verifier(program: &Program) -> Self {
        let mut shape = Self::header(program, program.null, 0);
        shape.name = "verifier".to_owned();
        shape.word("cred_flavor", Kind::Choice, 0);
        shape.bytes("cred", 400, b"");
        shape.word("verf_flavor", Kind::Choice, 0);
        shape.bytes("verf", 400, b"whatever it is");
        shape
    }

    /// A call without arguments.
    pub fn in_nobodys_name(program: &Program, version: u32, procedure: u32) -> Self {
        let mut shape = Self::header(program, version, procedure);
        shape.word("cred_flavor", Kind::Choice, 0);
        shape.word("cred_length", Kind::Body(0), 0);
        shape.verifier();
        shape
    }

    fn header(program: &Program, version: u32, procedure: u32) -> Self {
        let mut shape = Self {
            name: String::new(),
            fields: Vec::new(),
        };
        for (name, kind, value) in [
            ("xid", Kind::Word, XID),
            ("msg_type", Kind::Choice, 0),
            ("rpcvers", Kind::Word, 2),
            ("prog", Kind::Word, program.number),
            ("vers", Kind::Word, version),
            ("proc", Kind::Word, procedure),
        ] {
            shape.word(name, kind, value);
        }
        shape
    }

    fn verifier(&mut self) {
        self.word("verf_flavor", Kind::Choice, 0);
        self.word("verf_length", Kind::Body(0), 0);
    }

    fn word(&mut self, name: &str, kind: Kind, value: u32) {
        self.fields.push(Field {
            name: name.to_owned(),
            kind,
            bytes: value.to_be_bytes().to_vec(),
        });
    }

    fn bytes(&mut self, name: &str, bound: u32, data: &[u8]) {
        self.word(&format!("{name}.length"), Kind::Length(bound), len(data));
        self.fields.push(Field::data(name, data));
    }

    /// Adds the fields of a value.
    fn value(&mut self, name: &str, of: &'static Type, sample: &mut std::slice::Iter<'_, Sample>) {
        // INVARIANT: a test takes every sample apart.
        let mut next = || sample.next().copied().unwrap_or(Sample::Word(0));
        let number = |sample| match sample {
            Sample::Word(number) => number,
            Sample::Wide(_) | Sample::Bytes(_) => 0,
        };
        match of {
            Type::Void => {}
            Type::Word => self.word(name, Kind::Word, number(next())),
            Type::Bool => self.word(name, Kind::Choice, number(next())),
            Type::Wide => {
                let Sample::Wide(number) = next() else { return };
                self.fields.push(Field {
                    name: name.to_owned(),
                    kind: Kind::Wide,
                    bytes: number.to_be_bytes().to_vec(),
                });
            }
            Type::Fixed(_) => {
                let Sample::Bytes(data) = next() else { return };
                self.fields.push(Field::data(name, data));
            }
            Type::Bytes(bound) => {
                let Sample::Bytes(data) = next() else { return };
                self.bytes(name, *bound, data);
            }
            Type::Struct(fields) => {
                for (field, of) in *fields {
                    self.value(&join(name, field), of, sample);
                }
            }
            Type::Array(bound, element) => {
                let count = number(next());
                let at = self.fields.len();
                let kind = |each| Kind::Count {
                    each,
                    bound: *bound,
                };
                self.word(&join(name, "count"), kind(0), count);
                for index in 0..count {
                    self.value(&format!("{name}[{index}]"), element, sample);
                }
                let each = (self.fields.len() - at - 1) / count.max(1) as usize;
                self.fields[at].kind = kind(each);
            }
            Type::Optional(pointed_at) | Type::Nested(pointed_at) => {
                let is_there = number(next());
                self.word(&join(name, "is_there"), Kind::Choice, is_there);
                if is_there == 1 {
                    self.value(&join(name, "it"), pointed_at, sample);
                }
            }
            Type::List(element) => {
                for index in 0..number(next()) {
                    self.word(&format!("{name}[{index}].link"), Kind::Choice, 1);
                    self.value(&format!("{name}[{index}]"), element, sample);
                }
                self.word(&join(name, "end"), Kind::Choice, 0);
            }
            Type::Union(arms) => {
                let label = number(next());
                self.word(&join(name, "discriminant"), Kind::Choice, label);
                if let Some((_, arm)) = arms.iter().find(|(known, _)| *known == label) {
                    self.value(&join(name, "arm"), arm, sample);
                }
            }
        }
    }

    /// The message.
    pub fn message(&self) -> Vec<u8> {
        let bytes = self.fields.iter().map(|field| &field.bytes[..]);
        bytes.collect::<Vec<_>>().concat()
    }

    /// Makes lengths of bodies those of the fields in them.
    pub fn settle(&mut self) {
        for at in 0..self.fields.len() {
            if let Kind::Body(fields @ 1..) = self.fields[at].kind {
                let body = &self.fields[at + 1..][..fields];
                let body: Vec<_> = body.iter().flat_map(|field| &field.bytes).collect();
                self.fields[at].bytes = u32::to_be_bytes(body.len() as u32).to_vec();
            }
        }
    }
}

impl Field {
    /// Opaque data or a string, with the zeros that pad it.
    pub fn data(name: &str, data: &[u8]) -> Self {
        let mut bytes = data.to_vec();
        bytes.resize(data.len().next_multiple_of(4), 0);
        Self {
            name: name.to_owned(),
            kind: Kind::Data(data.len()),
            bytes,
        }
    }

    /// Its value, if it is a word.
    pub fn number(&self) -> Option<u32> {
        let word = <[u8; 4]>::try_from(&self.bytes[..]).ok()?;
        let is_data = matches!(self.kind, Kind::Data(_));
        (!is_data).then(|| u32::from_be_bytes(word))
    }
}

impl Kind {
    /// The bound of a length or a count, if there is one worth the name.
    pub fn bound(self) -> Option<u32> {
        match self {
            Self::Length(bound) | Self::Count { bound, .. } => Some(bound).filter(|b| *b < ANY),
            // Of a credential or a verifier.
            Self::Body(_) => Some(400),
            _ => None,
        }
    }
}

fn join(outer: &str, inner: &str) -> String {
    match outer {
        "" => inner.to_owned(),
        _ => format!("{outer}.{inner}"),
    }
}

fn len(data: &[u8]) -> u32 {
    // INVARIANT: samples are short.
    data.len() as u32
}
