//! Bytes that nobody vouches for: cut, altered, or made up. The answer is a value or a typed error, never
//! a panic, and what is taken for a value is one.

use oncrpc_xdr::{
    Bytes, Decode, DecodeFault, Encode, Limits, Padding, Reader, Wire, Writer, from_bytes,
    to_bytes,
    wire::{Array, Fixed, List, Text},
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::any;
use crate::sample::{Answer, Everything, File, FileKind, Numbers, Tree};

const STRICT: Limits = Limits {
    depth: Limits::DEFAULT_DEPTH,
    memory: Limits::DEFAULT_MEMORY,
    padding: Padding::Reject,
};

/// Decodes `wire` as a `W`. What a strict reader takes for a value is written back to the very same bytes.
fn is_a_value_or_an_error<W: Wire>(wire: &Bytes) -> Result<(), TestCaseError> {
    let _ = W::decode(&mut Reader::new(wire));
    let mut r = Reader::of(wire).with_limits(STRICT);
    match W::decode(&mut r) {
        Ok(value) => {
            let mut w = Writer::new();
            W::encode(&value, &mut w).unwrap();
            prop_assert_eq!(w.len(), W::encoded_len(&value));
            prop_assert_eq!(w.into_bytes(), wire.slice(..r.offset()));
        }
        Err(error) => prop_assert!(error.offset() <= wire.len()),
    }
    Ok(())
}

/// As every type that there is.
fn is_a_value_or_an_error_of_any_type(wire: &Bytes) -> Result<(), TestCaseError> {
    is_a_value_or_an_error::<Everything>(wire)?;
    is_a_value_or_an_error::<Numbers>(wire)?;
    is_a_value_or_an_error::<File>(wire)?;
    is_a_value_or_an_error::<Answer>(wire)?;
    is_a_value_or_an_error::<Tree>(wire)?;
    is_a_value_or_an_error::<Vec<u32>>(wire)?;
    is_a_value_or_an_error::<Vec<f64>>(wire)?;
    is_a_value_or_an_error::<Array<Text<9>, 9>>(wire)?;
    is_a_value_or_an_error::<Fixed<Vec<Vec<i8>>, 2>>(wire)?;
    is_a_value_or_an_error::<List<(FileKind, bool)>>(wire)?;
    is_a_value_or_an_error::<Option<[u8; 3]>>(wire)?;
    is_a_value_or_an_error::<Vec<()>>(wire)
}

/// The words with which a length, a count or an offset is made to overflow, and some that are legal.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0..8u32,
        1 => any::<u32>(),
        1 => select(vec![
            0x3fff_ffff, 0x4000_0000, 0x4000_0001, 0x7fff_fffc, 0x7fff_ffff, 0x8000_0000, 0x8000_0004,
            0xffff_fffc, 0xffff_fffd, 0xffff_fffe, 0xffff_ffff,
        ]),
    ]
}

