//! What hazards mean on the wire.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::fmt::Debug;

use oncrpc_xdr::wire::Wire;
use oncrpc_xdr::{Decode, DecodeFault, Encode, EncodeFault, Writer, from_bytes, to_bytes};

/// As a crate would have them.
#[allow(dead_code, unreachable_pub, reason = "a library would offer what this test does not use")]
#[path = "hazards"]
#[rustfmt::skip]
mod hazards {
    pub(super) mod bound_zero;
    pub(super) mod enum_beyond_31_bits;
    pub(super) mod enum_duplicate_values;
    pub(super) mod inline_bodies;
    pub(super) mod list_held_by_value;
    pub(super) mod list_of_lists;
    pub(super) mod number_alias_redefined;
    pub(super) mod number_bool_names;
    pub(super) mod number_hyper;
    pub(super) mod number_long;
    pub(super) mod number_small;
    pub(super) mod optional_kinds;
    pub(super) mod program_arguments;
    pub(super) mod program_pointer_argument;
    pub(super) mod program_strings;
    pub(super) mod recursion_in_union;
    pub(super) mod union_default_anywhere;
    pub(super) mod union_default_data;
    pub(super) mod union_labels;
    pub(super) mod union_no_default;
    pub(super) mod union_of_bool;
    pub(super) mod utf8string;
}

use hazards::*;

/// Numbers of four bytes, one after the other.
fn words<const N: usize>(words: [i64; N]) -> Vec<u8> {
    // A number above 31 bits is one without a sign.
    words
        .iter()
        .flat_map(|word| (*word as u32).to_be_bytes())
        .collect()
}

/// A value is these bytes and back, and no cut of it is a value.
#[track_caller]
fn is<T: Encode + Decode + PartialEq + Debug>(value: &T, bytes: &[u8]) {
    let wire = to_bytes(value).unwrap();
    assert_eq!(&wire[..], bytes);
    assert_eq!(value.encoded_len(), bytes.len());
    assert_eq!(&from_bytes::<T>(&wire).unwrap(), value);
    for len in 0..bytes.len() {
        assert!(from_bytes::<T>(&wire.slice(..len)).is_err());
    }
}

/// What is wrong with bytes that are no value.
#[track_caller]
fn refused<T: Decode + Debug>(bytes: Vec<u8>) -> DecodeFault {
    from_bytes::<T>(&bytes.into()).unwrap_err().fault()
}

/// The arguments of a call as bytes.
#[track_caller]
fn arguments<P: oncrpc::Procedure>(arguments: &<P::Args as Wire>::Value) -> Vec<u8> {
    let mut w = Writer::new();
    P::Args::encode(arguments, &mut w).unwrap();
    w.into_bytes().to_vec()
}

#[test]
fn small_numbers_take_four_bytes_and_keep_their_range() {
    let value = number_small::Small {
        tiny: -1,
        tiny_unsigned: 255,
        little: -2,
        little_unsigned: 65_535,
        many: vec![-128, 127],
        pair: [0, 65_535],
    };
    let bytes = words([-1, 255, -2, 65_535, 2, -128, 127, 0, 65_535]);
    is(&value, &bytes);
    // 0x00010005 is no short: libtirpc makes 5 of it.
    let short = words([-1, 255, 0x0001_0005, 65_535, 0, 0, 0]);
    let range = DecodeFault::OutOfRange {
        found: 0x0001_0005,
        least: -32_768,
        greatest: 32_767,
    };
    assert_eq!(refused::<number_small::Small>(short), range);
}

#[test]
fn a_long_takes_four_bytes_and_a_hyper_eight() {
    let longs = number_long::Longs {
        signed_one: -1,
        unsigned_one: u32::MAX,
        alias: 7,
    };
    is(&longs, &words([-1, 0xffff_ffff, 7]));
    let hypers = number_hyper::Hypers {
        signed_one: -2,
        unsigned_one: 1 << 32,
        many: vec![3],
        pair: [4, u64::MAX],
    };
    is(&hypers, &words([-1, -2, 1, 0, 1, 0, 3, 0, 4, -1, -1]));
    // The name that a file gives a type leads over the one that C's headers have.
    let redefined = number_alias_redefined::Redefined {
        eight_bytes: 5,
        eight_more: *b"8 bytes.",
    };
    is(&redefined, b"\0\0\0\0\0\0\0\x058 bytes.");
}

#[test]
fn a_bool_is_0_or_1_by_whatever_name() {
    let flags = number_bool_names::Flags {
        plain: true,
        header: false,
        number: -1,
    };
    is(&flags, &words([1, 0, -1]));
    let fault = refused::<number_bool_names::Flags>(words([1, 7, -1]));
    assert_eq!(fault, DecodeFault::BadBool { found: 7 });
}

