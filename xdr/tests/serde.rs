//! What serde makes of the types of this crate.
#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use oncrpc_xdr::{Bytes, Quadruple, XdrString, enumeration, serde_enumeration};
use serde::de::value::{self, BytesDeserializer};
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_test::{Configure, Token, assert_tokens};

#[track_caller]
fn is<T: Serialize + for<'de> Deserialize<'de> + PartialEq + std::fmt::Debug>(
    value: &T,
    json: &str,
) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
}

#[test]
fn strings_are_text_where_they_can_be_and_lose_nothing_where_they_cannot() {
    is(&XdrString::from("b\u{e4}r\n\"\0"), r#""bär\n\"\u0000""#);
    is(&XdrString::from(&b"\xff\0a"[..]), "[255,0,97]");
    is(&XdrString::new(), r#""""#);
}

/// Bytes of a format that is not for people, and gives them away.
struct Owned(Vec<u8>);

impl<'de> Deserializer<'de> for Owned {
    type Error = value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, value::Error> {
        visitor.visit_byte_buf(self.0)
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[test]
fn strings_are_read_from_what_formats_hold_as_bytes() {
    let bytes = BytesDeserializer::<value::Error>::new(b"a\xff");
    assert_eq!(
        XdrString::deserialize(bytes).unwrap(),
        XdrString::from(&b"a\xff"[..])
    );
    let bytes = Owned(b"a\xff".to_vec());
    assert_eq!(
        XdrString::deserialize(bytes).unwrap(),
        XdrString::from(&b"a\xff"[..])
    );
    let error = serde_json::from_str::<XdrString>("{}").unwrap_err();
    assert!(
        error.to_string().contains("expected text or bytes"),
        "{error}"
    );
}

#[test]
fn bytes_and_quadruples_are_their_bytes() {
    is(&Bytes::from_static(b"\x01\xff"), "[1,255]");
    let json = "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]";
    is(&Quadruple(std::array::from_fn(|i| i as u8)), json);
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Closed {
    On,
    Off,
}

enumeration!(closed Closed { On = 1, Off = -1 });
serde_enumeration!(closed Closed { On, Off });

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number(i32);

impl Number {
    const ON: Self = Self(1);
}

enumeration!(newtype Number);
serde_enumeration!(newtype Number { ON });

#[test]
fn enums_are_names_and_what_is_not_listed_is_a_number_or_refused() {
    is(&[Closed::On, Closed::Off], r#"["On","Off"]"#);
    assert_eq!(serde_json::from_str::<Closed>("-1").unwrap(), Closed::Off);
    for wrong in ["0", "\"on\"", "4294967297", "null"] {
        let error = serde_json::from_str::<Closed>(wrong).unwrap_err();
        let expected = "expected the name of a member or a number of 32 bits";
        assert!(error.to_string().contains(expected), "{wrong}: {error}");
    }
    is(&[Number::ON, Number(-5)], r#"["ON",-5]"#);
    assert_eq!(serde_json::from_str::<Number>("1").unwrap(), Number::ON);
}

#[test]
fn formats_that_are_not_for_people_have_strings_as_bytes_and_enums_as_numbers() {
    let text = Configure::compact(XdrString::from("text"));
    assert_tokens(&text, &[Token::Bytes(b"text")]);
    assert_tokens(&Closed::Off.compact(), &[Token::I32(-1)]);
    assert_tokens(&Number::ON.compact(), &[Token::I32(1)]);
}

/// Arrays of more elements than serde knows, in everything that they may stand in.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Long {
    #[serde(with = "oncrpc_xdr::serde::long_arrays")]
    alone: [u8; 40],
    #[serde(with = "oncrpc_xdr::serde::long_arrays")]
    many: Vec<[u8; 40]>,
    #[serde(with = "oncrpc_xdr::serde::long_arrays")]
    perhaps: Option<Box<[u8; 40]>>,
}

#[test]
fn long_arrays_have_as_many_elements_as_they_say() {
    let array = |len: usize| format!("[{}]", vec!["7"; len].join(","));
    let long = |alone, many, perhaps| {
        let (alone, many) = (array(alone), array(many));
        format!(r#"{{"alone":{alone},"many":[{many},{many}],"perhaps":{perhaps}}}"#)
    };
    let some = Long {
        alone: [7; 40],
        many: vec![[7; 40]; 2],
        perhaps: Some(Box::new([7; 40])),
    };
    is(&some, &long(40, 40, array(40)));
    let none = Long {
        perhaps: None,
        ..some
    };
    is(&none, &long(40, 40, "null".to_owned()));
    for wrong in [
        long(39, 40, array(40)),
        long(40, 41, array(40)),
        long(40, 40, array(0)),
    ] {
        serde_json::from_str::<Long>(&wrong).unwrap_err();
    }
    let error = serde_json::from_str::<Long>(&long(39, 40, array(40))).unwrap_err();
    assert!(
        error.to_string().contains("expected 40 elements"),
        "{error}"
    );
}
