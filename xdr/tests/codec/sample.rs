//! Types of every kind that the language has, with the code that rpcgen would write for them.
//!
//! First the file of RFC 4506 §7, then `everything`, which has the rest.

use oncrpc_xdr::{
    At, Bytes, Decode, DecodeError, DecodeFault, Encode, EncodeError, EncodeFault, Enumeration,
    Quadruple, Reader, Unknown, Writer, XdrString,
    wire::{self, Array, Boxed, Fixed, List, Optional, Text},
};

pub(crate) const MAXUSERNAME: u32 = 32;
pub(crate) const MAXFILELEN: u32 = 65535;
pub(crate) const MAXNAMELEN: u32 = 255;

/// `enum filekind { TEXT = 0, DATA = 1, EXEC = 2 };`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileKind {
    Text,
    Data,
    Exec,
    Unknown(Unknown),
}

impl Enumeration for FileKind {
    fn listed(value: i32) -> Option<Self> {
        Some(match value {
            0 => Self::Text,
            1 => Self::Data,
            2 => Self::Exec,
            _ => return None,
        })
    }

    fn unknown(value: Unknown) -> Self {
        Self::Unknown(value)
    }

    fn value(self) -> i32 {
        match self {
            Self::Text => 0,
            Self::Data => 1,
            Self::Exec => 2,
            Self::Unknown(value) => value.value(),
        }
    }
}

/// ```text
/// union filetype switch (filekind kind) {
/// case TEXT: void;
/// case DATA: string creator<MAXNAMELEN>;
/// case EXEC: string interpretor<MAXNAMELEN>;
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FileType {
    Text,
    Data(XdrString),
    Exec(XdrString),
}

impl Encode for FileType {
    fn encoded_len(&self) -> usize {
        4 + match self {
            Self::Text => 0,
            Self::Data(creator) => creator.encoded_len(),
            Self::Exec(interpretor) => interpretor.encoded_len(),
        }
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Self::Text => FileKind::Text.encode(w).at("kind"),
            Self::Data(creator) => {
                FileKind::Data.encode(w).at("kind")?;
                w.string(creator, MAXNAMELEN).at("creator")
            }
            Self::Exec(interpretor) => {
                FileKind::Exec.encode(w).at("kind")?;
                w.string(interpretor, MAXNAMELEN).at("interpretor")
            }
        }
    }
}

impl Decode for FileType {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match FileKind::decode(r).at("kind")? {
            FileKind::Text => Self::Text,
            FileKind::Data => Self::Data(r.string(MAXNAMELEN).at("creator")?),
            FileKind::Exec => Self::Exec(r.string(MAXNAMELEN).at("interpretor")?),
            FileKind::Unknown(kind) => {
                let found = kind.value().into();
                return Err(r.error_at_last_word(DecodeFault::BadDiscriminant { found }))
                    .at("kind");
            }
        })
    }
}

/// ```text
/// struct file {
///     string filename<MAXNAMELEN>;
///     filetype type;
///     string owner<MAXUSERNAME>;
///     opaque data<MAXFILELEN>;
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) filename: XdrString,
    pub(crate) r#type: FileType,
    pub(crate) owner: XdrString,
    pub(crate) data: Bytes,
}

impl Encode for File {
    fn encoded_len(&self) -> usize {
        self.filename.encoded_len()
            + self.r#type.encoded_len()
            + self.owner.encoded_len()
            + self.data.encoded_len()
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        w.string(&self.filename, MAXNAMELEN).at("filename")?;
        self.r#type.encode(w).at("type")?;
        w.string(&self.owner, MAXUSERNAME).at("owner")?;
        w.opaque(&self.data, MAXFILELEN).at("data")
    }
}

impl Decode for File {
    const MIN_LEN: usize = 16;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            filename: r.string(MAXNAMELEN).at("filename")?,
            r#type: FileType::decode(r).at("type")?,
            owner: r.string(MAXUSERNAME).at("owner")?,
            data: r.opaque(MAXFILELEN).at("data")?,
        })
    }
}