#[test]
fn lengths_of_nothing_are_there() {
    let zero = bound_zero::Zero {
        behind: 9,
        ..Default::default()
    };
    is(&zero, &words([0, 0, 0, 9]));
    let fault = refused::<bound_zero::Zero>(words([1, 0, 0, 0, 9]));
    assert_eq!(
        fault,
        DecodeFault::TooLong {
            found: 1,
            allowed: 0
        }
    );
}

#[test]
fn enumerators_beyond_31_bits_are_the_negative_numbers_of_the_same_bits() {
    use enum_beyond_31_bits::Wide;
    is(&Wide::Top, &[0x80, 0, 0, 0]);
    is(&Wide::All, &[255; 4]);
}

#[test]
fn two_names_of_one_value_are_one_value() {
    use enum_duplicate_values::{Object, Zotypes};
    assert_eq!(Zotypes::NOTHING, Zotypes::NoObj);
    is(&Object::NoObj, &words([1]));
    is(&Object::GroupObj(5), &words([3, 5]));
    // A peer that knows more enumerators: its value is kept.
    let bytes = words([77, 2]);
    let bytes = [&bytes[..], b"ab\0\0"].concat();
    let object: Object = from_bytes(&bytes.clone().into()).unwrap();
    assert!(matches!(
        object,
        Object::Default {
            which: Zotypes::Unknown(_),
            ..
        }
    ));
    is(&object, &bytes);
}

#[test]
fn a_default_arm_keeps_the_value_that_led_there() {
    use union_default_data::{Result, Status};
    is(&Result::Ok(1), &words([0, 1]));
    is(
        &Result::Default {
            s: Status::Bad,
            why: "why".into(),
        },
        b"\0\0\0\x01\0\0\0\x03why\0",
    );
    // But a value that has an arm leads to that.
    let listed = Result::Default {
        s: Status::Ok,
        why: "why".into(),
    };
    let fault = to_bytes(&listed).unwrap_err().fault();
    assert_eq!(fault, EncodeFault::ListedDiscriminant { found: 0 });
}

#[test]
fn without_a_default_other_values_are_refused() {
    use union_no_default::Result;
    is(&Result::Bad, &words([1]));
    // One that the enum lists, and one that it does not.
    for found in [2, 99] {
        let fault = refused::<Result>(words([found]));
        assert_eq!(fault, DecodeFault::BadDiscriminant { found });
    }
}

#[test]
fn default_stands_anywhere() {
    use union_default_anywhere::{Alone, Beside, First};
    is(&First::Default(7), &words([7]));
    is(&First::X(3), &words([1, 3]));
    is(&Alone::Default { d: 5, x: 6 }, &words([5, 6]));
    // What stands beside `default` has the default's arm.
    is(&Beside::X(4), &words([1, 4]));
    is(&Beside::Default { d: 0, x: 4 }, &words([0, 4]));
    is(&Beside::V2, &words([2]));
}

#[test]
fn labels_have_their_values_however_they_are_written() {
    use union_labels::{ByBool, ByEnum, ByNumber};
    is(&ByNumber::Negative(1), &words([-1, 1]));
    is(&ByNumber::Named(1), &words([7, 1]));
    is(&ByNumber::Octal(1), &words([8, 1]));
    is(&ByNumber::Sum(1), &words([9, 1]));
    is(&ByNumber::Hexadecimal(1), &words([16, 1]));
    is(&ByNumber::Letter(1), &words([97, 1]));
    is(&ByEnum::Red(1), &words([3, 1]));
    is(&ByBool::False(1), &words([0, 0, 1]));
}

#[test]
fn unions_of_bool_are_options_or_keep_both_arms() {
    use union_of_bool::{Either, Holder, UpsideDown};
    let some = Holder {
        p: Some(1),
        b: None,
        u: UpsideDown::False(2),
        e: Either::False("no".into()),
    };
    is(
        &some,
        &[words([1, 1, 0, 0, 2, 0, 2]), b"no\0\0".to_vec()].concat(),
    );
    let fault = refused::<Holder>(words([2, 1]));
    assert_eq!(fault, DecodeFault::BadBool { found: 2 });
}

