//! What is generated of every construct: the committed text, which compiles and codes as RFC 4506 says.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use oncrpc_rpcgen::diagnostic::Style;
use oncrpc_rpcgen::translate;
use oncrpc_xdr::wire::{self, Wire};
use oncrpc_xdr::{
    Bytes, Decode, DecodeFault, Encode, EncodeFault, Quadruple, Reader, Writer, from_bytes,
    to_bytes,
};

/// As a crate would have it, under the workspace's lints.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "a library would offer what this test does not use"
)]
#[path = "golden/everything.rs"]
mod everything;

use everything::{
    Color, Entry, Number, Numbers, Parent, ParentInner, ParentState, Picture, Sequences, Strict,
    Tree,
};

/// `path` in the repository.
fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The Rust of a .x file in the repository is the one that is committed at `rs`.
#[track_caller]
fn committed(x: &str, rs: &str) {
    let translation = translate(x, &read(x)).unwrap();
    let files = translation.files();
    let Some([generated]) = files else {
        panic!("{}", translation.render(Style::Plain))
    };
    assert!(
        generated.rust == read(rs),
        "{rs} is not what rpcgen makes of {x} now: cargo run -p oncrpc-rpcgen -- -o {rs} {x}"
    );
}

#[test]
fn our_own_protocols_are_what_rpcgen_makes_of_them() {
    for name in ["rpc_msg", "portmap", "rpcb"] {
        committed(
            &format!("rpc/proto/{name}.x"),
            &format!("rpc/src/proto/{name}.rs"),
        );
    }
    committed(
        "portmapper/proto/status.x",
        "portmapper/src/status/proto.rs",
    );
}

#[test]
fn every_construct_is_what_it_was() {
    committed(
        "rpcgen/tests/golden/everything.x",
        "rpcgen/tests/golden/everything.rs",
    );
}

/// A value is these bytes and back, its length is known beforehand, and no cut of it is a value.
#[track_caller]
fn is<T: Encode + Decode + PartialEq + Debug>(value: &T, bytes: &[u8]) {
    let wire = to_bytes(value).unwrap();
    assert_eq!(&wire[..], bytes);
    assert_eq!(value.encoded_len(), bytes.len());
    assert!(T::MIN_LEN <= bytes.len());
    assert_eq!(&from_bytes::<T>(&wire).unwrap(), value);
    for len in 0..bytes.len() {
        assert!(
            from_bytes::<T>(&wire.slice(..len)).is_err(),
            "{len} bytes are no value"
        );
    }
}

#[test]
fn numbers_have_their_size_and_sign() {
    let value = Numbers {
        an_int: -1,
        an_unsigned_int: 2,
        just_unsigned: 3,
        a_hyper: -4,
        an_unsigned_hyper: 5,
        a_float: 1.0,
        a_double: -2.0,
        a_quadruple: Quadruple([9; 16]),
        a_bool: true,
        a_char: -6,
        an_unsigned_char: 255,
        a_short: -7,
        an_unsigned_short: 65_535,
        a_long: -8,
        an_alias: 9,
    };
    let bytes = [
        &[255, 255, 255, 255][..],
        &[0, 0, 0, 2],
        &[0, 0, 0, 3],
        &[255, 255, 255, 255, 255, 255, 255, 252],
        &[0, 0, 0, 0, 0, 0, 0, 5],
        &[0x3f, 0x80, 0, 0],
        &[0xc0, 0, 0, 0, 0, 0, 0, 0],
        &[9; 16],
        &[0, 0, 0, 1],
        &[255, 255, 255, 250],
        &[0, 0, 0, 255],
        &[255, 255, 255, 249],
        &[0, 0, 255, 255],
        &[255, 255, 255, 248],
        &[0, 0, 0, 9],
    ];
    is(&value, &bytes.concat());
}

fn sequences() -> Sequences {
    Sequences {
        fixed: *b"fixed",
        bounded: Bytes::from_static(b"abc"),
        unbounded: Bytes::new(),
        text: "text".into(),
        three: [1, 2, 3],
        some: vec![4],
        many: vec![5, 6],
        flags: vec![true],
        paths: vec!["a".into(), "bcdef".into()],
    }
}

