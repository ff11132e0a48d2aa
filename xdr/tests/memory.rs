//! What decoding may allocate: for each byte of the message twice the size of an element in memory over its
//! smallest size on the wire, types within types multiplied through, and 4 KiB. The counting allocator
//! counts for its own thread; a buffer that grows counts as two until the old one is given back.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

use std::fmt::Debug;
use std::hint::black_box;

use allocation_counter::{AllocationInfo, measure};
use oncrpc_xdr::{
    Bytes, DecodeError, DecodeFault, Limits, Quadruple, Reader, Wire, Writer, XdrString, to_bytes,
    wire::{Array, Boxed, Fixed, List, Opaque, Optional, Text},
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const KIB: usize = 1024;

/// Decodes a `W` and tells what that allocated; the value is still held when the count is taken.
fn decode<W: Wire>(mut r: Reader<'_>) -> (Result<W::Value, DecodeError>, AllocationInfo) {
    let mut result = None;
    let info = measure(|| result = Some(W::decode(&mut r)));
    (result.unwrap(), info)
}

/// Decoding `wire` as a `W`, well or not, holds at most `2 * factor * len + 4 KiB` at any time, and gives
/// all of it back.
fn keeps_the_promise<W: Wire>(factor: usize, wire: &Bytes) -> Result<(), TestCaseError> {
    let allowed = (2 * factor * wire.len() + 4 * KIB) as u64;
    for r in [Reader::new(wire), Reader::of(wire)] {
        let mut peak = 0;
        let after = measure(|| {
            let (result, info) = decode::<W>(r);
            drop(result);
            peak = info.bytes_max;
        });
        prop_assert!(
            peak <= allowed,
            "{} of {}",
            peak,
            std::any::type_name::<W>()
        );
        prop_assert_eq!(after.bytes_current, 0);
    }
    Ok(())
}

/// `rpcb` of RFC 1833, what rpcbind is asked with: program, version, netid, address, owner.
type Rpcb = (u32, u32, XdrString, XdrString, XdrString);

/// Elements that take 4 bytes on the wire and 328 in memory.
type Fat = Option<[u64; 40]>;

fn all_types_keep_the_promise(wire: &Bytes) -> Result<(), TestCaseError> {
    // An element's bytes in memory over those on the wire, but at least 1:
    keeps_the_promise::<XdrString>(1, wire)?;
    keeps_the_promise::<(Opaque<9>, Bytes)>(1, wire)?;
    keeps_the_promise::<Rpcb>(1, wire)?;
    keeps_the_promise::<Vec<u32>>(1, wire)?;
    keeps_the_promise::<Vec<u8>>(1, wire)?;
    keeps_the_promise::<Vec<f64>>(1, wire)?;
    keeps_the_promise::<Vec<bool>>(1, wire)?;
    keeps_the_promise::<Vec<Quadruple>>(1, wire)?;
    keeps_the_promise::<List<u32>>(1, wire)?;
    keeps_the_promise::<Vec<()>>(1, wire)?;
    keeps_the_promise::<Array<Optional<Boxed<u64>>, 9>>(8 / 4, wire)?;
    keeps_the_promise::<Vec<XdrString>>(32 / 4, wire)?;
    keeps_the_promise::<List<Text<20>>>(32 / 4, wire)?;
    keeps_the_promise::<List<Rpcb>>(104 / 20 + 1, wire)?;
    keeps_the_promise::<Fixed<Vec<XdrString>, 3>>(32 / 4, wire)?;
    keeps_the_promise::<Vec<Vec<u32>>>(24 / 4, wire)?;
    keeps_the_promise::<Vec<Vec<Vec<u8>>>>((24 / 4) * (24 / 4), wire)?;
    keeps_the_promise::<List<List<Vec<i64>>>>((24 / 4) * (24 / 4), wire)?;
    keeps_the_promise::<Vec<Fat>>(328 / 4, wire)?;
    keeps_the_promise::<List<List<Fat>>>((24 / 4) * (328 / 4), wire)
}

/// Small numbers, of which lengths, counts and links are made, and those that make arithmetic wrap.
fn word() -> impl Strategy<Value = u32> {
    prop_oneof![
        4 => 0..4u32,
        2 => 0..200u32,
        1 => any::<u32>(),
        1 => select(vec![0x3fff_ffff, 0x4000_0001, 0x7fff_ffff, 0x8000_0001, 0xffff_fffc, 0xffff_ffff]),
    ]
}

fn wire(words: impl IntoIterator<Item = u32>) -> Bytes {
    let wire: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    // Promoted to a shared buffer, as a record is: else the first slice of it allocates the count.
    let wire = Bytes::from(wire);
    drop(wire.clone());
    wire
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn is_bounded_for_any_words(words in vec(word(), 0..100)) {
        all_types_keep_the_promise(&wire(words))?;
    }

    #[test]
    fn is_bounded_for_any_count_before_many_words(count in word(), words in vec(0..2u32, 100..400)) {
        all_types_keep_the_promise(&wire(std::iter::once(count).chain(words)))?;
    }
}

#[test]
fn is_bounded_for_long_messages_of_the_same_word() {
    for word in [0, 1, 2, 4, 0x3fff_ffff, 0x4000_0001, u32::MAX] {
        for first in [word, 100, 49_999, 99_999] {
            let wire = wire(std::iter::once(first).chain(std::iter::repeat_n(word, 99_999)));
            all_types_keep_the_promise(&wire).unwrap();
        }
    }
}

#[test]
fn count_that_the_message_cannot_hold_allocates_nothing_but_the_error() {
    fn refused<W: Wire<Value: Debug>>(count: u32) {
        let wire = wire([count, 0, 0, 0, 0, 0]);
        let (result, info) = decode::<W>(Reader::of(&wire));
        let fault = result.unwrap_err().fault();
        assert!(
            matches!(
                fault,
                DecodeFault::CountExceedsInput { .. } | DecodeFault::Truncated { .. }
            ),
            "{fault:?}"
        );
        assert!(info.bytes_total <= 128, "{info:?}");
    }
    for count in [
        0x3fff_ffff,
        0x4000_0000,
        0x4000_0001,
        0x8000_0001,
        0xffff_fffd,
        u32::MAX,
    ] {
        refused::<Vec<u32>>(count);
        refused::<Vec<u64>>(count);
        refused::<Vec<Vec<XdrString>>>(count);
        refused::<Vec<()>>(count);
        refused::<XdrString>(count);
        refused::<Bytes>(count);
    }
}

#[test]
fn value_over_the_budget_is_a_typed_error() {
    // 10,000 absent elements: 328 bytes in memory for 4 on the wire is over the 32 for 1 of the default.
    let wire = wire(std::iter::once(10_000).chain(std::iter::repeat_n(0, 10_000)));
    let (result, info) = decode::<Vec<Fat>>(Reader::of(&wire));
    let fault = result.unwrap_err().fault();
    assert_eq!(
        fault,
        DecodeFault::OverBudget {
            needed: 3_280_000,
            left: 32 * 40_004 + 4 * KIB,
        }
    );
    assert!(info.bytes_total <= 128, "{info:?}");

    let generous = Limits {
        memory: 328 / 4,
        ..Limits::default()
    };
    let (result, info) = decode::<Vec<Fat>>(Reader::of(&wire).with_limits(generous));
    assert_eq!(result.unwrap().len(), 10_000);
    assert_eq!(info.bytes_total, 3_280_000);
}

#[test]
fn budget_is_for_the_whole_message_whatever_shape_it_goes_to() {
    fn over_budget<W: Wire<Value: Debug>>(words: impl IntoIterator<Item = u32>, limit: usize) {
        let wire = wire(words);
        for r in [Reader::new(&wire), Reader::of(&wire)] {
            let limits = Limits {
                memory: limit,
                ..Limits::default()
            };
            let (result, info) = decode::<W>(r.with_limits(limits));
            let fault = result.unwrap_err().fault();
            assert!(matches!(fault, DecodeFault::OverBudget { .. }), "{fault:?}");
            // A list that grows holds the old nodes beside the new until they have moved.
            let budget = limit * wire.len() + 4 * KIB;
            assert!(info.bytes_max as usize <= 2 * budget, "{info:?}");
        }
    }
    let ones = || std::iter::repeat_n(1, 20_000);
    // Strings of no bytes, of 32 in memory; nodes of them; boxes, one in the other, each array in another.
    over_budget::<Vec<XdrString>>(std::iter::once(5000).chain(std::iter::repeat_n(0, 5000)), 7);
    over_budget::<List<(u64, [u8; 1], XdrString)>>(
        [1, 0, 0, 0, 0].into_iter().cycle().take(5000),
        2,
    );
    over_budget::<Array<Optional<Boxed<u32>>, 9999>>(std::iter::once(9999).chain(ones()), 1);
    over_budget::<Vec<Vec<u32>>>(std::iter::once(9999).chain(ones()), 3);
}

#[test]
fn copies_out_of_a_plain_slice_are_charged() {
    let wire = wire([4000].into_iter().chain([0; 1000]));
    let none = Limits {
        memory: 0,
        ..Limits::default()
    };
    let mut r = Reader::new(&wire).with_limits(none);
    r.opaque(u32::MAX).unwrap();
    r.charge(97).unwrap_err();
    r.charge(96).unwrap();

    let mut r = Reader::of(&wire).with_limits(none);
    r.opaque(u32::MAX).unwrap();
    r.charge(4096).unwrap();
}

#[test]
fn elements_without_bytes_on_the_wire_are_counted_for_the_whole_message() {
    let most = Limits::MAX_EMPTY_ELEMENTS;
    let (result, info) = decode::<(Vec<()>, Vec<()>)>(Reader::of(&wire([most - 1, 1])));
    result.unwrap();
    assert_eq!(info.count_total, 0);

    let (result, _) = decode::<(Vec<()>, Vec<()>)>(Reader::of(&wire([most, 1])));
    let error = result.unwrap_err();
    let fault = DecodeFault::CountExceedsInput {
        found: 1,
        allowed: 0,
    };
    assert_eq!((error.fault(), error.offset()), (fault, 4));
}

#[test]
fn opaque_data_and_strings_of_a_shared_message_allocate_nothing() {
    let wire = wire([5, 0x6865_6c6c, 0x6f00_0000, 4, 0x0102_0304]);
    let (result, info) = decode::<(XdrString, Bytes)>(Reader::of(&wire));
    let (string, opaque) = result.unwrap();
    assert_eq!(info, AllocationInfo::default());
    assert_eq!(string, "hello");
    assert_eq!(opaque.as_ptr(), wire[16..].as_ptr());
}

#[test]
fn borrowed_opaque_data_allocates_nothing() {
    let wire = wire([4, 0x0102_0304]);
    let info = measure(|| {
        black_box(Reader::new(&wire).opaque_borrowed(4).unwrap());
    });
    assert_eq!(info, AllocationInfo::default());
}

#[test]
fn arrays_of_numbers_allocate_exactly_once() {
    fn once<W: Wire<Value: Debug>>(words: u32, bytes: u64) {
        let wire = wire([1000].into_iter().chain(0..words));
        for r in [Reader::new(&wire), Reader::of(&wire)] {
            let (result, info) = decode::<W>(r);
            result.unwrap();
            assert_eq!((info.count_total, info.bytes_total), (1, bytes));
        }
    }
    once::<Vec<i32>>(1000, 4000);
    once::<Vec<u32>>(1000, 4000);
    once::<Vec<i64>>(2000, 8000);
    once::<Vec<u64>>(2000, 8000);
    once::<Vec<f32>>(1000, 4000);
    once::<Vec<f64>>(2000, 8000);
    // Those that are checked one by one do, too.
    once::<Vec<u16>>(1000, 2000);
}

#[test]
fn fixed_arrays_allocate_nothing() {
    let wire = wire(0..8);
    let (result, info) = decode::<([u32; 4], Fixed<i8, 2>, [u64; 1])>(Reader::of(&wire));
    result.unwrap();
    assert_eq!(info, AllocationInfo::default());
}

#[test]
fn list_grows_no_further_than_its_message() {
    // 65 nodes: one more than a doubling. What they take is what the message can hold, not the next doubling.
    let wire = wire([1, 7].into_iter().cycle().take(130).chain([0]));
    let (result, _) = decode::<List<u32>>(Reader::of(&wire));
    let list = result.unwrap();
    assert_eq!((list.len(), list.capacity()), (65, 65));
}

#[test]
fn errors_of_deep_messages_stay_small() {
    let mut error = Err::<(), _>(DecodeError::new(DecodeFault::BadPadding, 0));
    let info = measure(|| {
        use oncrpc_xdr::At;
        for index in 0..100_000 {
            error = std::mem::replace(&mut error, Ok(())).at_index(index);
        }
    });
    assert!(info.bytes_max <= 1024, "{info:?}");
}

#[test]
fn encoding_to_bytes_allocates_its_length_once() {
    let value = (0..100)
        .map(|n| XdrString::from(vec![b'x'; n * 300]))
        .collect::<Vec<_>>();
    let mut wire = None;
    let info = measure(|| wire = Some(to_bytes(&value).unwrap()));
    let len = wire.unwrap().len() as u64;
    assert_eq!((info.count_total, info.bytes_total), (1, len));
}

#[test]
fn large_opaque_data_is_written_without_a_copy() {
    let data = Bytes::from(vec![7; 1024 * KIB]);
    drop(data.clone());
    let mut w = Writer::new();
    let info = measure(|| w.opaque(&data, u32::MAX).unwrap());
    assert_eq!(w.len(), 1024 * KIB + 4);
    assert!(info.bytes_total <= 256, "{info:?}");
}
