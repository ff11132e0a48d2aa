//! The writer against the plainest model of one: a vector of bytes.

use oncrpc_xdr::{Bytes, Mark, Writer};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Clone, Debug)]
enum Step {
    U32(u32),
    Raw(Vec<u8>),
    RawShared(Bytes),
    Opaque(Bytes),
    Mark,
    Truncate(Index),
    /// A placeholder, something behind it, then the value.
    Patch(u32),
    Append(Vec<Step>),
    /// As `Append`, but the other writer keeps what it holds.
    ExtendFrom(Vec<Step>),
    Clear,
    ForgetFirst(Index),
}

/// What a writer should hold, and the marks that are still good, each with its place in the model.
#[derive(Default)]
struct Model {
    bytes: Vec<u8>,
    marks: Vec<(Mark, usize)>,
}

impl Model {
    fn take(&mut self, step: &Step, w: &mut Writer) {
        match step {
            Step::U32(value) => {
                w.u32(*value);
                self.bytes.extend_from_slice(&value.to_be_bytes());
            }
            Step::Raw(bytes) => {
                w.raw(bytes);
                self.bytes.extend_from_slice(bytes);
            }
            Step::RawShared(bytes) => {
                w.raw_shared(bytes);
                self.bytes.extend_from_slice(bytes);
            }
            Step::Opaque(bytes) => {
                w.opaque(bytes, u32::MAX).unwrap();
                let len = bytes.len() as u32;
                self.bytes.extend_from_slice(&len.to_be_bytes());
                self.bytes.extend_from_slice(bytes);
                let padding = bytes.len().next_multiple_of(4) - bytes.len();
                self.bytes.resize(self.bytes.len() + padding, 0);
            }
            Step::Mark => self.marks.push((w.mark(), self.bytes.len())),
            Step::Truncate(_) if self.marks.is_empty() => {}
            Step::Truncate(index) => {
                let (mark, at) = *index.get(&self.marks);
                w.truncate(mark);
                self.bytes.truncate(at);
                self.marks.retain(|&(_, good)| good <= at);
            }
            Step::Patch(value) => {
                let (mark, at) = (w.mark(), self.bytes.len());
                self.take(&Step::U32(0), w);
                self.take(&Step::Opaque(data(Writer::CHAIN_FROM)), w);
                let (word, behind) = w.placeholder(mark);
                assert_eq!(behind, 4 + Writer::CHAIN_FROM);
                *word = value.to_be_bytes();
                self.bytes[at..at + 4].copy_from_slice(&value.to_be_bytes());
            }
            Step::Append(steps) => {
                let mut other = Writer::new();
                let mut model = Self::default();
                steps.iter().for_each(|step| model.take(step, &mut other));
                w.append(&mut other);
                self.bytes.extend_from_slice(&model.bytes);
                assert!(other.is_empty());
                assert_eq!(other.chunks().count(), 0);
            }
            Step::ExtendFrom(steps) => {
                let mut other = Writer::new();
                let mut model = Self::default();
                steps.iter().for_each(|step| model.take(step, &mut other));
                w.extend_from(&other);
                self.bytes.extend_from_slice(&model.bytes);
                model.check(&other);
            }
            Step::Clear => {
                w.clear();
                self.bytes.clear();
                self.marks.clear();
            }
            Step::ForgetFirst(index) => {
                let first = index.index(self.bytes.len() + 1);
                w.forget_first(first);
                self.bytes.drain(..first);
                self.marks.clear();
            }
        }
        self.check(w);
    }

    fn check(&self, w: &Writer) {
        assert_eq!(w.len(), self.bytes.len());
        assert_eq!(w.is_empty(), self.bytes.is_empty());
        let mut rest = &self.bytes[..];
        for chunk in w.chunks() {
            assert!(!chunk.is_empty());
            rest = rest.strip_prefix(chunk).unwrap();
        }
        assert!(rest.is_empty());
        for &(mark, at) in &self.marks {
            assert_eq!(w.len_since(mark), self.bytes.len() - at);
        }
    }
}

/// `len` bytes that tell their places, without a copy of their own.
fn data(len: usize) -> Bytes {
    static BYTES: [u8; 2 * Writer::CHAIN_FROM] = {
        let mut bytes = [0; 2 * Writer::CHAIN_FROM];
        let mut at = 0;
        while at < bytes.len() {
            bytes[at] = (at % 251) as u8;
            at += 1;
        }
        bytes
    };
    Bytes::from_static(&BYTES[..len])
}

