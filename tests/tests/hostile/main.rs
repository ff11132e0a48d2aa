//! Nothing that is sent to a server stalls it, grows it or ends it, and each message gets the answer that RFC 5531 has
//! for it: hostile messages for rpcbind and for a generated service, by every way, with a look at the server after each.
#![expect(clippy::unwrap_used, reason = "a helper of a test may fail it")]

mod fake;
mod judged;
mod mutants;
mod process;
#[expect(unreachable_pub, reason = "a crate of its own, but for the manifest")]
mod suite;

use process::Process;
use suite::cases::{self, Case};
use suite::every::EVERY;
use suite::portmapper::PORTMAPPER;
use suite::run::Run;
use suite::server::{Server, resident};

/// What a server may have grown by when it has seen all messages.
const GROWTH: u64 = 1 << 20;

#[test]
fn no_message_stalls_grows_or_ends_rpcbind() {
    let place = process::Place::new("rpcbind");
    let process = place.rpcbind();
    survives(&process, &place.server(&PORTMAPPER), 500);
}

#[test]
fn no_message_stalls_grows_or_ends_a_generated_service() {
    let place = process::Place::new("every");
    let process = place.every();
    survives(&process, &place.server(&EVERY), 400);
}

/// Sends everything by every way, and expects what is to be expected.
fn survives(process: &Process, server: &Server, least: usize) {
    let cases = cases::of(server.program);
    assert!(cases.len() >= least, "{} messages", cases.len());
    // First what is longest and least like a call, for whatever is allocated once.
    let (of_fields, others): (Vec<_>, Vec<_>) = cases.into_iter().partition(Case::is_of_a_field);
    let mut wrong = Vec::new();
    let mut sent = send_all(server, &others, &mut wrong);
    let before = resident(process.id()).unwrap();
    for cases in [&of_fields, &others] {
        sent += send_all(server, cases, &mut wrong);
    }
    let grown = resident(process.id()).unwrap().saturating_sub(before);
    let messages = of_fields.len() + others.len();
    println!(
        "{messages} messages, sent {sent} times; grown by {} KiB",
        grown >> 10
    );
    let first = wrong[..wrong.len().min(20)].join("\n");
    assert!(
        wrong.is_empty(),
        "{} of {sent} are answered wrongly; the first:\n{first}",
        wrong.len()
    );
    assert!(grown <= GROWTH, "grown by {grown} bytes");
}

/// Sends these by every way; gives back how many went, and adds what was wrong.
fn send_all(server: &Server, cases: &[Case], wrong: &mut Vec<String>) -> usize {
    let mut sent = 0;
    for transport in server.transports() {
        let mut run = Run::new(server, transport).unwrap();
        for case in cases {
            let Some(seen) = run.send(case) else { continue };
            sent += 1;
            let (name, end) = (&case.name, seen.heard.end);
            let what = seen
                .wrong
                .map(|what| format!("{name} by {transport:?}: {what} (then: {end:?})"));
            assert!(seen.alive, "no longer alive after {what:?}");
            wrong.extend(what);
        }
    }
    sent
}
