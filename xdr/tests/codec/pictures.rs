//! RFC 4506's own pictures: what each type of §4 looks like, byte for byte, and the file of §7.
//!
//! Each value is written and must give these bytes; the bytes are read and must give the value.

use std::fmt::Debug;

use oncrpc_xdr::{
    Bytes, Decode, DecodeFault, Encode, Quadruple, Reader, Wire, Writer, XdrString, from_bytes,
    to_bytes, union,
    wire::{Array, Boxed, Fixed, List, Opaque, Optional, Text},
};

use crate::sample::{Answer, File, FileKind, FileType, Tree};

/// The value of shape `W` looks like `picture`, both ways.
#[track_caller]
fn pictured<W: Wire<Value: Debug + PartialEq>>(value: &W::Value, picture: &[u8]) {
    let mut w = Writer::new();
    W::encode(value, &mut w).unwrap();
    assert_eq!(&w.into_bytes()[..], picture, "encoded");
    assert_eq!(W::encoded_len(value), picture.len(), "encoded_len");

    let mut r = Reader::new(picture);
    assert_eq!(&W::decode(&mut r).unwrap(), value, "decoded");
    r.finish().unwrap();
    assert!(W::MIN_LEN <= picture.len(), "MIN_LEN");
}

#[test]
fn integer() {
    // §4.1: 32 bits, two's complement, the most significant byte first.
    pictured::<i32>(&0, &[0, 0, 0, 0]);
    pictured::<i32>(&1, &[0, 0, 0, 1]);
    pictured::<i32>(&-1, &[0xff, 0xff, 0xff, 0xff]);
    pictured::<i32>(&i32::MAX, &[0x7f, 0xff, 0xff, 0xff]);
    pictured::<i32>(&i32::MIN, &[0x80, 0, 0, 0]);
    pictured::<i32>(&0x0102_0304, &[1, 2, 3, 4]);
}

#[test]
fn unsigned_integer() {
    // §4.2
    pictured::<u32>(&0x0102_0304, &[1, 2, 3, 4]);
    pictured::<u32>(&u32::MAX, &[0xff; 4]);
}

#[test]
fn enumeration() {
    // §4.3: as an integer.
    pictured::<FileKind>(&FileKind::Text, &[0, 0, 0, 0]);
    pictured::<FileKind>(&FileKind::Exec, &[0, 0, 0, 2]);
}

#[test]
fn enumeration_keeps_a_value_that_it_does_not_list() {
    let wire = Bytes::from_static(&[0xff, 0xff, 0xff, 0xfe]);
    let kind: FileKind = from_bytes(&wire).unwrap();
    assert!(matches!(kind, FileKind::Unknown(value) if value.value() == -2));
    assert_eq!(to_bytes(&kind).unwrap(), wire);
}

#[test]
fn boolean() {
    // §4.4: enum { FALSE = 0, TRUE = 1 }
    pictured::<bool>(&false, &[0, 0, 0, 0]);
    pictured::<bool>(&true, &[0, 0, 0, 1]);
}

