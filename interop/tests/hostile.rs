//! The hostile messages of `tests/tests/hostile`, for rpcbind on a host of its own, and for Debian's beside it.
//!
//! Ours has to give the right answer to each of them, and to be alive after it. Of Debian's nothing is asked: how many
//! the two do not answer alike is counted, and printed with `--nocapture`.
#![expect(clippy::expect_used, reason = "a helper of a test may fail it")]

#[path = "../../tests/tests/hostile/suite/mod.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "it is for another service, too, and a crate of its own but for the manifest"
)]
mod suite;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::thread;
use std::time::Duration;

use oncrpc_interop::{Host, Which, needs_root};
use suite::cases::{self, Case};
use suite::judge::Heard;
use suite::law;
use suite::portmapper::PORTMAPPER;
use suite::run::Run;
use suite::server::{Server, Transport};

/// How long an answer is waited for that has to come: of ours only what hangs meets it; theirs may have none.
const PATIENCE: Duration = Duration::from_secs(20);
const PATIENCE_WITH_THEIRS: Duration = Duration::from_secs(1);

#[test]
fn every_hostile_message_is_answered_as_it_has_to_be_on_a_host_of_its_own() {
    needs_root!();
    let cases = &cases::of(&PORTMAPPER);
    let (mut sent, mut unlike) = (0, 0);
    for transport in Transport::ALL {
        let [theirs, ours] = thread::scope(|scope| {
            let asked = Which::BOTH.map(|which| scope.spawn(move || ask(which, transport, cases)));
            asked.map(|asked| asked.join().expect("it has not panicked"))
        });
        for (theirs, ours) in theirs.iter().zip(&ours) {
            sent += usize::from(ours.is_some());
            unlike += usize::from(theirs != ours);
        }
    }
    println!(
        "{} messages, sent {sent} times; {unlike} are not answered alike",
        cases.len()
    );
}

/// Sends the messages; gives back what each came to, and nothing of those that do not go this way. Of ours that has to
/// be right.
fn ask(which: Which, transport: Transport, cases: &[Case]) -> Vec<Option<String>> {
    let mut answers = Vec::new();
    while answers.len() < cases.len() {
        let host = Host::new();
        let _rpcbind = host.rpcbind(which, &[]);
        let server = Server {
            program: &PORTMAPPER,
            v4: (Ipv4Addr::LOCALHOST, 111).into(),
            v6: Some((Ipv6Addr::LOCALHOST, 111).into()),
            unix: Some(host.path("/run/rpcbind.sock")),
            patience: match which {
                Which::Ours => PATIENCE,
                Which::Theirs => PATIENCE_WITH_THEIRS,
            },
        };
        let rest = &cases[answers.len()..];
        answers.extend(host.in_network(|| ask_one(which, &server, transport, rest)));
    }
    answers
}

/// Sends messages to one rpcbind for as long as it answers null calls.
fn ask_one(
    which: Which,
    server: &Server,
    transport: Transport,
    cases: &[Case],
) -> Vec<Option<String>> {
    let mut run = Run::new(server, transport).expect("it listens");
    let mut answers = Vec::new();
    for case in cases {
        let seen = run.send(case);
        let alive = seen.as_ref().is_none_or(|seen| seen.alive);
        if let (Which::Ours, Some(seen)) = (which, &seen) {
            let (name, wrong) = (&case.name, &seen.wrong);
            assert!(
                wrong.is_none() && alive,
                "{name} by {transport:?}: {wrong:?}"
            );
        }
        answers.push(seen.map(|seen| gist(&seen.heard)));
        if !alive {
            break;
        }
    }
    answers
}

/// What was heard, without results: they tell of the time and of what is registered.
fn gist(heard: &Heard) -> String {
    let replies = heard.replies.iter().map(|reply| {
        let xid = reply
            .first_chunk()
            .map_or(0, |xid| u32::from_be_bytes(*xid));
        match law::reply(reply, xid) {
            Some(law::Reply::Refused(refusal)) => format!("{refusal:?}, "),
            Some(law::Reply::Success(_)) => "success, ".to_owned(),
            None => "no reply, ".to_owned(),
        }
    });
    format!("{}{:?}", replies.collect::<String>(), heard.end)
}
