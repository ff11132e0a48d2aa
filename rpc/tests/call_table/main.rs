//! The call table on a clock of the test's own: every call ends once, with its reply or in time.

mod refusal;
mod retransmission;
mod silence;

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc::auth::AuthNone;
use oncrpc::call::table::{Due, NewCall};
use oncrpc::{CallError, CallTable, ProcedureId, Refusal};
use oncrpc_xdr::{Enumeration, Writer};

const ID: ProcedureId = ProcedureId {
    program: 100_003,
    version: 3,
    procedure: 1,
};
const SECOND: Duration = Duration::from_secs(1);

/// Begins a call with argument 5 and `timeout` seconds to go; gives back its xid and message.
fn begin(table: &mut CallTable, now: Instant, timeout: u32) -> (u32, Vec<u32>) {
    let mut args = Writer::new();
    args.u32(5);
    let call = NewCall {
        id: ID,
        args: &args,
        auth: &(Arc::new(AuthNone) as _),
        timeout: SECOND * timeout,
        waiter: None,
    };
    let mut out = Writer::new();
    let Ok(xid) = table.begin(&call, &mut out) else {
        panic!("AUTH_NONE seals everything")
    };
    table.start(xid, now);
    (xid, words(out))
}

fn words(out: Writer) -> Vec<u32> {
    let bytes = out.into_bytes();
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&word| u32::from_be_bytes(word))
        .collect()
}

fn bytes(words: &[u32]) -> Bytes {
    words
        .iter()
        .flat_map(|word| word.to_be_bytes())
        .collect::<Vec<u8>>()
        .into()
}

fn poll(table: &mut CallTable, xid: u32) -> Poll<Result<Bytes, CallError>> {
    let polled = table.poll(xid, &Context::from_waker(Waker::noop()));
    polled.map_err(CallError::from)
}

#[test]
fn a_call_is_written_and_its_reply_found_by_xid() {
    let (mut table, now) = (CallTable::new(u32::MAX), Instant::now());
    let (first, message) = begin(&mut table, now, 25);
    assert_eq!(message, [u32::MAX, 0, 2, 100_003, 3, 1, 0, 0, 0, 0, 5]);
    let (second, _) = begin(&mut table, now, 25);
    assert_eq!(second, 0);
    assert!(poll(&mut table, first).is_pending() && poll(&mut table, second).is_pending());
    // The second is answered first.
    assert!(
        table
            .reply(now, &bytes(&[second, 1, 0, 0, 0, 0, 42]))
            .is_some()
    );
    assert!(poll(&mut table, first).is_pending());
    let Poll::Ready(Ok(body)) = poll(&mut table, second) else {
        panic!()
    };
    assert_eq!(body, bytes(&[42]));
    table.reply(now, &bytes(&[first, 1, 0, 0, 0, 0]));
    let Poll::Ready(Ok(body)) = poll(&mut table, first) else {
        panic!()
    };
    assert!(body.is_empty() && table.is_empty());
    assert_eq!(table.next_timer(), None);
}

#[test]
fn replies_that_nobody_waits_for_are_dropped() {
    let (mut table, now) = (CallTable::new(7), Instant::now());
    let (xid, _) = begin(&mut table, now, 25);
    assert!(table.reply(now, &bytes(&[8, 1, 0, 0, 0, 0])).is_none());
    assert!(table.reply(now, &bytes(&[xid, 0, 2, 1, 1, 1])).is_none());
    assert!(
        table
            .reply(now, &Bytes::from_static(b"\0\0\0\x07"))
            .is_none()
    );
    assert!(poll(&mut table, xid).is_pending());
    table.cancel(xid);
    assert!(table.reply(now, &bytes(&[xid, 1, 0, 0, 0, 0])).is_none());
    assert!(table.is_empty() && table.next_timer().is_none());
}

