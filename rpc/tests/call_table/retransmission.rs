//! Calls over datagrams: when they are sent again, and what their replies teach.

use std::task::Poll;
use std::time::{Duration, Instant};

use oncrpc::call::table::Due;
use oncrpc::{CallError, CallTable, Pace, Retransmit};
use proptest::prelude::*;

use crate::{SECOND, begin, bytes, poll, words};

const MS: Duration = Duration::from_millis(1);

/// A table for datagrams whose waits can be told in advance.
fn exact(policy: Retransmit) -> CallTable {
    CallTable::new(7).with_retransmit(Retransmit {
        jitter: 0,
        ..policy
    })
}

/// Brings the reply to call `xid`, and sees that the call ends with it.
fn answer(table: &mut CallTable, now: Instant, xid: u32) {
    table.reply(now, (&bytes(&[xid, 1, 0, 0, 0, 0])).into());
    assert!(matches!(poll(table, xid), Poll::Ready(Ok(_))));
}

/// Makes a call at `now` whose reply comes `after` that, however often it is sent until then; gives back the
/// waits between transmissions, the one that the reply cut short included.
fn call(table: &mut CallTable, mut now: Instant, after: Duration) -> Vec<Duration> {
    let replied = now + after;
    let (xid, _) = begin(table, now, 60);
    let mut waits = Vec::new();
    loop {
        let Some(next) = table.next_timer() else {
            panic!("a call without a timer")
        };
        waits.push(next - now);
        if next > replied {
            answer(table, replied, xid);
            return waits;
        }
        now = next;
        assert!(matches!(table.next_due(now), Some(Due::Resend(_))));
    }
}

#[test]
fn a_datagram_is_sent_again_with_the_same_xid_until_its_time_is_up() {
    let mut table = exact(Retransmit::default());
    let start = Instant::now();
    let (xid, message) = begin(&mut table, start, 25);
    let mut sent_at = vec![];
    let mut now = start;
    let error = loop {
        now = table.next_timer().unwrap_or(now);
        match table.next_due(now) {
            Some(Due::Resend(out)) => {
                assert_eq!(words(out), message);
                sent_at.push((now - start).as_secs());
            }
            Some(Due::Expired(_)) => match poll(&mut table, xid) {
                Poll::Ready(Err(error)) => break error,
                other => panic!("{other:?}"),
            },
            None => panic!("nothing due at its time"),
        }
    };
    assert_eq!(sent_at, [1, 3, 7, 15]);
    assert_eq!(now - start, SECOND * 25);
    assert!(
        matches!(error, CallError::TimedOut { sent: 5, .. }),
        "{error}"
    );
}

#[test]
fn garbage_in_a_datagram_does_not_end_the_call_that_it_names() {
    let (mut table, now) = (exact(Retransmit::default()), Instant::now());
    let (xid, _) = begin(&mut table, now, 25);
    for other in [
        &[xid, 1, 9][..],
        &[xid ^ 1, 1, 0, 0, 0, 0],
        &[xid, 0, 2],
        &[],
    ] {
        assert!(table.reply(now, (&bytes(other)).into()).is_none());
        assert!(poll(&mut table, xid).is_pending());
        // Nor is it a reason to send it again.
        assert!(table.next_due(now).is_none());
    }
    answer(&mut table, now, xid);
}

#[test]
fn quick_replies_shorten_the_wait_down_to_the_floor() {
    let (mut table, now) = (exact(Retransmit::adaptive()), Instant::now());
    assert_eq!(call(&mut table, now, MS * 30), [SECOND]);
    // 30 ms, and four times the half of it, would be less.
    assert_eq!(call(&mut table, now, MS * 30), [MS * 100]);
    let mut last = Vec::new();
    for _ in 0..30 {
        last = call(&mut table, now, MS);
    }
    assert_eq!(last, [MS * 100]);
}

#[test]
fn slow_replies_lengthen_the_wait() {
    let (mut table, now) = (exact(Retransmit::adaptive()), Instant::now());
    for _ in 0..50 {
        call(&mut table, now, MS * 700);
    }
    let waits = call(&mut table, now, MS * 700);
    assert!(waits.len() == 1 && waits[0] > MS * 700, "{waits:?}");
}

#[test]
fn a_call_that_was_repeated_teaches_no_round_trip_but_its_wait_stays() {
    let (mut table, now) = (exact(Retransmit::adaptive()), Instant::now());
    call(&mut table, now, MS * 10);
    // The reply may be to the first transmission or to the third: it is not known how long it took.
    let repeated = [100, 200, 400].map(|ms| MS * ms);
    assert_eq!(call(&mut table, now, MS * 320), repeated);
    // The wait that the call had come to goes on ...
    assert_eq!(call(&mut table, now, MS * 10), [MS * 400]);
    // ... until a call that was sent once has told.
    assert_eq!(call(&mut table, now, MS * 10), [MS * 100]);
}

#[test]
fn a_round_trip_longer_than_the_first_wait_is_learned() {
    let (mut table, now) = (exact(Retransmit::adaptive()), Instant::now());
    assert_eq!(
        call(&mut table, now, SECOND * 5),
        [1, 2, 4].map(|s| SECOND * s)
    );
    assert_eq!(
        call(&mut table, now, SECOND * 5),
        [4, 8].map(|s| SECOND * s)
    );
    assert_eq!(call(&mut table, now, SECOND * 5), [SECOND * 8]);
    // 5 s, and four times the half of it.
    assert_eq!(call(&mut table, now, SECOND * 5), [SECOND * 15]);
}

#[test]
fn a_reply_that_comes_twice_or_late_is_ignored() {
    let (mut table, now) = (exact(Retransmit::adaptive()), Instant::now());
    let (xid, _) = begin(&mut table, now, 25);
    let reply = bytes(&[xid, 1, 0, 0, 0, 0]);
    answer(&mut table, now + MS, xid);
    assert!(table.reply(now + SECOND * 14, (&reply).into()).is_none());
    // It taught nothing, either.
    assert_eq!(call(&mut table, now, MS), [MS * 100]);
    assert!(table.is_empty() && table.next_timer().is_none());
}

#[test]
fn libtirpc_sends_every_fifteen_seconds() {
    let (mut table, now) = (exact(Retransmit::libtirpc()), Instant::now());
    assert_eq!(call(&mut table, now, MS), [SECOND * 15]);
    assert_eq!(call(&mut table, now, SECOND * 40), [SECOND * 15; 3]);
}

proptest! {
    #[test]
    fn waits_stay_between_floor_and_cap(
        first_xid: u32,
        doubled: bool,
        replies in prop::collection::vec(0..40_000u32, 1..40),
    ) {
        let pace = if doubled { Pace::Doubled } else { Pace::Adaptive };
        let policy = Retransmit { pace, ..Retransmit::adaptive() };
        let mut table = CallTable::new(first_xid).with_retransmit(policy);
        let now = Instant::now();
        for after in replies {
            for wait in call(&mut table, now, MS * after) {
                prop_assert!((policy.floor..=policy.cap).contains(&wait), "{wait:?}");
            }
        }
    }
}