#[test]
fn hyper_integer_and_unsigned_hyper_integer() {
    // §4.5: 64 bits, the most significant byte first.
    pictured::<i64>(&0x0102_0304_0506_0708, &[1, 2, 3, 4, 5, 6, 7, 8]);
    pictured::<i64>(&-2, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
    pictured::<u64>(&u64::MAX, &[0xff; 8]);
}

#[test]
fn floating_point() {
    // §4.6: sign (1 bit), exponent (8, bias 127), fraction (23).
    pictured::<f32>(&1.0, &[0x3f, 0x80, 0, 0]);
    pictured::<f32>(&-2.5, &[0xc0, 0x20, 0, 0]);
    pictured::<f32>(&f32::INFINITY, &[0x7f, 0x80, 0, 0]);
    pictured::<f32>(&f32::from_bits(1), &[0, 0, 0, 1]); // the least there is
}

#[test]
fn double_precision_floating_point() {
    // §4.7: sign (1 bit), exponent (11, bias 1023), fraction (52).
    pictured::<f64>(&1.0, &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
    pictured::<f64>(&-0.0, &[0x80, 0, 0, 0, 0, 0, 0, 0]);
    pictured::<f64>(&-118.625, &[0xc0, 0x5d, 0xa8, 0, 0, 0, 0, 0]);
}

#[test]
fn not_a_number_keeps_its_bits() {
    let wire = Bytes::from_static(&[0x7f, 0xc0, 0x12, 0x34]);
    let float: f32 = from_bytes(&wire).unwrap();
    assert!(float.is_nan());
    assert_eq!(to_bytes(&float).unwrap(), wire);
}

#[test]
fn quadruple_precision_floating_point() {
    // §4.8: sign (1 bit), exponent (15, bias 16383), fraction (112).
    let one = [0x3f, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    pictured::<Quadruple>(&Quadruple(one), &one);
}

#[test]
fn fixed_length_opaque_data() {
    // §4.9: the bytes, then 0 to 3 zeros. No length.
    pictured::<[u8; 0]>(&[], b"");
    pictured::<[u8; 1]>(b"a", b"a\0\0\0");
    pictured::<[u8; 2]>(b"ab", b"ab\0\0");
    pictured::<[u8; 3]>(b"abc", b"abc\0");
    pictured::<[u8; 4]>(b"abcd", b"abcd");
    pictured::<[u8; 5]>(b"abcde", b"abcde\0\0\0");
}

#[test]
fn variable_length_opaque_data() {
    // §4.10: the length, the bytes, 0 to 3 zeros.
    pictured::<Opaque<8>>(&Bytes::new(), b"\0\0\0\0");
    pictured::<Opaque<8>>(&Bytes::from_static(b"\xff"), b"\0\0\0\x01\xff\0\0\0");
    pictured::<Opaque<8>>(
        &Bytes::from_static(b"eight ok"),
        b"\0\0\0\x08eight ok", //
    );
    pictured::<Bytes>(&Bytes::from_static(b"abc"), b"\0\0\0\x03abc\0");
}

#[test]
fn string() {
    // §4.11: as opaque data. A zero byte is a byte like others.
    pictured::<Text<8>>(&"".into(), b"\0\0\0\0");
    pictured::<Text<8>>(&"hello".into(), b"\0\0\0\x05hello\0\0\0");
    pictured::<XdrString>(&b"a\0b\xff"[..].into(), b"\0\0\0\x04a\0b\xff");
}

#[test]
fn fixed_length_array() {
    // §4.12: the elements. No count, and each element is padded by itself.
    pictured::<Fixed<i32, 2>>(&[1, -1], &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    pictured::<[u64; 1]>(&[7], &[0, 0, 0, 0, 0, 0, 0, 7]);
    pictured::<Fixed<Text<3>, 2>>(
        &["a".into(), "bcd".into()],
        b"\0\0\0\x01a\0\0\0\0\0\0\x03bcd\0",
    );
    // `char x[3]` is three numbers, not opaque[3].
    pictured::<Fixed<i8, 3>>(&[1, 2, -3], b"\0\0\0\x01\0\0\0\x02\xff\xff\xff\xfd");
    pictured::<Fixed<i32, 0>>(&[], b"");
}

#[test]
fn variable_length_array() {
    // §4.13: the count, then the elements.
    pictured::<Array<u32, 4>>(&vec![], b"\0\0\0\0");
    pictured::<Array<u32, 4>>(&vec![5, 6], b"\0\0\0\x02\0\0\0\x05\0\0\0\x06");
    pictured::<Array<Text<9>, 4>>(&vec!["ab".into()], b"\0\0\0\x01\0\0\0\x02ab\0\0");
    pictured::<Vec<u16>>(&vec![0xffff], b"\0\0\0\x01\0\0\xff\xff");
    pictured::<Vec<f64>>(&vec![1.0], b"\0\0\0\x01\x3f\xf0\0\0\0\0\0\0");
}

#[test]
fn structure() {
    // §4.14: the components in the order of their declaration. Several arguments stand the same way.
    pictured::<(u32, Text<4>, bool)>(
        &(1, "two".into(), true),
        b"\0\0\0\x01\0\0\0\x03two\0\0\0\0\x01",
    );
}

#[test]
fn discriminated_union() {
    // §4.15: the discriminant, then the arm that it selects.
    pictured::<FileType>(&FileType::Text, b"\0\0\0\0");
    pictured::<FileType>(&FileType::Data("me".into()), b"\0\0\0\x01\0\0\0\x02me\0\0");
    pictured::<Answer>(&Answer::V1(*b"abcde"), b"\0\0\0\x01abcde\0\0\0");
    let other = Answer::Default {
        verdict: -9,
        reason: "no".into(),
    };
    pictured::<Answer>(&other, b"\xff\xff\xff\xf7\0\0\0\x02no\0\0");
}

#[test]
fn union_without_a_default_arm_refuses_other_discriminants() {
    let error = from_bytes::<FileType>(&Bytes::from_static(b"\0\0\0\x03")).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::BadDiscriminant { found: 3 });
    assert_eq!(error.offset(), 0);
}

/// ```text
/// union counted switch (unsigned hyper kind) {
/// case 0: hyper wide;
/// case 1: int narrow;
/// case 2: opaque id[8];
/// };
/// ```
#[derive(Debug, PartialEq)]
enum Counted {
    Wide(i64),
    Narrow(i32),
    Id([u8; 8]),
}

union!(Counted, kind: u64 {
    0 => Wide(i64) as "wide",
    1 => Narrow(i32) as "narrow",
    2 => Id([u8; 8]) as "id",
});

#[test]
fn discriminants_of_eight_bytes_are_told_as_others_are() {
    pictured::<Counted>(
        &Counted::Wide(-1),
        b"\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
    );
    pictured::<Counted>(&Counted::Narrow(9), b"\0\0\0\0\0\0\0\x01\0\0\0\x09");
    pictured::<Counted>(&Counted::Id(*b"abcdefgh"), b"\0\0\0\0\0\0\0\x02abcdefgh");
    let error = from_bytes::<Counted>(&Bytes::from_static(b"\0\0\0\0\0\0\0\x07")).unwrap_err();
    assert_eq!(error.fault(), DecodeFault::BadDiscriminant { found: 7 });
}

#[test]
fn the_fewest_bytes_of_a_value_are_those_of_its_shortest_form() {
    assert_eq!(<Counted as Decode>::MIN_LEN, 8 + 4);
    assert_eq!(<FileType as Decode>::MIN_LEN, 4);
    assert_eq!(<File as Decode>::MIN_LEN, 4 + 4 + 4 + 4);
    assert_eq!(Fixed::<Text<4>, 3>::MIN_LEN, 3 * 4);
    assert_eq!(<(u64, Text<4>)>::MIN_LEN, 8 + 4);
    assert_eq!(Boxed::<Counted>::MIN_LEN, 8 + 4);
    assert_eq!(Optional::<Counted>::MIN_LEN, 4);
}

#[test]
fn default_arm_cannot_hold_a_listed_discriminant() {
    let listed = Answer::Default {
        verdict: 1,
        reason: XdrString::new(),
    };
    assert_eq!(
        to_bytes(&listed).unwrap_err().to_string(),
        "verdict: the default arm holds 1, which has an arm of its own"
    );
}

#[test]
fn void() {
    // §4.16: nothing at all.
    pictured::<()>(&(), b"");
}

#[test]
fn optional_data() {
    // §4.19: union switch (bool opted) { case TRUE: type-name element; case FALSE: void; }
    pictured::<Optional<u32>>(&None, b"\0\0\0\0");
    pictured::<Optional<u32>>(&Some(9), b"\0\0\0\x01\0\0\0\x09");
    pictured::<Option<bool>>(&Some(false), b"\0\0\0\x01\0\0\0\0");
    pictured::<Optional<Boxed<u32>>>(&Some(Box::new(9)), b"\0\0\0\x01\0\0\0\x09");
}

#[test]
fn linked_list() {
    // §4.19: struct *stringlist { string item<>; stringlist next; };
    pictured::<List<Text<8>>>(&vec![], b"\0\0\0\0");
    pictured::<List<Text<8>>>(
        &vec!["one".into(), "two".into()],
        b"\0\0\0\x01\0\0\0\x03one\0\
          \0\0\0\x01\0\0\0\x03two\0\
          \0\0\0\0",
    );
}

#[test]
fn recursive_structure() {
    let leaf = |value| Tree {
        value,
        left: None,
        kids: Vec::new(),
    };
    let tree = Tree {
        value: 1,
        left: Some(Box::new(leaf(2))),
        kids: vec![leaf(3)],
    };
    pictured::<Tree>(
        &tree,
        b"\0\0\0\x01\
          \0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0\0\
          \0\0\0\x01\0\0\0\x03\0\0\0\0\0\0\0\0",
    );
}

/// RFC 4506 §7: a user named john stores his program sillyprog, which contains just "(quit)".
#[test]
fn the_complete_file_of_section_7() {
    let file = File {
        filename: "sillyprog".into(),
        r#type: FileType::Exec("lisp".into()),
        owner: "john".into(),
        data: Bytes::from_static(b"(quit)"),
    };
    #[rustfmt::skip]
    let picture = [
        // offset                    hex bytes                ascii  comment
        /*  0 */ 0x00, 0x00, 0x00, 0x09, // ....   length of filename = 9
        /*  4 */ 0x73, 0x69, 0x6c, 0x6c, // sill   filename characters
        /*  8 */ 0x79, 0x70, 0x72, 0x6f, // ypro   ... and more ...
        /* 12 */ 0x67, 0x00, 0x00, 0x00, // g...   ... and 3 zero bytes of fill
        /* 16 */ 0x00, 0x00, 0x00, 0x02, // ....   filekind is EXEC = 2
        /* 20 */ 0x00, 0x00, 0x00, 0x04, // ....   length of interpretor = 4
        /* 24 */ 0x6c, 0x69, 0x73, 0x70, // lisp   interpretor characters
        /* 28 */ 0x00, 0x00, 0x00, 0x04, // ....   length of owner = 4
        /* 32 */ 0x6a, 0x6f, 0x68, 0x6e, // john   owner characters
        /* 36 */ 0x00, 0x00, 0x00, 0x06, // ....   length of file data = 6
        /* 40 */ 0x28, 0x71, 0x75, 0x69, // (qui   file data bytes ...
        /* 44 */ 0x74, 0x29, 0x00, 0x00, // t)..   ... and 2 zero bytes of fill
    ];
    pictured::<File>(&file, &picture);
    assert_eq!(file.encoded_len(), 48);
}

#[test]
fn tuples_of_all_sizes_stand_in_order() {
    let wire: Vec<u8> = (1..=8).flat_map(|n: u32| n.to_be_bytes()).collect();
    pictured::<(u32, u32)>(&(1, 2), &wire[..8]);
    pictured::<(u32, u32, u32)>(&(1, 2, 3), &wire[..12]);
    pictured::<(u32, u32, u32, u32)>(&(1, 2, 3, 4), &wire[..16]);
    pictured::<(u32, u32, u32, u32, u32)>(&(1, 2, 3, 4, 5), &wire[..20]);
    pictured::<(u32, u32, u32, u32, u32, u32)>(&(1, 2, 3, 4, 5, 6), &wire[..24]);
    pictured::<(u32, u32, u32, u32, u32, u32, u32)>(&(1, 2, 3, 4, 5, 6, 7), &wire[..28]);
    pictured::<(u32, u32, u32, u32, u32, u32, u32, u32)>(&(1, 2, 3, 4, 5, 6, 7, 8), &wire);
}