#[test]
fn every_refusal_reaches_the_caller() {
    use oncrpc::proto::rpc_msg::AuthStat;
    for (reply, refusal) in [
        (&[0, 0, 0, 1][..], Refusal::ProgUnavail),
        (
            &[0, 0, 0, 2, 3, 4],
            Refusal::ProgMismatch { low: 3, high: 4 },
        ),
        (&[0, 0, 0, 3], Refusal::ProcUnavail),
        (&[0, 0, 0, 4], Refusal::GarbageArgs),
        (&[0, 0, 0, 5], Refusal::SystemErr),
        (&[0, 0, 0, 77], Refusal::Unknown(77)),
        (&[1, 0, 2, 2], Refusal::RpcMismatch { low: 2, high: 2 }),
        (&[1, 1, 5], Refusal::Auth(AuthStat::Tooweak)),
        (&[1, 1, 13], Refusal::Auth(AuthStat::RpcsecGssCredproblem)),
        (&[1, 1, 99], Refusal::Auth(Enumeration::from_value(99))),
    ] {
        let (mut table, now) = (CallTable::new(7), Instant::now());
        let (xid, _) = begin(&mut table, now, 25);
        let (other, _) = begin(&mut table, now, 25);
        table.reply(now, &bytes(&[&[xid, 1][..], reply].concat()));
        let Poll::Ready(Err(CallError::Refused(found))) = poll(&mut table, xid) else {
            panic!()
        };
        assert_eq!(found, refusal);
        // It is a matter of that call alone.
        assert!(poll(&mut table, other).is_pending());
    }
}

#[test]
fn on_a_stream_a_reply_that_cannot_be_read_ends_its_call() {
    let (mut table, now) = (CallTable::new(7), Instant::now());
    let (xid, _) = begin(&mut table, now, 25);
    table.reply(now, &bytes(&[xid, 1, 0, 0]));
    assert!(matches!(
        poll(&mut table, xid),
        Poll::Ready(Err(CallError::Decode(_)))
    ));
}

#[test]
fn a_verifier_may_be_of_any_flavor_and_have_400_bytes_and_no_more() {
    let reply = |xid, flavor, words: u32| {
        let body = vec![7; words as usize];
        bytes(&[&[xid, 1, 0, flavor, 4 * words][..], &body, &[0, 42]].concat())
    };
    for flavor in [0, 2, 99] {
        let (mut table, now) = (CallTable::new(7), Instant::now());
        let (xid, _) = begin(&mut table, now, 25);
        table.reply(now, &reply(xid, flavor, 100));
        let body = poll(&mut table, xid);
        assert!(matches!(body, Poll::Ready(Ok(body)) if body == bytes(&[42])));
        let (xid, _) = begin(&mut table, now, 25);
        table.reply(now, &reply(xid, flavor, 101));
        let error = poll(&mut table, xid);
        assert!(matches!(error, Poll::Ready(Err(CallError::Decode(_)))));
    }
}

#[test]
fn a_call_expires_at_its_deadline() {
    let (mut table, now) = (CallTable::new(7), Instant::now());
    let (late, _) = begin(&mut table, now, 25);
    let (soon, _) = begin(&mut table, now, 10);
    assert_eq!(table.next_timer(), Some(now + SECOND * 10));
    assert_eq!(table.timer(late), Some(now + SECOND * 25));
    assert!(table.next_due(now + SECOND * 9).is_none());
    assert!(matches!(
        table.next_due(now + SECOND * 10),
        Some(Due::Expired(_))
    ));
    assert!(table.next_due(now + SECOND * 10).is_none());
    assert_eq!(table.timer(soon), None);
    let Poll::Ready(Err(error)) = poll(&mut table, soon) else {
        panic!()
    };
    assert_eq!(error.to_string(), "no reply within 10s (1 transmissions)");
    assert!(error.may_have_executed());
    assert!(poll(&mut table, late).is_pending());
    assert_eq!(table.next_timer(), Some(now + SECOND * 25));
}

#[test]
fn the_end_of_the_connection_ends_every_call_that_still_waits() {
    let (mut table, now) = (CallTable::new(7), Instant::now());
    let (answered, _) = begin(&mut table, now, 25);
    let (waiting, _) = begin(&mut table, now, 25);
    table.reply(now, &bytes(&[answered, 1, 0, 0, 0, 0]));
    let lost = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    table.fail_all(&CallError::Disconnected(Arc::new(lost)));
    assert!(matches!(poll(&mut table, answered), Poll::Ready(Ok(_))));
    let ended = poll(&mut table, waiting);
    assert!(matches!(
        ended,
        Poll::Ready(Err(CallError::Disconnected(_)))
    ));
    assert!(table.is_empty());
}
