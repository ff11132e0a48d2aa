//! Whatever is written comes back as it went, and takes the bytes that it said it would.

use std::fmt::Debug;

use oncrpc_xdr::{
    Bytes, DecodeError, Limits, Padding, Reader, Wire, Writer, from_bytes, to_bytes,
    wire::{Array, Boxed, Fixed, List, Opaque, Optional, Text},
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::any;

/// Encodes the value, whatever its bounds.
fn encode<W: Wire>(value: &W::Value) -> Bytes {
    let mut w = Writer::new();
    W::encode(value, &mut w).unwrap();
    w.into_bytes()
}

/// Decodes a value that is the whole of what the reader has.
fn decode<W: Wire>(mut r: Reader<'_>) -> Result<W::Value, DecodeError> {
    let value = W::decode(&mut r)?;
    r.finish()?;
    Ok(value)
}

/// The wire form has the length that was foretold; it comes back from a shared message and from a plain
/// slice, also for a reader that insists on zeros as padding.
fn comes_back<W: Wire<Value: Debug + PartialEq>>(value: &W::Value) -> Result<(), TestCaseError> {
    let wire = encode::<W>(value);
    prop_assert_eq!(wire.len(), W::encoded_len(value));
    prop_assert_eq!(wire.len() % 4, 0);
    prop_assert!(W::MIN_LEN <= wire.len());

    let strict = Limits {
        padding: Padding::Reject,
        ..Limits::default()
    };
    let shared = decode::<W>(Reader::of(&wire).with_limits(strict)).unwrap();
    prop_assert_eq!(&shared, value);
    let copied = decode::<W>(Reader::new(&wire)).unwrap();
    prop_assert_eq!(&copied, value);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn of_whole_numbers(int: i32, uint: u32, hyper: i64, uhyper: u64) {
        comes_back::<(i32, u32, i64, u64)>(&(int, uint, hyper, uhyper))?;
    }

    #[test]
    fn of_small_numbers(char: i8, uchar: u8, short: i16, ushort: u16) {
        comes_back::<(i8, u8, i16, u16)>(&(char, uchar, short, ushort))?;
    }

    #[test]
    fn of_the_bits_of_floating_point_numbers(float: u32, double: u64, quadruple in any::quadruple()) {
        let wire = to_bytes(&f32::from_bits(float)).unwrap();
        prop_assert_eq!(from_bytes::<f32>(&wire).unwrap().to_bits(), float);
        let wire = to_bytes(&vec![f64::from_bits(double); 3]).unwrap();
        prop_assert!(from_bytes::<Vec<f64>>(&wire).unwrap().iter().all(|d| d.to_bits() == double));
        comes_back::<oncrpc_xdr::Quadruple>(&quadruple)?;
    }

    #[test]
    fn of_enums_and_bools(kind in any::file_kind(), bool: bool) {
        comes_back::<(crate::sample::FileKind, bool)>(&(kind, bool))?;
    }

    #[test]
    fn of_opaque_data_of_every_padding(
        one: [u8; 1], two: [u8; 2], three: [u8; 3], four: [u8; 4], data in any::bytes(9),
    ) {
        comes_back::<([u8; 1], [u8; 2], [u8; 3], [u8; 4], Opaque<9>, Bytes)>(
            &(one, two, three, four, data.clone(), data),
        )?;
    }

    #[test]
    fn of_strings(name in any::string(300)) {
        comes_back::<Text<300>>(&name)?;
        comes_back::<oncrpc_xdr::XdrString>(&name)?;
    }

    #[test]
    fn of_arrays_of_numbers(
        ints in vec(any::<i32>(), 0..40), hypers in vec(any::<u64>(), 0..40), shorts in vec(any::<i16>(), 0..40),
        fixed: [u64; 5],
    ) {
        comes_back::<(Array<i32, 40>, Vec<u64>, Vec<i16>)>(&(ints, hypers, shorts))?;
        comes_back::<([u64; 5], Fixed<u64, 5>)>(&(fixed, fixed))?;
    }

    #[test]
    fn of_arrays_of_other_types(
        names in vec(any::string(5), 0..9), files in vec(any::file(), 0..4), pair in [any::string(5), any::string(5)],
        nested in vec(vec(any::<u32>(), 0..4), 0..4),
    ) {
        comes_back::<(Array<Text<5>, 9>, Array<crate::sample::File, 4>)>(&(names, files))?;
        comes_back::<(Fixed<Text<5>, 2>, Vec<Vec<u32>>)>(&(pair, nested))?;
    }

    #[test]
    fn of_what_may_be_absent(answer in option::of(any::answer()), int: Option<i32>, boxed: Option<Box<u64>>) {
        comes_back::<(Optional<crate::sample::Answer>, Option<i32>, Optional<Boxed<u64>>)>(
            &(answer, int, boxed),
        )?;
    }

    #[test]
    fn of_linked_lists(words in vec(any::string(8), 0..40)) {
        comes_back::<List<Text<8>>>(&words)?;
    }

    #[test]
    fn of_unions_and_trees(answer in any::answer(), tree in any::tree()) {
        comes_back::<(crate::sample::Answer, crate::sample::Tree)>(&(answer, tree))?;
    }

    #[test]
    fn of_everything(everything in any::everything()) {
        comes_back::<crate::sample::Everything>(&everything)?;
        let wire = to_bytes(&everything).unwrap();
        prop_assert_eq!(wire, encode::<crate::sample::Everything>(&everything));
    }

    #[test]
    fn of_padding_is_zeros(data in any::bytes(40)) {
        let wire = to_bytes(&data).unwrap();
        let mut expected = (data.len() as u32).to_be_bytes().to_vec();
        expected.extend_from_slice(&data);
        expected.resize(expected.len().next_multiple_of(4), 0);
        prop_assert_eq!(&wire[..], &expected[..]);
    }
}

#[test]
fn what_has_not_been_read_can_be_looked_at() {
    let mut r = Reader::new(b"\0\0\0\x07rest");
    assert_eq!(r.u32().unwrap(), 7);
    assert_eq!((r.offset(), r.remaining(), r.rest()), (4, 4, &b"rest"[..]));
    r.take(4).unwrap();
    assert_eq!((r.offset(), r.remaining(), r.rest()), (8, 0, &b""[..]));
}

/// Runs of every length up to three blocks of those that are coded in bulk, and of some from which vectors may be chosen at run time;
/// from every word of a cache's line on.
#[test]
fn numbers_in_bulk_are_what_they_are_one_by_one() {
    fn check<T: Wire<Value = T> + Copy + Debug + PartialEq>(number: impl Fn(u64) -> T) {
        let odd = 0x9e37_79b9_7f4a_7c15_u64;
        let run: Vec<T> = (1..=260_u64).map(|i| number(i.wrapping_mul(odd))).collect();
        for len in (0..=48).chain(126..=130).chain(254..=260) {
            for words_before in 0..16 {
                let run = &run[..len];
                let mut bulk = Writer::new();
                (0..words_before).for_each(|_| bulk.u32(7));
                let start = 4 * words_before;
                let mut one_by_one = Writer::new();
                one_by_one.extend_from(&bulk);
                Array::<T, { u32::MAX }>::encode(&run.to_vec(), &mut bulk).unwrap();
                one_by_one.u32(len as u32);
                for number in run {
                    T::encode(number, &mut one_by_one).unwrap();
                }
                let wire = bulk.into_bytes();
                assert_eq!(wire, one_by_one.into_bytes());
                let wire = wire.slice(start..);
                let read = decode::<Array<T, { u32::MAX }>>(Reader::of(&wire)).unwrap();
                assert_eq!(read, run);
            }
        }
    }
    check(|bits| bits as u32);
    check(|bits| bits as i32);
    check(|bits| bits);
    check(u64::cast_signed);
    check(|bits| bits as u32 as f32);
    check(|bits| bits as f64);
}

#[test]
fn a_fixed_struct_is_its_fields_and_says_which_of_them_is_missing() {
    struct Plain {
        a: i32,
        b: u64,
    }
    #[derive(Debug, PartialEq)]
    struct Fixed {
        a: i32,
        b: u64,
    }
    oncrpc_xdr::structure!(Plain: { a: i32, b: u64 });
    oncrpc_xdr::structure!(Fixed: fixed { a: i32, b: u64 as "second" });

    let wire = to_bytes(&Fixed { a: -2, b: 1 << 40 }).unwrap();
    assert_eq!(wire, to_bytes(&Plain { a: -2, b: 1 << 40 }).unwrap());
    let plain: Plain = from_bytes(&wire).unwrap();
    let (a, b) = (plain.a, plain.b);
    assert_eq!(from_bytes::<Fixed>(&wire).unwrap(), Fixed { a, b });
    for (len, said) in [
        (3, "a: 4 bytes needed, 3 remain at byte 0"),
        (11, "second: 8 bytes needed, 7 remain at byte 4"),
    ] {
        let error = from_bytes::<Fixed>(&wire.slice(..len)).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}
