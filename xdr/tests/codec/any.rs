//! Any value of each sample type, for properties.

use oncrpc_xdr::{Bytes, Enumeration, Quadruple, XdrString};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::sample::{Answer, Everything, File, FileKind, FileType, Numbers, Tree};

pub(crate) fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

pub(crate) fn string(most: usize) -> impl Strategy<Value = XdrString> {
    bytes(most).prop_map(XdrString::from)
}

pub(crate) fn quadruple() -> impl Strategy<Value = Quadruple> {
    any::<[u8; 16]>().prop_map(Quadruple)
}

/// As often a value that the enum lists as one that it does not.
pub(crate) fn file_kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![0..3, any::<i32>()].prop_map(FileKind::from_value)
}

pub(crate) fn answer() -> impl Strategy<Value = Answer> {
    let default = any::<i32>().prop_filter("listed", |verdict| !matches!(verdict, 0 | 1));
    prop_oneof![
        Just(Answer::V0),
        any::<[u8; 5]>().prop_map(Answer::V1),
        (default, string(12)).prop_map(|(verdict, reason)| Answer::Default { verdict, reason }),
    ]
}

pub(crate) fn file() -> impl Strategy<Value = File> {
    let file_type = prop_oneof![
        Just(FileType::Text),
        string(5).prop_map(FileType::Data),
        string(5).prop_map(FileType::Exec),
    ];
    (string(9), file_type, string(8), bytes(9)).prop_map(|(filename, r#type, owner, data)| File {
        filename,
        r#type,
        owner,
        data,
    })
}

pub(crate) fn tree() -> impl Strategy<Value = Tree> {
    let leaf = any::<i32>().prop_map(|value| Tree {
        value,
        left: None,
        kids: Vec::new(),
    });
    leaf.prop_recursive(4, 8, 3, |tree| {
        let left = option::of(tree.clone().prop_map(Box::new));
        (any::<i32>(), left, vec(tree, 0..3)).prop_map(|(value, left, kids)| Tree {
            value,
            left,
            kids,
        })
    })
}

fn numbers() -> impl Strategy<Value = Numbers> {
    (
        any::<(i32, u32, i64, u64, f32, f64, bool)>(),
        quadruple(),
        any::<(i8, u8, i16, u16)>(),
        file_kind(),
    )
        .prop_map(|(large, quadruple, small, kind)| Numbers {
            int: large.0,
            uint: large.1,
            hyper: large.2,
            uhyper: large.3,
            float: large.4,
            double: large.5,
            quadruple,
            bool: large.6,
            char: small.0,
            uchar: small.1,
            short: small.2,
            ushort: small.3,
            kind,
        })
}

pub(crate) fn everything() -> impl Strategy<Value = Everything> {
    let fixed = (numbers(), any::<[u8; 6]>(), any::<[i32; 3]>());
    let opaque = (bytes(40), string(9), [string(4), string(4)]);
    let arrays = (
        vec(any::<u32>(), 0..=5),
        vec(any::<i64>(), 0..=3),
        vec(file(), 0..=2),
    );
    let linked = (option::of(answer()), vec(string(8), 0..4), tree());
    (fixed, opaque, arrays, linked).prop_map(|(fixed, opaque, arrays, linked)| Everything {
        numbers: fixed.0,
        id: fixed.1,
        triple: fixed.2,
        blob: opaque.0,
        name: opaque.1,
        pair: opaque.2,
        many: arrays.0,
        wide: arrays.1,
        files: arrays.2,
        answer: linked.0,
        words: linked.1,
        tree: linked.2,
    })
}
