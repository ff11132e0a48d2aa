//! However a stream of calls comes apart on its way, a server says the same.

use oncrpc::record::RecordLimits;
use oncrpc_transport::Limits;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::calls::{pieces, stream};
use crate::served::{runtime, said};

/// So little that a stream of some calls can be over it.
const LIMITS: Limits = Limits {
    record: RecordLimits {
        record: 96,
        fragments: 4,
    },
    ..Limits::SERVER
};

#[test]
fn any_split_of_a_stream_of_calls_gets_the_same_replies() {
    let runtime = runtime();
    proptest!(ProptestConfig::with_cases(10_000), |(stream in stream(), cuts in vec(any::<Index>(), 1..8))| {
        let split = said(&runtime, LIMITS, pieces(&stream, &cuts).into_iter());
        prop_assert_eq!(&split, &said(&runtime, LIMITS, [&stream[..]].into_iter()));
    });
}

#[test]
fn a_stream_of_calls_that_arrives_byte_by_byte_gets_the_same_replies() {
    let runtime = runtime();
    proptest!(ProptestConfig::with_cases(1_000), |(stream in stream())| {
        let split = said(&runtime, LIMITS, stream.chunks(1));
        prop_assert_eq!(&split, &said(&runtime, LIMITS, [&stream[..]].into_iter()));
    });
}
