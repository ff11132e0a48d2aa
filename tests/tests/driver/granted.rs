//! Whatever a connection is granted, nothing, everything or anything between: it is what it gets, and no more is said.

use std::time::Duration;

use oncrpc::record::RecordLimits;
use oncrpc_transport::{Limits, Pace};
use proptest::prelude::*;
use proptest::sample::select;

use crate::calls::stream;
use crate::served::{runtime, said};

/// As much of everything as can be said.
const EVERYTHING: Limits = Limits {
    record: RecordLimits {
        record: u32::MAX,
        fragments: u32::MAX,
    },
    in_flight: usize::MAX,
    unsent: usize::MAX,
    first_record: Some(Duration::MAX),
    header: Duration::MAX,
    mid_record: Duration::MAX,
    pace: Some(Pace {
        grace: Duration::MAX,
        bytes_per_second: 1,
    }),
    write_stall: Duration::MAX,
    idle: Some(Duration::MAX),
    // The clock stands still while anything runs: one would poll for ever.
    busy_poll: None,
};

fn limits() -> impl Strategy<Value = Limits> {
    let word = || select(vec![0, 1, 2, 40, 96, u32::MAX - 1, u32::MAX]);
    let count = || select(vec![0, 1, 64, 100, usize::MAX - 1, usize::MAX]);
    let second = Duration::from_secs(1);
    let time = move || {
        select(vec![
            Duration::ZERO,
            second,
            Duration::MAX - second,
            Duration::MAX,
        ])
    };
    let pace = (time(), word()).prop_map(|(grace, bytes_per_second)| Pace {
        grace,
        bytes_per_second,
    });
    let (pace, times) = (prop::option::of(pace), [time(), time(), time()]);
    let perhaps = [prop::option::of(time()), prop::option::of(time())];
    let counts = ([word(), word()], [count(), count()]);
    (counts, times, perhaps, pace).prop_map(|(counts, times, perhaps, pace)| {
        let ([record, fragments], [in_flight, unsent]) = counts;
        let [header, mid_record, write_stall] = times;
        let [first_record, idle] = perhaps;
        Limits {
            record: RecordLimits { record, fragments },
            in_flight,
            unsent,
            first_record,
            header,
            mid_record,
            pace,
            write_stall,
            idle,
            busy_poll: None,
        }
    })
}

#[test]
fn whatever_a_connection_is_granted_it_says_what_it_would_say_or_the_beginning_of_it() {
    let runtime = runtime();
    proptest!(ProptestConfig::with_cases(10_000), |(limits in limits(), stream in stream())| {
        let pieces = || stream.chunks(50);
        let (all, _) = said(&runtime, EVERYTHING, pieces());
        let (some, _) = said(&runtime, limits, pieces());
        prop_assert!(all.starts_with(&some));
    });
}
