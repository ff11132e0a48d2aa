//! Calls to a port where nobody listens.

use std::io::ErrorKind;
use std::task::Poll;
use std::time::{Duration, Instant};

use oncrpc::call::table::{Due, Refused};
use oncrpc::{CallError, CallTable, Retransmit};

use crate::{begin, bytes, poll};

fn table() -> CallTable {
    CallTable::new(7).with_retransmit(Retransmit {
        jitter: 0,
        ..Retransmit::adaptive()
    })
}

/// Has the call sent again at its time, which is given back.
fn resend(table: &mut CallTable) -> Instant {
    let Some(now) = table.next_timer() else {
        panic!("a call without a timer")
    };
    assert!(matches!(table.next_due(now), Some(Due::Resend(_))));
    now
}

/// What the call that ended says.
fn error(table: &mut CallTable, xid: u32) -> CallError {
    match poll(table, xid) {
        Poll::Ready(Err(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// Brings time to the deadline of the call, whatever is sent until then.
fn expire(table: &mut CallTable) {
    while let Some(now) = table.next_timer() {
        table.next_due(now);
    }
}

#[test]
fn a_call_fails_when_nobody_listens_twice() {
    let (mut table, start) = (table(), Instant::now());
    let (xid, _) = begin(&mut table, start, 25);
    assert!(poll(&mut table, xid).is_pending());
    let refused = table.refused(start, &bytes(&[xid, 0, 2]));
    assert!(matches!(refused, Refused::Hastened(Some(_))));
    assert!(poll(&mut table, xid).is_pending());
    // The second try comes soon.
    let now = resend(&mut table);
    assert_eq!(now - start, Duration::from_millis(100));
    let refused = table.refused(now, &bytes(&[xid]));
    assert!(matches!(refused, Refused::GivenUp(Some(_))));
    let error = error(&mut table, xid);
    assert!(
        matches!(&error, CallError::Connect(why) if why.kind() == ErrorKind::ConnectionRefused),
        "{error}"
    );
    assert_eq!(error.to_string(), "cannot connect: connection refused");
    assert!(!error.may_have_executed() && table.next_timer().is_none());
}

#[test]
fn a_server_that_listens_again_is_not_given_up() {
    let (mut table, start) = (table(), Instant::now());
    let (xid, _) = begin(&mut table, start, 25);
    table.refused(start, &bytes(&[xid]));
    let now = resend(&mut table);
    table.reply(now, (&bytes(&[xid, 1, 0, 0, 0, 0])).into());
    assert!(matches!(poll(&mut table, xid), Poll::Ready(Ok(_))));
}

#[test]
fn a_refusal_is_of_the_call_that_it_quotes() {
    let (mut table, start) = (table(), Instant::now());
    let (one, _) = begin(&mut table, start, 25);
    let (other, _) = begin(&mut table, start, 25);
    for quoted in [&[other][..], &[99], &[]] {
        table.refused(start, &bytes(quoted));
    }
    let now = resend(&mut table);
    for quoted in [&[other][..], &[99], &[]] {
        table.refused(now, &bytes(quoted));
    }
    assert!(poll(&mut table, one).is_pending());
    assert!(matches!(error(&mut table, other), CallError::Connect(_)));
    // One that quotes nothing is of the only call that there is.
    table.refused(now, &[]);
    let now = resend(&mut table);
    table.refused(now, b"abc");
    assert!(matches!(error(&mut table, one), CallError::Connect(_)));
}

#[test]
fn a_call_that_a_server_may_have_taken_before_it_went_away_is_repeated_to_its_deadline() {
    let (mut table, start) = (table(), Instant::now());
    let (xid, _) = begin(&mut table, start, 25);
    let mut now = resend(&mut table);
    for _ in 0..3 {
        table.refused(now, &bytes(&[xid]));
        assert!(poll(&mut table, xid).is_pending());
        now = resend(&mut table);
    }
    table.refused(now, &bytes(&[xid]));
    expire(&mut table);
    let error = error(&mut table, xid);
    assert_eq!(
        error.to_string(),
        "the connection was lost: connection refused"
    );
    assert!(error.may_have_executed());
}

#[test]
fn word_of_a_refusal_may_get_lost() {
    let (mut table, start) = (table(), Instant::now());
    let (xid, _) = begin(&mut table, start, 25);
    table.refused(start, &bytes(&[xid]));
    // Hosts send only so many a second.
    resend(&mut table);
    let now = resend(&mut table);
    let refused = table.refused(now, &bytes(&[xid]));
    assert!(matches!(refused, Refused::GivenUp(_)));
    // What is known of the second transmission is nothing.
    assert!(error(&mut table, xid).may_have_executed());
}

#[test]
fn a_server_that_came_back_and_says_nothing_is_out_of_time() {
    let (mut table, start) = (table(), Instant::now());
    let (xid, _) = begin(&mut table, start, 25);
    table.refused(start, &bytes(&[xid]));
    expire(&mut table);
    let error = error(&mut table, xid);
    assert!(matches!(error, CallError::TimedOut { .. }), "{error}");
}
