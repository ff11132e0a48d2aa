//! Types of every kind that the language has, with the code that rpcgen would write for them.
//!
//! First the file of RFC 4506 §7, then `everything`, which has the rest.

use oncrpc_xdr::{
    Bytes, Quadruple, Unknown, XdrString, enumeration, structure, union,
    wire::{Array, Boxed, Fixed, List, Nested, Opaque, Optional, Text},
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

enumeration!(FileKind { Text = 0, Data = 1, Exec = 2 });

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

union!(FileType, kind: FileKind {
    FileKind::Text => Text,
    FileKind::Data => Data(Text<MAXNAMELEN>) as "creator",
    FileKind::Exec => Exec(Text<MAXNAMELEN>) as "interpretor",
});

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

structure!(File: {
    filename: Text<MAXNAMELEN>,
    r#type: FileType as "type",
    owner: Text<MAXUSERNAME>,
    data: Opaque<MAXFILELEN>,
});

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

structure!(Numbers: {
    int: i32,
    uint: u32,
    hyper: i64,
    uhyper: u64,
    float: f32,
    double: f64,
    quadruple: Quadruple,
    bool: bool,
    char: i8,
    uchar: u8,
    short: i16,
    ushort: u16,
    kind: FileKind,
});

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

union!(Answer, verdict: i32 {
    0 => V0,
    1 => V1([u8; 5]) as "key",
} default Default { verdict, reason: Text<12> });

/// `struct tree { int value; tree *left; tree kids<>; };`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) value: i32,
    pub(crate) left: Option<Box<Tree>>,
    pub(crate) kids: Vec<Tree>,
}

structure!(Tree: {
    value: i32,
    left: Optional<Boxed<Tree>>,
    kids: Nested<Vec<Tree>>,
});

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

structure!(Everything: {
    numbers: Numbers,
    id: [u8; 6],
    blob: Opaque<40>,
    name: Text<9>,
    triple: [i32; 3],
    pair: Fixed<Text<4>, 2>,
    many: Array<u32, 5>,
    wide: Array<i64, 3>,
    files: Array<File, 2>,
    answer: Option<Answer>,
    words: List<Text<8>>,
    tree: Tree,
});