proptest! {
    // A case is some 250 cuts.
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_cut_of_a_message_is_an_error(everything in any::everything()) {
        let wire = to_bytes(&everything).unwrap();
        for len in 0..wire.len() {
            let error = from_bytes::<Everything>(&wire.slice(..len)).unwrap_err();
            match error.fault() {
                DecodeFault::Truncated { needed, remaining } => {
                    prop_assert!(remaining < needed);
                    prop_assert_eq!(error.offset() + remaining, len);
                }
                DecodeFault::CountExceedsInput { found, allowed } => prop_assert!(allowed < found),
                fault => prop_assert!(false, "{:?}", fault),
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn any_bytes_are_a_value_or_an_error(wire in any::bytes(200)) {
        is_a_value_or_an_error_of_any_type(&wire)?;
    }

    #[test]
    fn any_words_are_a_value_or_an_error(words in vec(word(), 0..60)) {
        let wire: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        is_a_value_or_an_error_of_any_type(&wire.into())?;
    }

    #[test]
    fn a_message_with_one_word_altered_is_a_value_or_an_error(
        everything in any::everything(), at: proptest::sample::Index, word in word(),
    ) {
        let mut wire = to_bytes(&everything).unwrap().to_vec();
        let at = at.index(wire.len() / 4) * 4;
        wire[at..at + 4].copy_from_slice(&word.to_be_bytes());
        is_a_value_or_an_error::<Everything>(&wire.into())?;
    }

    #[test]
    fn trailing_bytes_are_told(file in any::file(), more in 1..9usize) {
        let mut wire = to_bytes(&file).unwrap().to_vec();
        let end = wire.len();
        wire.resize(end + more, 0);
        let error = from_bytes::<File>(&wire.into()).unwrap_err();
        prop_assert_eq!(error.fault(), DecodeFault::TrailingBytes { found: more });
        prop_assert_eq!(error.offset(), end);
    }

    #[test]
    fn padding_that_is_not_zero_is_accepted_or_rejected_as_told(
        data in any::bytes(9).prop_filter("padded", |data| data.len() % 4 != 0),
        at: proptest::sample::Index, value in 1..=u8::MAX,
    ) {
        let mut wire = to_bytes(&data).unwrap().to_vec();
        let padding = 4 + data.len();
        let at = padding + at.index(wire.len() - padding);
        wire[at] = value;

        prop_assert_eq!(&Reader::new(&wire).opaque(u32::MAX).unwrap(), &data);
        let error = Reader::new(&wire).with_limits(STRICT).opaque(u32::MAX).unwrap_err();
        prop_assert_eq!(error.fault(), DecodeFault::BadPadding);
        prop_assert_eq!(error.offset(), padding);
    }

    #[test]
    fn bool_is_0_or_1(word in word()) {
        let decoded = <bool as Decode>::decode(&mut Reader::new(&word.to_be_bytes()));
        match word {
            0 | 1 => prop_assert_eq!(decoded.unwrap(), word == 1),
            found => prop_assert_eq!(decoded.unwrap_err().fault(), DecodeFault::BadBool { found }),
        }
    }

    #[test]
    fn small_numbers_keep_to_their_range(value in prop_oneof![-300..300i32, -70_000..70_000i32, any::<i32>()]) {
        keeps_to_its_range::<i8>(value, i8::MIN.into(), i8::MAX.into())?;
        keeps_to_its_range::<u8>(value, u8::MIN.into(), u8::MAX.into())?;
        keeps_to_its_range::<i16>(value, i16::MIN.into(), i16::MAX.into())?;
        keeps_to_its_range::<u16>(value, u16::MIN.into(), u16::MAX.into())?;
    }

    #[test]
    fn bounds_hold_both_ways(name in any::string(12), ints in vec(any::<u32>(), 0..12), max in 0..12u32) {
        let mut w = Writer::new();
        let written = w.string(&name, max);
        let wire = to_bytes(&name).unwrap();
        let read = Reader::of(&wire).string(max);
        if name.len() <= max as usize {
            written.unwrap();
            prop_assert_eq!(read.unwrap(), name);
        } else {
            too_long(name.len(), max, written, read.map(|_| ()))?;
            prop_assert!(w.is_empty());
        }

        let mut w = Writer::new();
        let written = w.array::<u32>(&ints, max);
        let wire = to_bytes(&ints).unwrap();
        let read = Reader::of(&wire).array::<u32>(max);
        if ints.len() <= max as usize {
            written.unwrap();
            prop_assert_eq!(read.unwrap(), ints);
        } else {
            too_long(ints.len(), max, written, read.map(|_| ()))?;
            prop_assert!(w.is_empty());
        }
    }
}

fn keeps_to_its_range<T>(value: i32, least: i64, greatest: i64) -> Result<(), TestCaseError>
where
    T: Decode + Encode + Into<i64>,
{
    let wire = value.to_be_bytes();
    let value = i64::from(value);
    match <T as Decode>::decode(&mut Reader::new(&wire)) {
        Ok(small) => {
            prop_assert_eq!(&to_bytes(&small).unwrap()[..], &wire[..]);
            prop_assert_eq!(small.into(), value);
        }
        Err(error) => {
            let out_of_range = DecodeFault::OutOfRange {
                found: value,
                least,
                greatest,
            };
            prop_assert_eq!(error.fault(), out_of_range);
            prop_assert_eq!(error.offset(), 0);
            prop_assert!(!(least..=greatest).contains(&value));
        }
    }
    Ok(())
}

fn too_long(
    found: usize,
    allowed: u32,
    written: Result<(), oncrpc_xdr::EncodeError>,
    read: Result<(), oncrpc_xdr::DecodeError>,
) -> Result<(), TestCaseError> {
    let fault = oncrpc_xdr::EncodeFault::TooLong { found, allowed };
    prop_assert_eq!(written.unwrap_err().fault(), fault);
    let found = found as u32;
    let fault = DecodeFault::TooLong { found, allowed };
    prop_assert_eq!(read.unwrap_err().fault(), fault);
    Ok(())
}