#[test]
fn sequences_are_padded_and_counted() {
    let bytes = [
        &b"fixed\0\0\0"[..],
        b"\0\0\0\x03abc\0",
        b"\0\0\0\0",
        b"\0\0\0\x04text",
        b"\0\0\0\x01\0\0\0\x02\0\0\0\x03",
        b"\0\0\0\x01\0\0\0\x04",
        b"\0\0\0\x02\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x06",
        b"\0\0\0\x01\0\0\0\x01",
        b"\0\0\0\x02\0\0\0\x01a\0\0\0\0\0\0\x05bcdef\0\0\0",
    ];
    is(&sequences(), &bytes.concat());
}

#[test]
fn bounds_hold_both_ways_and_errors_name_the_field() {
    let long = Sequences {
        bounded: Bytes::from_static(b"abcde"),
        ..sequences()
    };
    let error = to_bytes(&long).unwrap_err();
    assert_eq!(
        error.fault(),
        EncodeFault::TooLong {
            found: 5,
            allowed: 4
        }
    );
    assert_eq!(error.to_string(), "bounded: length 5 exceeds the bound 4");

    let element = Sequences {
        paths: vec!["a".into(), "x".repeat(256).into()],
        ..sequences()
    };
    let error = to_bytes(&element).unwrap_err();
    assert_eq!(
        error.to_string(),
        "paths[1]: length 256 exceeds the bound 255"
    );

    let error =
        <Sequences as Decode>::decode(&mut Reader::new(b"fixed\0\0\0\0\0\0\x05abcde\0\0\0"))
            .unwrap_err();
    assert_eq!(
        error.fault(),
        DecodeFault::TooLong {
            found: 5,
            allowed: 4
        }
    );
    assert_eq!(
        error.to_string(),
        "bounded: length 5 exceeds the bound 4 at byte 8"
    );
}

#[test]
fn enums_are_open_and_a_listed_value_is_never_unknown() {
    use oncrpc_xdr::Enumeration;
    is(&Color::Red, &[0, 0, 0, 0]);
    is(&Color::Green, &[0, 0, 0, 5]);
    is(&Color::Blue, &[0, 0, 0, 6]);
    is(&Color::None, &[255, 255, 255, 255]);
    assert_eq!(Color::COLOR_ALSO_BLUE, Color::Blue);
    is(&Color::from_value(77), &[0, 0, 0, 77]);
    assert!(matches!(Color::from_value(77), Color::Unknown(_)));
    assert_eq!(Color::from_value(6), Color::Blue);
}

#[test]
fn unions_follow_their_discriminant_and_defaults_keep_it() {
    use oncrpc_xdr::Enumeration;
    is(&Picture::Red(7), &[0, 0, 0, 0, 0, 0, 0, 7]);
    is(&Picture::Green("g".into()), b"\0\0\0\x05\0\0\0\x01g\0\0\0");
    is(&Picture::Blue("b".into()), b"\0\0\0\x06\0\0\0\x01b\0\0\0");
    is(&Picture::Default(Color::None), &[255, 255, 255, 255]);
    is(&Picture::Default(Color::from_value(99)), &[0, 0, 0, 99]);
    let error = to_bytes(&Picture::Default(Color::Red)).unwrap_err();
    assert_eq!(error.fault(), EncodeFault::ListedDiscriminant { found: 0 });

    is(&Number::One(5), &[0, 0, 0, 1, 0, 0, 0, 5]);
    is(
        &Number::Two(6),
        &[255, 255, 255, 254, 0, 0, 0, 0, 0, 0, 0, 6],
    );
    let rest = Number::Default {
        size: 9,
        rest: Bytes::from_static(b"rest"),
    };
    is(&rest, b"\0\0\0\x09\0\0\0\x04rest");

    is(&Some(3_u32), &[0, 0, 0, 1, 0, 0, 0, 3]);
    let error = <Strict as Decode>::decode(&mut Reader::new(&[0, 0, 0, 2])).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::BadDiscriminant { found: 2 });
    assert_eq!(error.to_string(), "kind: union has no arm for 2 at byte 0");
}