#[test]
fn a_pointer_is_there_or_not() {
    use optional_kinds::{Color, Optionals};
    is(&Optionals::default(), &words([0, 0, 0, 0, 0, 0]));
    let all = Optionals {
        number: Some(-1),
        text: Some("text".into()),
        numbers: Some([1, 2]),
        more: Some(vec![3]),
        twice: Some(None),
        paint: Some(Color::Red),
    };
    let bytes = [
        words([1, -1]),
        b"\0\0\0\x01\0\0\0\x04text".to_vec(),
        words([1, 1, 2]),
        words([1, 1, 3]),
        words([1, 0]),
        words([1, 0]),
    ];
    is(&all, &bytes.concat());
    let long = Optionals {
        text: Some("too long.".into()),
        ..all
    };
    let error = to_bytes(&long).unwrap_err();
    assert_eq!(error.to_string(), "text: length 9 exceeds the bound 8");
}

#[test]
fn lists_are_marks_and_elements_as_vectors_or_as_boxes() {
    use list_held_by_value::{Holder, Node};
    let next = Some(Box::new(Node {
        value: 2,
        next: None,
    }));
    is(
        &Holder {
            first: Node { value: 1, next },
        },
        &words([1, 1, 2, 0]),
    );
    let inner = |value| list_of_lists::Inner { value };
    let outer = |values, name: &str| list_of_lists::Outer {
        values,
        name: name.into(),
    };
    let all = vec![outer(vec![inner(1), inner(2)], "a"), outer(vec![], "")];
    let bytes = words([
        1, // an outer
        1,
        1, // its first value
        1,
        2, // its second
        0, // no more
        1,
        0x6100_0000, // its name
        1,           // an outer
        0,           // no values
        0,           // no name
        0,           // no more
    ]);
    is(&list_of_lists::Holder { all }, &bytes);
}

#[test]
fn trees_end_somewhere() {
    use recursion_in_union::{Value, ValueBoth};
    let left = Some(Box::new(Value::Leaf(1)));
    let right = Some(Box::new(Value::List(vec![Value::Leaf(2)])));
    is(
        &Value::Pair(ValueBoth { left, right }),
        &words([1, 1, 0, 1, 1, 2, 1, 0, 2]),
    );
    // A list of a list of a list …, and a pair of a pair of a pair …
    for deep in [words([2, 1]).repeat(10_000), words([1, 1]).repeat(10_000)] {
        assert_eq!(
            refused::<Value>(deep),
            DecodeFault::TooDeep { allowed: 128 }
        );
    }
}

#[test]
fn bodies_within_bodies_are_in_their_places() {
    use inline_bodies::{Outer, OuterDistance, OuterPerhaps, Parent, ParentChoice, ParentMany};
    let parent = Parent {
        place: inline_bodies::ParentPlace { x: 1 },
        choice: ParentChoice::Default(9),
        state: inline_bodies::ParentState::On,
        other: inline_bodies::Named { z: 3 },
        many: vec![ParentMany { w: 4 }],
    };
    is(&parent, &words([1, 9, 1, 3, 1, 4]));
    is(&Outer::Left(OuterDistance::Far), &words([0, 1]));
    is(
        &Outer::Right(Some(OuterPerhaps { x: 5 })),
        &words([1, 1, 5]),
    );
    is(&Outer::Right(None), &words([1, 0]));
}

#[test]
fn a_string_by_any_name_is_a_string() {
    let named = utf8string::Named {
        name: "é".into(),
        other: "".into(),
        several: vec!["a".into()],
    };
    is(
        &named,
        b"\0\0\0\x02\xc3\xa9\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01a\0\0\0",
    );
}

#[test]
fn arguments_stand_one_after_the_other() {
    use program_arguments::Point;
    use program_arguments::arguments::v1::procedure;
    assert!(arguments::<procedure::None>(&()).is_empty());
    assert_eq!(arguments::<procedure::One>(&1), words([1]));
    assert_eq!(
        arguments::<procedure::Two>(&(1, Point { x: 2 })),
        words([1, 2])
    );
}

/// C's rpcgen leaves the mark out if the pointer is the only argument.
#[test]
fn a_pointer_as_an_argument_has_its_mark() {
    use program_pointer_argument::Point;
    use program_pointer_argument::pointers::v1::procedure;
    let point = Some(Point { x: 7 });
    assert_eq!(arguments::<procedure::One>(&point), words([1, 7]));
    assert_eq!(arguments::<procedure::One>(&None), words([0]));
    assert_eq!(
        arguments::<procedure::Two>(&(point, None)),
        words([1, 7, 0])
    );
}

/// C's rpcgen forgets the bound if the string is the only argument.
#[test]
fn the_bound_of_an_argument_holds() {
    use oncrpc::Procedure;
    use program_strings::strings::v1::procedure;
    let long = "nine char".into();
    let error = <procedure::Bounded as Procedure>::Args::encode(&long, &mut Writer::new());
    let fault = error.unwrap_err().fault();
    assert_eq!(
        fault,
        EncodeFault::TooLong {
            found: 9,
            allowed: 8
        }
    );
}