/// Every number of the language, and those that C's rpcgen adds: `char`, `short` and their unsigned kin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) int: i32,
    pub(crate) uint: u32,
    pub(crate) hyper: i64,
    pub(crate) uhyper: u64,
    pub(crate) float: f32,
    pub(crate) double: f64,
    pub(crate) quadruple: Quadruple,
    pub(crate) bool: bool,
    pub(crate) char: i8,
    pub(crate) uchar: u8,
    pub(crate) short: i16,
    pub(crate) ushort: u16,
    pub(crate) kind: FileKind,
}

impl Encode for Numbers {
    fn encoded_len(&self) -> usize {
        76
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        self.int.encode(w).at("int")?;
        self.uint.encode(w).at("uint")?;
        self.hyper.encode(w).at("hyper")?;
        self.uhyper.encode(w).at("uhyper")?;
        self.float.encode(w).at("float")?;
        self.double.encode(w).at("double")?;
        self.quadruple.encode(w).at("quadruple")?;
        self.bool.encode(w).at("bool")?;
        self.char.encode(w).at("char")?;
        self.uchar.encode(w).at("uchar")?;
        self.short.encode(w).at("short")?;
        self.ushort.encode(w).at("ushort")?;
        self.kind.encode(w).at("kind")
    }
}

impl Decode for Numbers {
    const MIN_LEN: usize = 76;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            int: i32::decode(r).at("int")?,
            uint: u32::decode(r).at("uint")?,
            hyper: i64::decode(r).at("hyper")?,
            uhyper: u64::decode(r).at("uhyper")?,
            float: f32::decode(r).at("float")?,
            double: f64::decode(r).at("double")?,
            quadruple: Quadruple::decode(r).at("quadruple")?,
            bool: bool::decode(r).at("bool")?,
            char: i8::decode(r).at("char")?,
            uchar: u8::decode(r).at("uchar")?,
            short: i16::decode(r).at("short")?,
            ushort: u16::decode(r).at("ushort")?,
            kind: FileKind::decode(r).at("kind")?,
        })
    }
}

/// ```text
/// union answer switch (int verdict) {
/// case 0: void;
/// case 1: opaque key[5];
/// default: string reason<12>;
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    V0,
    V1([u8; 5]),
    Default { verdict: i32, reason: XdrString },
}

impl Encode for Answer {
    fn encoded_len(&self) -> usize {
        4 + match self {
            Self::V0 => 0,
            Self::V1(key) => key.encoded_len(),
            Self::Default { reason, .. } => reason.encoded_len(),
        }
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        match self {
            Self::V0 => {
                w.i32(0);
                Ok(())
            }
            Self::V1(key) => {
                w.i32(1);
                key.encode(w).at("key")
            }
            Self::Default { verdict, reason } => {
                if matches!(verdict, 0 | 1) {
                    let found = (*verdict).into();
                    let fault = EncodeFault::ListedDiscriminant { found };
                    return Err(EncodeError::new(fault)).at("verdict");
                }
                w.i32(*verdict);
                w.string(reason, 12).at("reason")
            }
        }
    }
}

impl Decode for Answer {
    const MIN_LEN: usize = 4;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match r.i32().at("verdict")? {
            0 => Self::V0,
            1 => Self::V1(r.opaque_fixed().at("key")?),
            verdict => Self::Default {
                verdict,
                reason: r.string(12).at("reason")?,
            },
        })
    }
}

/// `struct tree { int value; tree *left; tree kids<>; };`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) value: i32,
    pub(crate) left: Option<Box<Tree>>,
    pub(crate) kids: Vec<Tree>,
}

