//! Record marking.

use oncrpc_interop::{Answer, Caller, Message, PMAPPROG, Reply, Transport, call};

use super::{Scenario, step};
use crate::differences::FRAGMENTS;

/// However a record is cut into fragments, it is one message.
pub fn fragments_make_one_record() -> Scenario {
    let getport = || call(2, 3).u32s(&[PMAPPROG, 2, 6, 0]);
    let _: fn() -> Message = getport;
    Scenario::new(move |_| {
        let getport = || call(2, 3).u32s(&[PMAPPROG, 2, 6, 0]);
        let mut steps = vec![step("one fragment", Caller::User, getport())];
        for lengths in [
            &[20, 20][..],
            &[40],
            &[4, 4, 4],
            &[1; 55],
            &[56, 0],
            &[0],
            &[20, 0, 20],
        ] {
            steps.push(
                step(
                    format!("fragments of {lengths:?} bytes and the rest"),
                    Caller::User,
                    getport().fragments(lengths),
                )
                .ours(FRAGMENTS, Answer::reply(Reply::success(&[111]))),
            );
        }
        for length in [8_000, 8_964] {
            let message = getport().raw(&vec![0; length - 56]);
            steps.push(step(
                format!("a record of {length} bytes"),
                Caller::User,
                message,
            ));
        }
        for length in [9_064, 20_000] {
            let message = getport().raw(&vec![0; length - 56]);
            steps.push(step(
                format!("a record of {length} bytes"),
                Caller::User,
                message,
            ));
        }
        steps
    })
    .on(&Transport::STREAM)
}
