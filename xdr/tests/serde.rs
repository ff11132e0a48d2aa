//! What serde makes of the types of this crate.
#![cfg(feature = "serde")]
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use oncrpc_xdr::{Bytes, Quadruple, XdrString, enumeration, serde_enumeration};
use serde::{Deserialize, Serialize};

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
        assert!(serde_json::from_str::<Closed>(wrong).is_err(), "{wrong}");
    }
    is(&[Number::ON, Number(-5)], r#"["ON",-5]"#);
    assert_eq!(serde_json::from_str::<Number>("1").unwrap(), Number::ON);
}
