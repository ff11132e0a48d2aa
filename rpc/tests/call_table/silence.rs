//! Servers of which nothing is heard over datagrams.

use std::time::{Duration, Instant};

use oncrpc::{CallTable, Retransmit};

use crate::{SECOND, begin, bytes};

fn table() -> CallTable {
    CallTable::new(7).with_retransmit(Retransmit {
        jitter: 0,
        ..Retransmit::adaptive()
    })
}

/// Brings time to the deadline of every call.
fn expire(table: &mut CallTable) -> Option<Instant> {
    let mut last = None;
    while let Some(now) = table.next_timer() {
        table.next_due(now);
        last = Some(now);
    }
    last
}

#[test]
fn a_server_is_silent_when_a_call_was_sent_again_in_vain() {
    let (mut table, start) = (table(), Instant::now());
    begin(&mut table, start, 25);
    assert!(!table.is_silent());
    expire(&mut table);
    assert!(table.is_silent());
}

#[test]
fn a_call_that_was_sent_once_says_nothing_of_the_server() {
    let (mut table, start) = (table(), Instant::now());
    begin(&mut table, start, 1);
    expire(&mut table);
    assert!(!table.is_silent());
}

#[test]
fn a_server_that_answers_anything_is_not_silent() {
    let (mut table, start) = (table(), Instant::now());
    let (quick, _) = begin(&mut table, start, 25);
    begin(&mut table, start, 25);
    let reply = bytes(&[quick, 1, 0, 0, 0, 0]);
    table.reply(start + Duration::from_millis(1), (&reply).into());
    let expired = expire(&mut table).unwrap_or(start);
    assert!(!table.is_silent());
    // From then on it is.
    begin(&mut table, expired, 25);
    let expired = expire(&mut table).unwrap_or(start);
    assert!(table.is_silent());
    // A reply that is too late is one.
    table.reply(expired + SECOND, (&reply).into());
    assert!(!table.is_silent());
}

#[test]
fn on_a_stream_nobody_is_silent() {
    let (mut table, start) = (CallTable::new(7), Instant::now());
    begin(&mut table, start, 25);
    expire(&mut table);
    assert!(!table.is_silent());
}
