//! A service of ours with a procedure for each kind of type, which answers its arguments: `tests/every.x`.

use super::program::{Procedure, Program, Results, Sample};
use super::types::{ANY, Type};

use Sample::{Bytes, Wide, Word};

const TEXT: Type = Type::Bytes(64);
const BLOB: Type = Type::Bytes(1000);
const POINT: Type = Type::Struct(&[("x", Type::Word), ("y", Type::Word)]);

const SHAPE: Type = Type::Union(&[(0, Type::Void), (1, Type::Wide), (2, POINT)]);
const NODE: Type = Type::Struct(&[("value", Type::Word), ("name", TEXT)]);
static TREE: Type = Type::Struct(&[
    ("value", Type::Word),
    ("left", Type::Nested(&TREE)),
    ("right", Type::Nested(&TREE)),
]);

const fn echo(name: &'static str, number: u32, args: Type, sample: &'static [Sample]) -> Procedure {
    Procedure {
        name,
        version: 1,
        number,
        args,
        sample,
        results: Results::Echo,
    }
}

/// The program.
pub static EVERY: Program = Program {
    number: 0x2000_0e21,
    null: 1,
    record: (1 << 20) + (4 << 10),
    fragments: 4096,
    datagram: 65_507,
    procedures: &[
        echo("string", 1, TEXT, &[Bytes(b"a text")]),
        echo("opaque", 2, BLOB, &[Bytes(b"bytes that are no text")]),
        echo("fixed_opaque", 3, Type::Fixed(7), &[Bytes(b"seven!!")]),
        echo("struct", 4, POINT, &[Word(3), Word(4)]),
        echo(
            "list",
            5,
            Type::List(&NODE),
            &[Word(2), Word(1), Bytes(b"one"), Word(2), Bytes(b"two")],
        ),
        echo("union_void", 6, SHAPE, &[Word(0)]),
        echo(
            "union_double",
            6,
            SHAPE,
            &[Word(1), Wide(0x4009_21fb_5444_2d18)],
        ),
        echo("union_struct", 6, SHAPE, &[Word(2), Word(3), Word(4)]),
        echo("enum", 7, Type::Word, &[Word(2)]),
        echo(
            "array",
            8,
            Type::Array(8, &POINT),
            &[Word(2), Word(1), Word(2), Word(3), Word(4)],
        ),
        echo(
            "array_of_strings",
            9,
            Type::Array(4, &TEXT),
            &[Word(2), Bytes(b"first"), Bytes(b"second")],
        ),
        echo(
            "array_of_numbers",
            10,
            Type::Array(ANY, &Type::Word),
            &[Word(3), Word(1), Word(2), Word(3)],
        ),
        echo("bool", 11, Type::Bool, &[Word(1)]),
        echo("double", 12, Type::Wide, &[Wide(0x7ff0_0000_0000_0000)]),
        echo("hyper", 13, Type::Wide, &[Wide(1 << 63)]),
        echo(
            "optional",
            14,
            Type::Optional(&POINT),
            &[Word(1), Word(3), Word(4)],
        ),
        echo(
            "tree",
            15,
            Type::Struct(&[
                ("value", Type::Word),
                ("left", Type::Nested(&TREE)),
                ("right", Type::Nested(&TREE)),
            ]),
            &[Word(1), Word(1), Word(2), Word(0), Word(0), Word(0)],
        ),
        echo(
            "everything",
            16,
            Type::Struct(&[
                ("text", TEXT),
                ("blob", BLOB),
                ("digest", Type::Fixed(7)),
                ("shapes", Type::Array(3, &SHAPE)),
                ("nodes", Type::List(&NODE)),
                ("flag", Type::Bool),
                ("ratio", Type::Wide),
                ("tree", Type::Optional(&TREE)),
            ]),
            &[
                Bytes(b"text"),
                Bytes(b"blobs"),
                Bytes(b"digest!"),
                Word(2),
                Word(1),
                Wide(1),
                Word(1),
                Wide(2),
                Word(2),
                Word(1),
                Bytes(b"a"),
                Word(2),
                Bytes(b"b"),
                Word(1),
                Wide(1),
                Word(1),
                Word(7),
                Word(0),
                Word(0),
            ],
        ),
    ],
};