/// Short, or within 4 bytes of the length up to which data is written at once, or from which it is chained.
fn some_data() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        3 => 0..20usize,
        1 => 1020..1029_usize,
        1 => Writer::CHAIN_FROM - 4..Writer::CHAIN_FROM + 4,
    ]
    .prop_map(data)
}

fn step() -> impl Strategy<Value = Step> {
    let leaf = prop_oneof![
        any::<u32>().prop_map(Step::U32),
        vec(any::<u8>(), 0..9).prop_map(Step::Raw),
        some_data().prop_map(Step::RawShared),
        some_data().prop_map(Step::Opaque),
        Just(Step::Mark),
        Just(Step::Mark),
        any::<Index>().prop_map(Step::Truncate),
        any::<u32>().prop_map(Step::Patch),
        Just(Step::Clear),
        any::<Index>().prop_map(Step::ForgetFirst),
    ];
    leaf.prop_recursive(1, 6, 5, |step| {
        let steps = vec(step, 0..5);
        prop_oneof![
            steps.clone().prop_map(Step::Append),
            steps.prop_map(Step::ExtendFrom),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn does_what_a_vector_would(before in vec(any::<u8>(), 0..9), steps in vec(step(), 0..12)) {
        let mut w = Writer::from_vec(before.clone());
        let mut model = Model { bytes: before, ..Model::default() };
        for step in &steps {
            model.take(step, &mut w);
        }
        prop_assert!(w.into_bytes() == model.bytes);
    }
}

#[test]
fn large_data_is_chained_and_smaller_copied() {
    assert_eq!(Writer::CHAIN_FROM, 16_384);
    for (len, slices) in [(Writer::CHAIN_FROM - 1, 1), (Writer::CHAIN_FROM, 2)] {
        let data = data(len);
        let mut w = Writer::new();
        w.opaque(&data, u32::MAX).unwrap();
        assert_eq!(w.chunks().count(), slices);
        let last = w.chunks().last().unwrap();
        assert_eq!(
            last.as_ptr() == data.as_ptr(),
            slices == 2,
            "the data itself"
        );
    }
}

#[test]
fn chained_data_is_let_go_of_when_its_last_byte_is_forgotten() {
    let data = Bytes::from(vec![7; Writer::CHAIN_FROM]);
    let mut w = Writer::new();
    w.opaque(&data, u32::MAX).unwrap();
    w.forget_first(4 + data.len() - 1);
    assert!(!data.is_unique());
    w.forget_first(1);
    assert!(data.is_unique());
    assert!(w.is_empty());
}

#[test]
fn borrowed_opaque_data_is_written_as_shared_data_is() {
    for len in 0..9 {
        let data = data(len);
        let mut shared = Writer::new();
        shared.opaque(&data, u32::MAX).unwrap();
        let mut borrowed = Writer::new();
        borrowed.opaque_borrowed(&data, u32::MAX).unwrap();
        assert_eq!(borrowed.into_bytes(), shared.into_bytes());
    }
}

#[test]
fn nothing_but_chained_data_becomes_bytes_without_a_copy() {
    let data = data(Writer::CHAIN_FROM);
    let mut w = Writer::new();
    w.raw_shared(&data);
    assert_eq!(w.into_bytes().as_ptr(), data.as_ptr());
}

#[test]
fn a_failed_value_is_undone_by_truncating_to_the_mark_before_it() {
    let mut w = Writer::new();
    w.u32(7);
    let mark = w.mark();
    w.u32(1);
    w.string(&"too long".into(), 3).unwrap_err();
    w.truncate(mark);
    assert_eq!(&w.into_bytes()[..], [0, 0, 0, 7]);
}

#[test]
fn clear_keeps_the_memory() {
    let mut w = Writer::new();
    w.reserve(1000);
    let capacity = w.capacity();
    assert!(capacity >= 1000);
    w.raw(&[1; 1000]);
    w.clear();
    assert!(w.is_empty());
    assert_eq!(w.capacity(), capacity);
}

#[test]
fn a_mark_that_was_truncated_away_is_an_end() {
    let mut w = Writer::new();
    let start = w.mark();
    w.u32(7);
    w.raw_shared(&data(Writer::CHAIN_FROM));
    let gone = w.mark();
    w.truncate(start);
    w.u32(8);
    assert_eq!(w.len_since(gone), 0);
    w.truncate(gone);
    assert_eq!(&w.into_bytes()[..], [0, 0, 0, 8]);
}

#[test]
#[should_panic(expected = "a placeholder was written")]
fn a_placeholder_that_was_truncated_away_cannot_be_patched() {
    let mut w = Writer::new();
    w.u32(7);
    let placeholder = w.mark();
    w.u32(0);
    w.truncate(placeholder);
    w.placeholder(placeholder);
}