impl Encode for Tree {
    fn encoded_len(&self) -> usize {
        self.value.encoded_len()
            + <Optional<Boxed<Self>> as wire::Wire>::encoded_len(&self.left)
            + self.kids.encoded_len()
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        self.value.encode(w).at("value")?;
        w.optional::<Boxed<Self>>(self.left.as_ref()).at("left")?;
        w.nested(|w| w.array::<Self>(&self.kids, u32::MAX))
            .at("kids")
    }
}

impl Decode for Tree {
    const MIN_LEN: usize = 12;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            value: i32::decode(r).at("value")?,
            left: r.optional::<Boxed<Self>>().at("left")?,
            kids: r.nested(|r| r.array::<Self>(u32::MAX)).at("kids")?,
        })
    }
}

/// ```text
/// struct words { string word<8>; words *next; };
/// struct everything {
///     numbers numbers;
///     opaque id[6];
///     opaque blob<40>;
///     string name<9>;
///     int triple[3];
///     string pair<4>[2];      (by a typedef, in C's dialect)
///     unsigned int many<5>;
///     hyper wide<3>;
///     file files<2>;
///     answer *answer;
///     words *words;
///     tree tree;
/// };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Everything {
    pub(crate) numbers: Numbers,
    pub(crate) id: [u8; 6],
    pub(crate) blob: Bytes,
    pub(crate) name: XdrString,
    pub(crate) triple: [i32; 3],
    pub(crate) pair: [XdrString; 2],
    pub(crate) many: Vec<u32>,
    pub(crate) wide: Vec<i64>,
    pub(crate) files: Vec<File>,
    pub(crate) answer: Option<Answer>,
    pub(crate) words: Vec<XdrString>,
    pub(crate) tree: Tree,
}

impl Encode for Everything {
    fn encoded_len(&self) -> usize {
        self.numbers.encoded_len()
            + self.id.encoded_len()
            + self.blob.encoded_len()
            + self.name.encoded_len()
            + self.triple.encoded_len()
            + <Fixed<Text<4>, 2> as wire::Wire>::encoded_len(&self.pair)
            + self.many.encoded_len()
            + self.wide.encoded_len()
            + <Array<File, 2> as wire::Wire>::encoded_len(&self.files)
            + self.answer.encoded_len()
            + <List<Text<8>> as wire::Wire>::encoded_len(&self.words)
            + self.tree.encoded_len()
    }

    fn encode(&self, w: &mut Writer) -> Result<(), EncodeError> {
        self.numbers.encode(w).at("numbers")?;
        w.opaque_fixed(&self.id);
        w.opaque(&self.blob, 40).at("blob")?;
        w.string(&self.name, 9).at("name")?;
        w.array_fixed::<i32, 3>(&self.triple).at("triple")?;
        w.array_fixed::<Text<4>, 2>(&self.pair).at("pair")?;
        w.array::<u32>(&self.many, 5).at("many")?;
        w.array::<i64>(&self.wide, 3).at("wide")?;
        w.array::<File>(&self.files, 2).at("files")?;
        w.optional::<Answer>(self.answer.as_ref()).at("answer")?;
        w.list::<Text<8>>(&self.words).at("words")?;
        self.tree.encode(w).at("tree")
    }
}

impl Decode for Everything {
    const MIN_LEN: usize = 144;

    fn decode(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            numbers: Numbers::decode(r).at("numbers")?,
            id: r.opaque_fixed().at("id")?,
            blob: r.opaque(40).at("blob")?,
            name: r.string(9).at("name")?,
            triple: r.array_fixed::<i32, 3>().at("triple")?,
            pair: r.array_fixed::<Text<4>, 2>().at("pair")?,
            many: r.array::<u32>(5).at("many")?,
            wide: r.array::<i64>(3).at("wide")?,
            files: r.array::<File>(2).at("files")?,
            answer: r.optional::<Answer>().at("answer")?,
            words: r.list::<Text<8>>().at("words")?,
            tree: Tree::decode(r).at("tree")?,
        })
    }
}