#[test]
fn a_list_is_a_vec() {
    let list = vec![Entry { name: "a".into() }, Entry { name: "b".into() }];
    let mut w = Writer::new();
    <wire::List<Entry> as Wire>::encode(&list, &mut w).unwrap();
    let bytes = w.into_bytes();
    assert_eq!(
        &bytes[..],
        b"\0\0\0\x01\0\0\0\x01a\0\0\0\0\0\0\x01\0\0\0\x01b\0\0\0\0\0\0\0"
    );
    let read = <wire::List<Entry> as Wire>::decode(&mut Reader::of(&bytes)).unwrap();
    assert_eq!(read, list);
}

fn leaf(value: i32) -> Tree {
    Tree {
        left: None,
        value,
        right: None,
        kids: vec![],
    }
}

#[test]
fn a_tree_is_boxes_and_its_depth_is_limited() {
    let tree = Tree {
        left: Some(Box::new(leaf(1))),
        value: 2,
        right: None,
        kids: vec![leaf(3)],
    };
    let bytes = [
        &[0, 0, 0, 1][..],
        &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 0, 2],
        &[0, 0, 0, 0],
        &[0, 0, 0, 1],
        &[0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0],
    ];
    is(&tree, &bytes.concat());
    // Through pointers, and through arrays.
    let deep = [[0, 0, 0, 1].repeat(100_000)].concat();
    let error = <Tree as Decode>::decode(&mut Reader::new(&deep)).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::TooDeep { allowed: 128 });
    let deep = [0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1].repeat(10_000);
    let error = <Tree as Decode>::decode(&mut Reader::new(&deep)).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::TooDeep { allowed: 128 });
}

#[test]
fn bodies_within_bodies_get_names_of_their_own() {
    let parent = Parent {
        inner: ParentInner { inside: 1 },
        question: Some(42),
        state: ParentState::On,
        list: vec![Entry { name: "e".into() }],
        optional: Some(5),
        optional_path: None,
    };
    let bytes = [
        &[0, 0, 0, 1][..],
        &[0, 0, 0, 1, 0, 0, 0, 42],
        &[0, 0, 0, 1],
        b"\0\0\0\x01\0\0\0\x01e\0\0\0\0\0\0\0",
        &[0, 0, 0, 1, 0, 0, 0, 5],
        &[0, 0, 0, 0],
    ];
    is(&parent, &bytes.concat());
}

#[test]
fn procedures_know_their_numbers_and_shapes() {
    use everything::everything_prog::{PROGRAM, v1, v2};
    assert_eq!((PROGRAM, v1::VERSION, v2::VERSION), (0x2000_0099, 1, 2));
    let numbers: Vec<_> = v1::PROCEDURES
        .iter()
        .map(|info| (info.number, info.name))
        .collect();
    assert_eq!(
        numbers,
        [
            (0, "EVERYTHING_NULL"),
            (1, "EVERYTHING_ECHO"),
            (2, "EVERYTHING_LIST"),
            (3, "EVERYTHING_ADD"),
            (4, "EVERYTHING_TEXT"),
            (5, "EVERYTHING_CLASH"),
            (6, "EVERYTHING_COLOR"),
        ]
    );
    // A procedure 0 that the file leaves out is there all the same.
    assert_eq!(
        v2::PROCEDURES
            .iter()
            .map(|info| info.number)
            .collect::<Vec<_>>(),
        [0, 9]
    );
    type Args = <v1::procedure::Add as oncrpc::Procedure>::Args;
    let mut w = Writer::new();
    <Args as Wire>::encode(&(40, 2), &mut w).unwrap();
    assert_eq!(&w.into_bytes()[..], &[0, 0, 0, 40, 0, 0, 0, 2]);
    type Path = <v1::procedure::List as oncrpc::Procedure>::Args;
    let error = <Path as Wire>::encode(&"x".repeat(256).into(), &mut Writer::new()).unwrap_err();
    assert_eq!(error.to_string(), "length 256 exceeds the bound 255");
}
