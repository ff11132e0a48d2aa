//! A bound holds for every value that it is for: however that was made, wherever it stands, both ways.

use std::fmt::Debug;

use oncrpc_xdr::wire::{
    Array, Boxed, Fixed, List, Nested, Opaque, OpaqueVec, Optional, Text, Utf8,
};
use oncrpc_xdr::{
    Bytes, Decode, DecodeError, DecodeFault, Encode, EncodeError, EncodeFault, Reader, Wire,
    Writer, XdrString, from_bytes, structure, to_bytes, union,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::any;

/// The bound of everything here, in bytes or elements.
const MAX: u32 = 8;

/// `struct field { int before; string text<8>; };`
#[derive(Clone, Debug, PartialEq)]
struct Field<T> {
    before: i32,
    held: T,
}

structure!(Field<XdrString>: { before: i32, held: Text<MAX> });
structure!(Field<Bytes>: { before: i32, held: Opaque<MAX> });
structure!(Field<Vec<u32>>: { before: i32, held: Array<u32, MAX> });

/// `union arm switch (int kind) { case 0: string text<8>; case 1: opaque data<8>; default: int numbers<8>; };`
#[derive(Clone, Debug, PartialEq)]
enum Arm {
    Text(XdrString),
    Data(Bytes),
    Default { kind: i32, numbers: Vec<u32> },
}

union!(Arm, kind: i32 {
    0 => Text(Text<MAX>) as "text",
    1 => Data(Opaque<MAX>) as "data",
} default Default { kind, numbers: Array<u32, MAX> });

/// That a value of `found` bytes or elements is written and read where the bound allows it, and is refused both ways
/// where it does not. `Unbounded` is the same shape as `W`, and has no bound.
fn holds<W, Unbounded>(value: &W::Value, found: usize) -> Result<(), TestCaseError>
where
    W: Wire<Value: Debug + PartialEq>,
    Unbounded: Wire<Value = W::Value>,
{
    let written = written::<Unbounded>(value).unwrap();
    let read = [
        W::decode(&mut Reader::of(&written)),
        W::decode(&mut Reader::new(&written)),
    ];
    is_judged(
        self::written::<W>(value).map(|wire| wire == written),
        read.map(|read| read.map(|read| read == *value)),
        found,
    )
}

/// The same of what has a bound of its own, which stands on the wire like this without it.
fn keeps<T: Encode + Decode + PartialEq>(
    value: &T,
    wire: &Bytes,
    found: usize,
) -> Result<(), TestCaseError> {
    is_judged(
        to_bytes(value).map(|written| written == wire),
        [from_bytes::<T>(wire), T::decode(&mut Reader::new(wire))]
            .map(|read| read.map(|read| read == *value)),
        found,
    )
}

fn is_judged(
    written: Result<bool, EncodeError>,
    read: [Result<bool, DecodeError>; 2],
    found: usize,
) -> Result<(), TestCaseError> {
    let is_bounded = found <= MAX as usize;
    prop_assert_eq!(
        written.map_err(|error| error.fault()),
        is_bounded.then_some(true).ok_or(EncodeFault::TooLong {
            found,
            allowed: MAX
        })
    );
    for read in read {
        prop_assert_eq!(
            read.map_err(|error| error.fault()),
            is_bounded.then_some(true).ok_or(DecodeFault::TooLong {
                found: found as u32,
                allowed: MAX
            })
        );
    }
    Ok(())
}

fn written<W: Wire>(value: &W::Value) -> Result<Bytes, EncodeError> {
    let mut w = Writer::new();
    W::encode(value, &mut w)?;
    Ok(w.into_bytes())
}

/// In every place that a value can have: `W` is its shape, `Unbounded` the same without the bound.
fn holds_everywhere<W, Unbounded>(value: &W::Value, found: usize) -> Result<(), TestCaseError>
where
    W: Wire<Value: Clone + Debug + PartialEq>,
    Unbounded: Wire<Value = W::Value>,
{
    let value = || value.clone();
    holds::<W, Unbounded>(&value(), found)?;
    holds::<Fixed<W, 2>, Fixed<Unbounded, 2>>(&[value(), value()], found)?;
    holds::<Array<W, 2>, Array<Unbounded, 2>>(&vec![value()], found)?;
    holds::<Optional<W>, Optional<Unbounded>>(&Some(value()), found)?;
    holds::<Boxed<W>, Boxed<Unbounded>>(&Box::new(value()), found)?;
    holds::<Nested<W>, Nested<Unbounded>>(&value(), found)?;
    holds::<List<W>, List<Unbounded>>(&vec![value()], found)?;
    holds::<(u32, W), (u32, Unbounded)>(&(7, value()), found)
}

/// The same text, made in every way that there is.
fn texts(text: &str) -> Vec<XdrString> {
    let wire = to_bytes(&XdrString::from(text)).unwrap();
    let owned = XdrString::from(text.to_owned());
    vec![
        XdrString::from(text),
        XdrString::from(text.as_bytes()),
        XdrString::from(text.as_bytes().to_vec()),
        XdrString::from(Bytes::copy_from_slice(text.as_bytes())),
        XdrString::from_static(&LONG[..text.len()]),
        from_bytes(&wire).unwrap(),
        Reader::new(&wire).string(u32::MAX).unwrap(),
        owned.compact(),
        owned,
    ]
}

/// The same bytes, made in every way that there is.
fn data(bytes: &[u8]) -> Vec<Bytes> {
    let wire = to_bytes(&Bytes::copy_from_slice(bytes)).unwrap();
    vec![
        Bytes::copy_from_slice(bytes),
        Bytes::from(bytes.to_vec()),
        wire.slice(4..4 + bytes.len()),
        from_bytes(&wire).unwrap(),
        Reader::new(&wire).opaque(u32::MAX).unwrap(),
        XdrString::from(bytes).into_shared(),
    ]
}

const LONG: &str = "................................";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn strings_keep_their_bound(len in 0..=2 * MAX as usize) {
        let text = &LONG[..len];
        for text in texts(text) {
            prop_assert_eq!(text.len(), len);
            holds_everywhere::<Text<MAX>, Text<{ u32::MAX }>>(&text, len)?;
            let wire = to_bytes(&(-1_i32)).unwrap();
            let behind = |before: &[u8]| Bytes::from([before, &to_bytes(&text).unwrap()].concat());
            keeps(&Field { before: -1, held: text.clone() }, &behind(&wire), len)?;
            keeps(&Arm::Text(text.clone()), &behind(&[0; 4]), len)?;
        }
        holds_everywhere::<Utf8<MAX>, Utf8<{ u32::MAX }>>(&text.to_owned(), len)?;
    }

    #[test]
    fn opaque_data_keeps_its_bound(bytes in any::bytes(2 * MAX as usize)) {
        let len = bytes.len();
        for bytes in data(&bytes) {
            holds_everywhere::<Opaque<MAX>, Opaque<{ u32::MAX }>>(&bytes, len)?;
            let behind = |before: &[u8]| Bytes::from([before, &to_bytes(&bytes).unwrap()].concat());
            keeps(&Field { before: 0, held: bytes.clone() }, &behind(&[0; 4]), len)?;
            keeps(&Arm::Data(bytes.clone()), &behind(&[0, 0, 0, 1]), len)?;
        }
        holds_everywhere::<OpaqueVec<MAX>, OpaqueVec<{ u32::MAX }>>(&bytes.to_vec(), len)?;
    }

    #[test]
    fn arrays_keep_their_bound(numbers in vec(any::<u32>(), 0..=2 * MAX as usize)) {
        let len = numbers.len();
        holds_everywhere::<Array<u32, MAX>, Vec<u32>>(&numbers, len)?;
        let texts = numbers.iter().map(|number| XdrString::from(number.to_string())).collect();
        holds_everywhere::<Array<Text<10>, MAX>, Vec<XdrString>>(&texts, len)?;
        let nothing = vec![(); len];
        holds_everywhere::<Array<(), MAX>, Vec<()>>(&nothing, len)?;
        let behind = |before: &[u8]| Bytes::from([before, &to_bytes(&numbers).unwrap()].concat());
        keeps(&Field { before: 0, held: numbers.clone() }, &behind(&[0; 4]), len)?;
        let arm = Arm::Default { kind: 5, numbers: numbers.clone() };
        keeps(&arm, &behind(&[0, 0, 0, 5]), len)?;
    }
}
