//! The call table on a clock of the test's own: every call ends once, with its reply or in time.

mod refusal;
mod retransmission;
mod silence;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use oncrpc::auth::{AuthError, AuthNone, AuthRef, ClientAuth, Refresh, Token};
use oncrpc::call::carrier::Arguments;
use oncrpc::call::table::{Due, NewCall};
use oncrpc::proto::rpc_msg::AuthStat;
use oncrpc::{CallError, CallTable, ProcedureId, Refusal, Retransmit};
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
    };
    let mut out = Writer::new();
    let Ok(xid) = table.begin(&call, None, &mut out) else {
        panic!("AUTH_NONE seals everything")
    };
    table.start(now);
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
    match table.take(xid) {
        Some(over) => Poll::Ready(over.result.map_err(CallError::from)),
        None => {
            table.wait(xid, Waker::noop());
            Poll::Pending
        }
    }
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
            .reply(now, (&bytes(&[second, 1, 0, 0, 0, 0, 42])).into())
            .is_some()
    );
    assert!(poll(&mut table, first).is_pending());
    let Poll::Ready(Ok(body)) = poll(&mut table, second) else {
        panic!()
    };
    assert_eq!(body, bytes(&[42]));
    table.reply(now, (&bytes(&[first, 1, 0, 0, 0, 0])).into());
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
    assert!(
        table
            .reply(now, (&bytes(&[8, 1, 0, 0, 0, 0])).into())
            .is_none()
    );
    assert!(
        table
            .reply(now, (&bytes(&[xid, 0, 2, 1, 1, 1])).into())
            .is_none()
    );
    assert!(
        table
            .reply(now, (&Bytes::from_static(b"\0\0\0\x07")).into())
            .is_none()
    );
    assert!(poll(&mut table, xid).is_pending());
    table.cancel(xid);
    assert!(
        table
            .reply(now, (&bytes(&[xid, 1, 0, 0, 0, 0])).into())
            .is_none()
    );
    assert!(table.is_empty() && table.next_timer().is_none());
}

#[test]
fn every_refusal_reaches_the_caller() {
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
        table.reply(now, (&bytes(&[&[xid, 1][..], reply].concat())).into());
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
    table.reply(now, (&bytes(&[xid, 1, 0, 0])).into());
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
        table.reply(now, (&reply(xid, flavor, 100)).into());
        let body = poll(&mut table, xid);
        assert!(matches!(body, Poll::Ready(Ok(body)) if body == bytes(&[42])));
        let (xid, _) = begin(&mut table, now, 25);
        table.reply(now, (&reply(xid, flavor, 101)).into());
        let error = poll(&mut table, xid);
        assert!(matches!(error, Poll::Ready(Err(CallError::Decode(_)))));
    }
}

#[test]
fn the_time_of_a_call_begins_with_its_start() {
    let (mut table, now) = (CallTable::new(7), Instant::now());
    let call = NewCall {
        id: ID,
        args: &Writer::new(),
        auth: &(Arc::new(AuthNone) as _),
        timeout: SECOND,
    };
    let mut out = Writer::new();
    let xids = [(); 3].map(|()| table.begin(&call, None, &mut out).unwrap());
    assert_eq!((table.next_timer(), table.timer(xids[0])), (None, None));
    assert!(table.next_due(now + SECOND * 100).is_none());
    table.cancel(xids[1]);
    table.start(now + SECOND * 100);
    assert_eq!(table.next_timer(), Some(now + SECOND * 101));
    // One whose time has not begun ends as well.
    let unsent = table.begin(&call, None, &mut out).unwrap();
    table.reply(now, (&bytes(&[unsent, 1, 0, 0, 0, 0])).into());
    table.start(now);
    assert!(poll(&mut table, unsent).is_ready());
    for _ in 0..2 {
        let due = table.next_due(now + SECOND * 101);
        assert!(matches!(due, Some(Due::Expired(_))));
    }
    assert_eq!(table.next_timer(), None);
}

#[test]
fn a_flavor_with_tokens_opens_the_reply_with_those_of_all_transmissions() {
    let flavor = Arc::new(Counting::default());
    let policy = Retransmit::fixed(SECOND);
    let (table, now) = (CallTable::new(7), Instant::now());
    let mut table = table.with_retransmit(policy);
    let call = NewCall {
        id: ID,
        args: &Writer::new(),
        auth: &(flavor.clone() as _),
        timeout: SECOND * 25,
    };
    let xid = table.begin(&call, None, &mut Writer::new()).unwrap();
    table.start(now);
    for sent in 1..3 {
        let due = table.next_due(now + SECOND * sent);
        assert!(matches!(due, Some(Due::Resend(_))));
    }
    table.reply(now, (&bytes(&[xid, 1, 0, 99, 4, 1, 0, 42])).into());
    let Poll::Ready(Ok(body)) = poll(&mut table, xid) else {
        panic!()
    };
    assert_eq!(body, bytes(&[1, 2, 3, 99]));
}

/// Numbers its transmissions; the body of a reply becomes the tokens that it is opened with, and its verifier's flavor.
#[derive(Debug, Default)]
struct Counting(AtomicU64);

impl ClientAuth for Counting {
    fn seal(
        &self,
        _: u32,
        _: ProcedureId,
        args: &dyn Arguments,
        w: &mut Writer,
    ) -> Result<Option<Token>, CallError> {
        args.write(w)?;
        Ok(Some(Token(self.0.fetch_add(1, Ordering::Relaxed) + 1)))
    }

    fn open(&self, sent: &[Token], verifier: AuthRef<'_>, _: Bytes) -> Result<Bytes, AuthError> {
        let tokens = sent.iter().map(|token| token.0 as u32);
        let words: Vec<u32> = tokens.chain([verifier.flavor]).collect();
        Ok(bytes(&words))
    }

    fn refresh(&self, _: AuthStat) -> Refresh {
        Refresh::GiveUp
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
    assert_eq!(error.to_string(), "no reply within 10s (sent once)");
    assert!(error.may_have_executed());
    assert!(poll(&mut table, late).is_pending());
    assert_eq!(table.next_timer(), Some(now + SECOND * 25));
}

#[test]
fn the_end_of_the_connection_ends_every_call_that_still_waits() {
    let (mut table, now) = (CallTable::new(7), Instant::now());
    let (answered, _) = begin(&mut table, now, 25);
    let (waiting, _) = begin(&mut table, now, 25);
    table.reply(now, (&bytes(&[answered, 1, 0, 0, 0, 0])).into());
    let lost = Arc::new(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    table.fail_all(|_| CallError::Disconnected(lost.clone()));
    assert!(matches!(poll(&mut table, answered), Poll::Ready(Ok(_))));
    let ended = poll(&mut table, waiting);
    assert!(matches!(
        ended,
        Poll::Ready(Err(CallError::Disconnected(_)))
    ));
    assert!(table.is_empty());
}
