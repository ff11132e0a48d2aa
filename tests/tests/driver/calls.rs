//! Streams of calls, most of them good ones.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::P;

fn bytes(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Any message: a call, most of them good ones, or bytes that are no call at all.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let identity = prop_oneof![
        Just(vec![0, 0, 0, 0]),
        (0..4_u32).prop_map(|uid| vec![1, 20, 0, 0, uid, 100, 0, 0, 0]),
    ];
    let word = select(vec![0, 1, 2, 3, 6, 404, P + 1, u32::MAX]);
    let spoiled = prop_oneof![3 => Just(None), 1 => (any::<Index>(), word).prop_map(Some)];
    let call = (
        any::<u32>(),
        0..4_u32,
        identity,
        vec(any::<u32>(), 0..6),
        spoiled,
    )
        .prop_map(|(xid, procedure, identity, args, spoiled)| {
            let mut words = [&[xid, 0, 2, P, 1, procedure], &identity[..], &args].concat();
            if let Some((index, word)) = spoiled {
                *index.get_mut(&mut words) = word;
            }
            bytes(&words)
        });
    prop_oneof![12 => call, 1 => vec(any::<u8>(), 1..120)]
}

/// Messages as records of one fragment and of more, and perhaps bytes behind them that are none.
pub(crate) fn stream() -> impl Strategy<Value = Vec<u8>> {
    let record = (message(), vec(any::<Index>(), 0..3)).prop_map(|(message, cuts)| {
        let fragments = pieces(&message, &cuts);
        let last = fragments.len() - 1;
        let marked = fragments.iter().enumerate().flat_map(|(at, fragment)| {
            let mark = u32::from(at == last) << 31 | u32::try_from(fragment.len()).unwrap();
            [&mark.to_be_bytes()[..], fragment].concat()
        });
        marked.collect::<Vec<u8>>()
    });
    let rest = prop_oneof![4 => Just(Vec::new()), 1 => vec(any::<u8>(), 0..9)];
    (vec(record, 0..6), rest).prop_map(|(records, rest)| [records.concat(), rest].concat())
}

/// What these cuts leave of it.
pub(crate) fn pieces<'a>(whole: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
    cuts.extend([0, whole.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|ends| &whole[ends[0]..ends[1]])
        .collect()
}
